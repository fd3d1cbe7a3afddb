/**
 * Raft: one group of nodes agrees on one log of commands, and every node applies it.
 *
 * How the parts fit
 *
 *            proposals, reads                                     committed entries
 *   caller ------------------> shell/  ------ Message ------>  core/ (pure RawNode)
 *                               |  ^                               |
 *                               |  '---------- Ready --------------'
 *         MsgStorageAppend      |                MsgStorageApply
 *      .------------------------+--------------------------.
 *      v                        v                          v
 *    wal/ (one fdatasync      transport/ (one stream     StateMachine (LevelDB, on the
 *    for all that waits)      per ordered pair)          main thread)
 *
 * - `core/` decides: synchronous, no clock, no I/O. `shell/` does what it says and tells it what was done.
 * - `wal/` is what a node remembers: term, vote, entries. Its format is drawn in `docs/internals/wal.md`.
 * - `transport/` carries messages; every frame is checked against the TLS identity of its sender.
 * - `starts/` tells a directory that was put back from an older copy, or started twice, from the node.
 * - `thread/` puts all of it on a thread of its own (`startRaftThread`); `startRaftInline` runs the same on the calling thread, for the
 *   simulator and for tests.
 *
 * What always holds
 * 1. Nothing that promises (a vote, an acknowledged entry) leaves before what it promises is durable.
 * 2. Term, vote and entries are one ordered stream: an entry of a term is never durable before the term.
 * 3. The first error of a write or sync ends it: nothing more is written, sent or acknowledged, `onFatal` is called once.
 * 4. A log that is damaged in the middle is never cut: the node is fenced (no vote, no campaign, no reads) until a snapshot of the
 *    leader has replaced it, and does not vote before its log is again as good as the one it lost.
 * 5. The log is cut only behind an index that `StateMachine.checkpoint` has made durable.
 * 6. A read index is asked for after the call that wants it, under a context that is never used again.
 * 7. Calls to the state machine are in order, one at a time; a configuration is in force before a later entry is applied.
 */
export { type RaftFatalKind, type RaftUnavailableReason, WalError, type WalErrorCode } from "./errors.ts";
export type {
  ConfigurationChange,
  LogStorage,
  RaftGroup,
  RaftPeer,
  RaftProgress,
  RaftStatus,
  RestoredState,
  StateMachine,
} from "./ports.ts";
export {
  DEFAULT_RAFT_SETTINGS,
  logGrowthBytes,
  type MemberInspection,
  type RaftBootstrap,
  type RaftEvent,
  type RaftIdentity,
  type RaftInlineStart,
  type RaftPlatform,
  type RaftSettings,
  type RaftStart,
  type StartedInlineRaft,
  type StartedRaft,
  startRaftInline,
} from "./shell/index.ts";
export { forgetStartCount, readStartCount, writeStartCount } from "./starts/index.ts";
export {
  type RaftThreadStart,
  type RaftTls,
  type StartedRaftThread,
  startRaftThread,
} from "./thread/index.ts";
export type { ConfState, Entry, NodeId, SnapshotMetadata } from "./types.ts";
