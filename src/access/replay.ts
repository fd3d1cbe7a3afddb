import { assert } from "../base/index.ts";

/**
 * Signatures that were accepted, so that the same request is noticed when it comes again. A signature covers one request head, so two requests with the
 * same signature are the same request. Pure: the wall time comes in with every call. Bounded: when it is full the oldest signature is forgotten.
 */
export class ReplayCache {
  /** When each signature ends, in the order in which they came. */
  readonly #endsMs = new Map<string, number>();
  readonly #maxSignatures: number;
  #forgottenEarly = 0;

  constructor(maxSignatures: number) {
    assert(maxSignatures >= 1, "a replay cache has room for a signature");
    this.#maxSignatures = maxSignatures;
  }

  /** "repeated": it was noted before and has not ended. Else it is noted now. */
  note(signature: string, endsMs: number, nowMs: number): "fresh" | "repeated" {
    const known = this.#endsMs.get(signature);
    if (known !== undefined && known >= nowMs) return "repeated";
    this.#endsMs.delete(signature);
    if (this.#endsMs.size >= this.#maxSignatures) this.#makeRoom(nowMs);
    this.#endsMs.set(signature, endsMs);
    return "fresh";
  }

  /** The request came to nothing: its client may send it again. */
  forget(signature: string): void {
    this.#endsMs.delete(signature);
  }

  get size(): number {
    return this.#endsMs.size;
  }

  /** Signatures that could still have been repeated when they had to go: the cache is too small for the traffic. */
  get forgottenEarly(): number {
    return this.#forgottenEarly;
  }

  #makeRoom(nowMs: number): void {
    const oldest = this.#endsMs.entries().next();
    if (oldest.done === true) return;
    const [signature, endsMs] = oldest.value;
    if (endsMs >= nowMs) this.#forgottenEarly++;
    this.#endsMs.delete(signature);
  }
}
