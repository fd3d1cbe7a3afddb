/**
 * Pure helpers of the field. Everything here is a function of its arguments or a small data structure: no clock, no chance, no I/O, and nothing
 * of Node. Every other module may import it; it imports nothing.
 *
 * - `assert`: invariants. A violated one is a bug; the node stops with its name.
 * - `bytes`, `base64`, `varint`: byte strings and how they are written down.
 * - `key-order`: keys are ordered by their UTF-8 bytes everywhere; `successorOfPrefix` ends a range over a prefix.
 * - `ids`: time-ordered 16-byte ids. `prng`: random numbers from a seed, with a child for each subsystem.
 * - `growing-buffer`: bytes that come in pieces, in one buffer. `recycled-buffers`: large buffers that are used again. `recent-set`: the latest so many things.
 * - `transient-set`, `sequence-window`: things that come and go all the time, such as the requests under way.
 * - `thread-port`, `packed-bytes`: what threads say to each other, and how byte strings get across.
 * - `slewed-time`: a time that never goes back, and does not stand still either.
 * - `shared-table`: named numbers that several threads count together.
 * - `deferred`, `bounded-queue`, `semaphore`, `mutex`: the few things that wait, first come, first served.
 */

export { assert, InvariantViolation, unreachable } from "./assert.ts";
export { fromBase64, fromBase64Url, toBase64, toBase64Url } from "./base64.ts";
export { BoundedQueue } from "./bounded-queue.ts";
export {
  compareBytes,
  concatBytes,
  EMPTY_BYTES,
  equalBytes,
  fromHex,
  toHex,
  totalBytes,
  writeUint32,
} from "./bytes.ts";
export { Deferred } from "./deferred.ts";
export { firstIndex } from "./first-index.ts";
export { followSignal } from "./follow-signal.ts";
export { GrowingBuffer } from "./growing-buffer.ts";
export { ID_BYTES, ID_RANDOM_BYTES, TimeOrderedIds, timeOfIdMs } from "./ids.ts";
export { compareKeys, successorOfPrefix } from "./key-order.ts";
export { Mutex } from "./mutex.ts";
export { type PackedBytes, packBytes, unpackBytes } from "./packed-bytes.ts";
export { createPrng, type Prng } from "./prng.ts";
export { RecentSet } from "./recent-set.ts";
export { RecycledBuffers } from "./recycled-buffers.ts";
export { BODY_SALT_BYTES, FRAME_BYTES, FRAME_TAG_BYTES, sealedLength } from "./sealed-length.ts";
export { type Permit, WeightedSemaphore } from "./semaphore.ts";
export { SequenceWindow } from "./sequence-window.ts";
export { createSharedIndex, loadIndex, type SharedIndex, storeIndex } from "./shared-index.ts";
export { SHARED_TABLE_SEED_BYTES, SharedTable } from "./shared-table.ts";
export { ClusterTime, SlewedTime } from "./slewed-time.ts";
export type { ThreadPort } from "./thread-port.ts";
export { type Transient, TransientSet } from "./transient-set.ts";
export { readVarint, type Varint, varintLength, writeVarint } from "./varint.ts";
