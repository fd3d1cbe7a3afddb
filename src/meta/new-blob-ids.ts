/** Ids of one generation. */
const GENERATION_IDS = 8_192;

/**
 * Tells that a blob's id has never been used without looking into the store, where it can: ids begin with their time, so that a new one is greater than
 * nearly all there are. Every id above `floor` that has been used is in one of two generations; the floor rises when the older one is forgotten. What is below
 * it, or has been used, is for the store to say: that something was used does not mean that it is still there.
 */
export class NewBlobIds {
  readonly #generationIds: number;
  #floor: string;
  #young = new Set<string>();
  #old: ReadonlySet<string> = new Set();

  /** `greatest`: of the ids that have been used so far, in hexadecimal; "" when there are none. */
  constructor(greatest: string, generationIds = GENERATION_IDS) {
    this.#floor = greatest;
    this.#generationIds = generationIds;
  }

  /** True: it has not been used. False: it may have been. */
  isSurelyNew(blobHex: string): boolean {
    return blobHex > this.#floor && !this.#young.has(blobHex) && !this.#old.has(blobHex);
  }

  /** It is used from now on. */
  add(blobHex: string): void {
    if (blobHex <= this.#floor) return;
    this.#young.add(blobHex);
    if (this.#young.size < this.#generationIds) return;
    for (const forgotten of this.#old) if (forgotten > this.#floor) this.#floor = forgotten;
    this.#old = this.#young;
    this.#young = new Set();
  }
}
