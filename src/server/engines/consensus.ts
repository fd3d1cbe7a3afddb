import { Deferred } from "../../base/index.ts";
import { ClusterError, parseAddress } from "../../cluster/index.ts";
import {
  createStateMemory,
  type Metadata,
  MetaStateMachine,
  ReplicatedMetadata,
  SnapshotReceiver,
  SnapshotSender,
  type StateMemory,
  type StateStoreDirectory,
} from "../../meta/index.ts";
import type { Logger, Metrics } from "../../observe/index.ts";
import type { DiskError, SocketAddress } from "../../platform/index.ts";
import { type RaftEvent, type RaftPeer, type StartedRaft, WalError } from "../../raft/index.ts";
import { raftAddressOf } from "../identity.ts";
import { measuredMetadata } from "../measured.ts";
import { checkNotStranded, withAdviceForAlone } from "./alone.ts";
import {
  checkLife,
  type EarlierStarts,
  joinAnew,
  logMissing,
  logOutdated,
  noteOutdated,
  noteStart,
} from "./node-life.ts";
import { type Closers, type EnginesOptions, META_GROUP_ID } from "./options.ts";
import { noteStateDamage, openStateStore } from "./state-store.ts";
import { watchTime } from "./time-watch.ts";

/** The replicated metadata of a node: its rows, the log that changes them, and the ways in which snapshots of them come and go. */
export interface Consensus {
  readonly stateDirectory: StateStoreDirectory;
  readonly machine: MetaStateMachine;
  readonly raft: StartedRaft;
  readonly metadata: Metadata;
  /** The same, not measured: whoever asks from another thread measures there. */
  readonly replicated: ReplicatedMetadata;
  /** Where other threads see where the state stands. */
  readonly memory: StateMemory;
  readonly onUnreadable: (error: DiskError) => void;
  readonly snapshots: SnapshotReceiver;
}

/** Opens the applied rows, recovers the log and takes part. `peerAddress` says where a node takes snapshots. */
export async function startConsensus(
  options: EnginesOptions,
  closers: Closers,
  peerAddress: (nodeId: number) => SocketAddress | undefined,
): Promise<Consensus> {
  const { platform, identified } = options;
  const { identity } = identified.stored;
  const earlier = await checkLife(options).catch((error: unknown) => {
    throw withAdviceForAlone(options, error);
  });
  const stateDirectory = await openStateStore(options);
  closers.push(() => stateDirectory.close());
  const stopOnce = once((error: Error) => stopFor(options, error));
  // Requests are refused one by one; a row that the disk has damaged makes the node get its state anew.
  const onUnreadable = (error: DiskError): void => {
    if (error.code === "damaged") stopOnce(error);
  };
  const memory = createStateMemory();
  const machine = new MetaStateMachine({
    nodeId: identity.nodeId,
    store: stateDirectory.live,
    hasher: {
      blake3: (bytes) => platform.hasher.blake3(bytes),
      md5: (bytes) => platform.hasher.digest("md5", bytes),
      crc32c: (bytes) => platform.hasher.digest("crc32c", bytes),
    },
    snapshots: stateDirectory,
    memory,
    onUnreadable,
  });
  const { index: appliedIndex } = await machine.restored();
  const noted = new Deferred<void>();
  const raft = await startRaft(options, machine, earlier, noted.promise);
  closers.push(() => raft.close());
  checkNotStranded(options, { fenced: raft.status().fenced, appliedIndex });
  await noteStart(options, earlier);
  noted.resolve();
  const replicated = new ReplicatedMetadata({ ...platform, nodeId: identity.nodeId, machine, log: raft });
  const metadata = measuredMetadata(replicated, options.metrics, platform.clock);
  watchRaft(options.metrics, raft, metadata);
  watchTime({ metadata, clock: platform.clock, metrics: options.metrics, logger: options.logger });
  closers.push(() => replicated.close());
  const parties = {
    ...platform,
    nodeId: identity.nodeId,
    clusterId: identity.clusterId,
    groupId: META_GROUP_ID,
  };
  const sender = new SnapshotSender({
    ...parties,
    store: stateDirectory.live,
    connect: (nodeId) => {
      const address = peerAddress(nodeId);
      return address && options.network.connect({ address, nodeId }, "snapshot");
    },
    waitForApplied: (index) => machine.waitForApplied(index),
  });
  machine.sendSnapshotsWith(sender);
  const snapshots = new SnapshotReceiver({ ...parties, directory: stateDirectory, log: raft, machine });
  return { stateDirectory, machine, raft, metadata, replicated, memory, onUnreadable, snapshots };
}

async function startRaft(
  options: EnginesOptions,
  stateMachine: MetaStateMachine,
  earlier: EarlierStarts,
  noted: Promise<void>,
): Promise<StartedRaft> {
  const { config, dataDirectory, identified, logger, metrics } = options;
  const { identity, foundingCaKeyPem } = identified.stored;
  const starting = options.startRaft({
    identity: { ...identity, groupId: META_GROUP_ID },
    directory: `${dataDirectory}/raft`,
    listen: raftAddressOf(config["peer.listen"]),
    advertiseHost: config["node.advertise_host"],
    peers: identified.peers.flatMap(raftPeerOf),
    ...(foundingCaKeyPem !== undefined && { bootstrap: { voters: [identity.nodeId] } }),
    requireExisting: earlier.count > 0,
    startNumber: earlier.count + 1,
    settings: { walSegmentBytes: config["raft.wal_segment_size"], ...options.tuning?.raft },
    stateMachine,
    onFatal: (error) => {
      if (error.kind === "outdated") void noted.then(() => stopOutdated(options, error));
      else stopFor(options, error);
    },
    onEvent: (event) => {
      countRaftEvent(metrics, event);
      logRaftEvent(logger, event);
    },
  });
  return starting.catch((error: unknown) => {
    throw withAdviceForAlone(options, startError(error, identity.name, dataDirectory));
  });
}

/** Peers know better than this directory: it is noted, so that no later start asks them again. After the start is noted, which would undo it. */
function stopOutdated(options: EnginesOptions, error: Error): void {
  noteOutdated(options, error).then(options.onFatal, options.onFatal);
}

/** The node ends; what it ends for is noted when the next start has to know. */
function stopFor(options: EnginesOptions, error: Error): void {
  noteStateDamage(options, error)
    .catch((problem: unknown) => options.logger.warn("damage could not be noted", { error: problem }))
    .finally(() => options.onFatal(error));
}

function once<A>(action: (argument: A) => void): (argument: A) => void {
  let isDone = false;
  return (argument) => {
    if (isDone) return;
    isDone = true;
    action(argument);
  };
}

/** What a log that cannot be used means for the operator. */
function startError(error: unknown, name: string, dataDirectory: string): unknown {
  if (!(error instanceof WalError)) return error;
  switch (error.code) {
    case "missing":
      return logMissing({ name }, dataDirectory);
    case "outdated":
      return logOutdated({ name }, dataDirectory);
    case "damaged":
      return new ClusterError("log-missing", error.message, joinAnew(name, dataDirectory), { cause: error });
    case "foreign":
      return new ClusterError(
        "log-outdated",
        `the Raft log in ${dataDirectory}/raft is of another node: ${error.message}`,
        "bring the log of this node back",
        { cause: error },
      );
    case "unknown-version":
      return new ClusterError(
        "identity-version",
        error.message,
        "start this data directory with the program version that wrote it, or a newer one",
        { cause: error },
      );
    default:
      return error;
  }
}

function countRaftEvent(metrics: Metrics, event: RaftEvent): void {
  if (event.kind === "fenced") metrics.raftLogDamage.increment();
  if (event.kind === "snapshot-installed") metrics.raftSnapshotsInstalled.increment();
}

/** Undefined while the peer's address is unusable. */
export function raftPeerOf(peer: {
  readonly nodeId: number;
  readonly incarnation: string;
  readonly peerAddress: string;
}): RaftPeer[] {
  const address = parseAddress(peer.peerAddress);
  if (address === undefined) return [];
  return [{ nodeId: peer.nodeId, incarnation: peer.incarnation, ...raftAddressOf(address) }];
}

/** Counts what only shows as it happens. */
function watchRaft(metrics: Metrics, raft: StartedRaft, metadata: Metadata): void {
  let leader = raft.status().leader;
  raft.onStatus((status) => {
    if (status.leader !== 0 && leader !== 0 && status.leader !== leader)
      metrics.raftLeaderChanges.increment();
    if (status.leader !== 0) leader = status.leader;
  });
  let applied = metadata.view.appliedIndex();
  metadata.onChange(({ appliedIndex }) => {
    metrics.metaAppliedEntries.add(Math.max(0, appliedIndex - applied));
    applied = appliedIndex;
  });
}

/** What an operator wants to know of; the rest is for whoever looks for a fault. */
const NOTEWORTHY: ReadonlySet<RaftEvent["kind"]> = new Set([
  "role-changed",
  "fenced",
  "fence-lifted",
  "log-torn-tail-cut",
  "log-restarted",
  "configuration-changed",
  "snapshot-installed",
  "stalled",
]);

function logRaftEvent(logger: Logger, event: RaftEvent): void {
  const { kind, ...fields } = event;
  if (kind === "fenced") logger.error("raft", { event: kind, ...fields });
  else if (NOTEWORTHY.has(kind)) logger.info("raft", { event: kind, ...fields });
  else logger.debug("raft", { event: kind, ...fields });
}
