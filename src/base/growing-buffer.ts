import { EMPTY_BYTES } from "./bytes.ts";

const LEAST_BYTES = 1024;

/**
 * Bytes that come in pieces, copied one behind the other into one buffer: a piece costs its bytes and no object of its own, however small it is.
 * At most twice what came is taken, or `LEAST_BYTES`.
 */
export class GrowingBuffer {
  readonly #expectedBytes: number;
  #buffer: Uint8Array = EMPTY_BYTES;
  #sizeBytes = 0;

  /** `expectedBytes`: how many are announced or allowed. The buffer doubles up to that; more is taken too, but not ahead. */
  constructor(expectedBytes: number) {
    this.#expectedBytes = expectedBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** What is taken for them. */
  get capacityBytes(): number {
    return this.#buffer.length;
  }

  /** Copies the piece, which its owner may use again. */
  append(piece: Uint8Array): void {
    const sizeBytes = this.#sizeBytes + piece.length;
    if (sizeBytes > this.#buffer.length) this.#grow(sizeBytes);
    this.#buffer.set(piece, this.#sizeBytes);
    this.#sizeBytes = sizeBytes;
  }

  /** All that came. A view: nothing is appended any more. */
  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#sizeBytes);
  }

  #grow(neededBytes: number): void {
    const doubled = Math.max(LEAST_BYTES, 2 * this.#buffer.length);
    const grown = new Uint8Array(Math.max(neededBytes, Math.min(doubled, this.#expectedBytes)));
    grown.set(this.bytes());
    this.#buffer = grown;
  }
}
