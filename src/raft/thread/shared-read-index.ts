/**
 * What `readIndexNow` gives on the Raft thread, for another thread to look at without asking. It is written before anything that follows from it leaves the
 * Raft thread, so that whoever has been told of a commit finds it here.
 */

/** In place of an index: somebody has to be asked. */
const UNKNOWN = -1n;

export type SharedReadIndex = BigInt64Array<SharedArrayBuffer>;

export function createSharedReadIndex(): SharedReadIndex {
  return new BigInt64Array(new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT)).fill(UNKNOWN);
}

export function writeReadIndex(shared: SharedReadIndex, index: number | undefined): void {
  Atomics.store(shared, 0, index === undefined ? UNKNOWN : BigInt(index));
}

export function loadReadIndex(shared: SharedReadIndex): number | undefined {
  const index = Number(Atomics.load(shared, 0));
  return index < 0 ? undefined : index;
}
