/** A namespace to look at. */
export interface DueMerge {
  readonly namespaceId: bigint;
  /** Nobody has written to it for a while. */
  readonly isAtRest: boolean;
}

/**
 * Namespaces whose segments may be merged: what this node has flushed, at once and again when it has come to rest. A namespace whose node went away is
 * looked at after its next flush, or when it cannot be flushed because it has too many segments. In memory: two numbers for each namespace that was flushed within `restMs`.
 */
export class MergeQueue {
  readonly #restMs: number;
  readonly #changed = new Set<bigint>();
  /** When each was flushed or merged last, the oldest first. */
  readonly #quiet = new Map<bigint, number>();

  constructor(restMs: number) {
    this.#restMs = restMs;
  }

  get hasChanged(): boolean {
    return this.#changed.size > 0;
  }

  /** It has other segments than before. */
  changed(namespaceId: bigint, nowMs: number): void {
    this.#changed.add(namespaceId);
    this.#quiet.delete(namespaceId);
    this.#quiet.set(namespaceId, nowMs);
  }

  /** It has too many segments. Since when it rests does not change. */
  full(namespaceId: bigint): void {
    this.#changed.add(namespaceId);
  }

  /** Is not given again until it has changed, or is `postponed`. */
  next(nowMs: number): DueMerge | undefined {
    const [changed] = this.#changed;
    if (changed !== undefined) {
      this.#changed.delete(changed);
      return { namespaceId: changed, isAtRest: false };
    }
    const [quiet] = this.#quiet;
    if (quiet === undefined || nowMs - quiet[1] < this.#restMs) return undefined;
    this.#quiet.delete(quiet[0]);
    return { namespaceId: quiet[0], isAtRest: true };
  }

  /** It could not be done now. */
  postponed({ namespaceId, isAtRest }: DueMerge, nowMs: number): void {
    if (!isAtRest) this.#changed.add(namespaceId);
    else if (!this.#quiet.has(namespaceId)) this.#quiet.set(namespaceId, nowMs);
  }
}
