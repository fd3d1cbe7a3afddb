/**
 * The replicated metadata: rows in an ordered store, changed only by commands that went through the Raft log.
 *
 * How the parts fit
 * - `keys.ts` says where each row lies; `docs/internals/meta.md` draws it. The rows are protobuf (`proto/skerry/meta/v1/rows.proto`).
 * - `apply.ts` with one file for each command in `commands/`: what a committed entry does. Pure, synchronous, deterministic. It works on an
 *   `ApplyState`: the store's rows with the batch's changes on top.
 * - `machine.ts`: Raft's state machine. Applies batches, writes each in one store write together with the applied index, publishes.
 * - `metadata.ts` (`proposer.ts`, `barrier.ts`): what the rest of the node calls. Commands keep their place in a session however often they
 *   are proposed; reads are local behind a barrier. `view.ts` reads the rows.
 * - `row-versions.ts`, `shared-state.ts`: numbers in shared memory that say where the state stands and which rows have changed, for all threads that read it.
 * - `thread/`: the metadata on a thread that does not apply the log: the same rows, read there; commands sent to the thread that does.
 * - `snapshot/`: the state as a stream to a peer that is too far behind, and the directory in which a received one takes the live one's place.
 * - `invariants.ts` recomputes everything that is derived, for tests, fsck and the simulator.
 *
 * Invariants
 * - The applied index, the sessions and the rows of a batch are one write: a replay of the log begins exactly behind what the store has.
 * - Apply reads no clock and no chance. Time is the greatest that a leader stamped on an applied entry.
 * - A blob's reference count is the number of its reference rows, at every index.
 * - A node unlinks only what a committed BeginBlobDelete ordered; a blob that is being deleted gets no reference any more.
 * - Replicas have the same state hash at the same index.
 *
 * Order: store write, then the applied index is published, then waiters and listeners run. Nothing is acknowledged before.
 */

export type { AppliedCommand } from "./apply.ts";
export type { ApplyHasher, CommittedRows } from "./apply-state.ts";
export { MetaError, type MetaErrorCode, StateStoreError, type StateStoreErrorCode } from "./errors.ts";
export { type CheckedRows, checkInvariants, type Violation } from "./invariants/index.ts";
export { APPLIED_KEY, SHARD_RANGE, TABLES, tableLetter, tableRange } from "./keys.ts";
export {
  LAYOUT_EPOCH_LAG,
  MAX_BLOB_WRITE_MS,
  MAX_IDENTITIES,
  MAX_INLINE_BYTES,
  MAX_REWRAPPED_KEYS,
} from "./limits.ts";
export { LiveStore } from "./live-store.ts";
export { MetaStateMachine, type MetaStateMachineOptions } from "./machine.ts";
export { ReplicatedMetadata, type ReplicatedMetadataOptions } from "./metadata.ts";
export type {
  AppliedChange,
  BlobRange,
  CommandBody,
  CommittedEntry,
  ConfigurationState,
  Holdings,
  LeadershipStatus,
  ListRange,
  ManifestRange,
  Metadata,
  MetadataClient,
  MetadataView,
  NamespaceIdRange,
  NamespaceListRange,
  ProposalLog,
  SnapshotMark,
  StateHash,
  StillView,
  UnderReplicatedBlob,
  UploadListRange,
  VersionListRange,
} from "./ports.ts";
export { createStateMemory, type StateMemory } from "./shared-state.ts";
export { StateStoreDirectory } from "./snapshot/directory.ts";
export { SnapshotReceiver } from "./snapshot/receiver.ts";
export { SnapshotSender } from "./snapshot/sender.ts";
export type { ObjectSummary } from "./summaries.ts";
export type { FromMetadata, ReaderStart, ToMetadata } from "./thread/protocol.ts";
export { RemoteMetadata } from "./thread/remote-metadata.ts";
export { MetadataServer } from "./thread/serve-metadata.ts";
