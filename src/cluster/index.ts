/**
 * The cluster engine: who the nodes are, how they find and watch each other, where blobs go, and the background work that only membership
 * decides.
 *
 *   identity    founding, join-client, join-service, join-token, ca, issuer, renewal, node-directory
 *   health      failure-detector (pure), health-service (heartbeats), state-hash (pure)
 *   placement   rendezvous, placement, copysets (pure), layout (what a write asks)
 *   membership  membership (pure: who may leave, who may lead), leadership (handing over)
 *   repair      world, decide, plan, rebalance (pure); candidates, repair-worker (leader); copier, copy-service (every node)
 *   workers     configuration-plan (pure); leader: for the whole cluster, on the Raft leader; local: on every node
 *
 * What decides is pure and sees time and rows as arguments; what waits asks the ports. The metadata, the Raft group and the segments are
 * ports here: `server` joins the engines.
 *
 * Order and invariants:
 * - An identity is written once. A data directory that holds data without an identity is refused; a fresh one gets an incarnation that was never
 *   used before. A node's name and incarnation are durable before it first asks to join.
 * - A node id comes from the state machine, in the entry that uses up the token. The certificate is made after it, for that id only.
 * - A node: JOINING (registered) -> ACTIVE (answers, and holds the metadata if it is to) -> in copysets. In Raft: learner -> voter once it has
 *   caught up. Each step is taken by the leader's workers from what is committed, so that any leader goes on where the last one stopped.
 * - Copysets are planned by the leader and recorded; a plan is committed only against the layout epoch that it was made from.
 * - Bytes are unlinked only by order of a committed entry, and acknowledged only after the unlinking is durable.
 */

export {
  type ClusterCa,
  certificateChainPem,
  certificateFingerprint,
  createClusterCa,
  createNodeKey,
  issueNodeCertificate,
  type NodeKey,
} from "./ca.ts";
export type { Copyset, PlannedCopyset, SpareOptions, Writability } from "./copysets.ts";
export { ClusterError, type ClusterErrorCode } from "./errors.ts";
export {
  DEFAULT_FAILURE_DETECTOR,
  type FailureDetectorOptions,
  type PeerTransition,
} from "./failure-detector.ts";
export {
  completeFounding,
  type FoundingCommandOptions,
  type FoundOptions,
  foundCluster,
  foundingCommand,
} from "./founding.ts";
export { HealthService, type HealthServiceOptions, type HeartbeatPeer } from "./health-service.ts";
export { type CertificateIssuer, createIssuer, type IssuerOptions } from "./issuer.ts";
export { type Joined, type JoinOptions, joinCluster } from "./join-client.ts";
export type { JoinOutcome, JoinServiceOptions } from "./join-service.ts";
export {
  type JoinToken,
  type JoinTokenRecord,
  type MintJoinTokenOptions,
  mintJoinToken,
} from "./join-token.ts";
export { type BlobPlace, createLayout, isShortOfSpace, type Layout, placeBlob } from "./layout.ts";
export { type HandOverOptions, handOver } from "./leadership.ts";
export { heartbeatPeersOf, membershipHandlers } from "./members.ts";
export {
  heirOf,
  type MembershipRefusal,
  type MembershipView,
  whyNotDrained,
  whyNotLeader,
  whyNotRemoved,
} from "./membership.ts";
export {
  type DirectoryState,
  FOUNDING_KEYS_FILE,
  type JoiningDraft,
  NodeDirectory,
  type NodeDirectoryOptions,
  type NodeLife,
  type PeerAddress,
  type StoredIdentity,
} from "./node-directory.ts";
export { formatAddress, type NodeDescription, parseAddress } from "./node-rows.ts";
export type { PlacementOptions } from "./placement.ts";
export type {
  ClusterMetadata,
  ClusterView,
  ClusterWorker,
  HealthView,
  LocalHealth,
  NodeIdentity,
  PeerHealth,
  PinnedConnect,
  PlacementNode,
  RaftControl,
  SecretSealer,
  SegmentUnlinker,
} from "./ports.ts";
export { certificateRenewalWorker, type RenewalOptions } from "./renewal.ts";
export { BlobLocks } from "./repair/blob-locks.ts";
export { BlobCopier, type CopierOptions, type CopyOutcome, type WantedBlob } from "./repair/copier.ts";
export {
  type CopyServiceOptions,
  type CopyTarget,
  copyHandler,
  requestCopies,
} from "./repair/copy-service.ts";
export { Inventory, type InventoryOptions } from "./repair/inventory.ts";
export { LostChunks, type LostChunksOptions, lostChunksWorker } from "./repair/lost-chunks.ts";
export type { ChunkCopies, LocalAddress, RepairEvents, RepairMetadata, RepairView } from "./repair/ports.ts";
export { type RepairSettings, type RepairWorkerOptions, repairWorker } from "./repair/repair-worker.ts";
export { Scrub, type ScrubOptions, type ScrubStatus } from "./repair/scrub.ts";
export type { UpkeepStore } from "./repair/upkeep-rows.ts";
export type { StateHashSample, StateHashVerdict } from "./state-hash.ts";
export { type LeaderWorkerOptions, leaderWorkers } from "./workers/leader.ts";
export {
  type AnnounceWorkerOptions,
  announceWorker,
  type StateHashWatchOptions,
  stateHashWatch,
  type UnlinkWorkerOptions,
  unlinkWorker,
} from "./workers/local.ts";
export { type MaintenanceWorkerOptions, maintenanceWorker } from "./workers/maintenance.ts";
