/** An index that one thread writes and others look at without asking, or that it is not known. */

/** In place of an index. */
const UNKNOWN = -1n;

export type SharedIndex = BigInt64Array<SharedArrayBuffer>;

/** Unknown at first. */
export function createSharedIndex(): SharedIndex {
  return new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)).fill(UNKNOWN);
}

export function storeIndex(shared: SharedIndex, index: number | undefined): void {
  Atomics.store(shared, 0, index === undefined ? UNKNOWN : BigInt(index));
}

export function loadIndex(shared: SharedIndex): number | undefined {
  const index = Number(Atomics.load(shared, 0));
  return index < 0 ? undefined : index;
}
