/**
 * The write-ahead log: what a node remembers of its Raft groups. The bytes are drawn in `format.ts` and explained in
 * `docs/internals/wal.md`.
 *
 * - Writing: `Wal.append` takes jobs; `batch-encoder.ts` makes a batch of all that wait; one write, one sync, then every `onDurable`.
 * - Reading: `scan.ts` finds the good records of a segment, `recover.ts` decides what the gaps mean, `replay.ts` folds batches into the
 *   state of each group. All three are pure; `open.ts` reads the files for them and does what they decided.
 *
 * What always holds
 * - A batch is written only after the one before it is synced. So a batch that can be read proves those before it.
 * - A hard state stands before the entries of its term; the log is cut back by a record, never by changing what was written.
 * - A segment is removed only when all of its entries are behind durable SnapshotMarks, oldest first.
 * - Damage is never cut off. It is reported, and only `resetWal` replaces the log, in one step.
 */
export type { Crc32c } from "./format.ts";
export type { GroupTail, WalJob } from "./job.ts";
export { type OpenedWal, openWal, resetWal } from "./open.ts";
export { comparePositions, type GroupSummary, type LogPosition, type SnapshotMark } from "./record.ts";
export type { Cut, WalDamage } from "./recover.ts";
export type { ReplayedGroup } from "./replay.ts";
export type { WalIdentity } from "./segment-header.ts";
export { Wal, type WalOptions } from "./wal.ts";
