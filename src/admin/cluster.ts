import { create } from "@bufbuild/protobuf";
import type { WorkerStatus } from "../background/index.ts";
import { certificateFingerprint, type HealthView, mintJoinToken } from "../cluster/index.ts";
import { PutJoinTokenSchema, RemoveJoinTokenSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { JoinTokenRowSchema, type NodeRow, NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import { type Metadata, MetaError } from "../meta/index.ts";
import type { Clock, Hasher, Random } from "../platform/index.ts";
import type { RaftStatus } from "../raft/index.ts";
import { AdminError } from "./errors.ts";
import { refuse } from "./keys.ts";
import { maintenanceName } from "./maintenance.ts";
import type { ClusterAdmin, ClusterDescription, NodeDescription } from "./ports.ts";

export interface ClusterAdminOptions {
  readonly metadata: Metadata;
  readonly raft: { status(): RaftStatus };
  readonly health: HealthView;
  readonly clock: Clock;
  readonly random: Random;
  readonly hasher: Hasher;
  readonly maxVoters: number;
  readonly workers: () => readonly WorkerStatus[];
  readonly notReadyReason: () => string | undefined;
}

const STATE_NAMES: Readonly<Record<NodeState, string>> = {
  [NodeState.UNSPECIFIED]: "unknown",
  [NodeState.JOINING]: "joining",
  [NodeState.ACTIVE]: "active",
  [NodeState.DRAINING]: "draining",
  [NodeState.REMOVED]: "removed",
};

/** The cluster as an operator sees it and changes it. */
export class ClusterAdministration implements ClusterAdmin {
  readonly #options: ClusterAdminOptions;

  constructor(options: ClusterAdminOptions) {
    this.#options = options;
  }

  async status(): Promise<ClusterDescription> {
    const { metadata, raft } = this.#options;
    const cluster = metadata.view.cluster();
    const status = raft.status();
    const nodes = await metadata.view.nodes();
    return {
      clusterId: cluster?.clusterId ?? "",
      nodeId: status.nodeId,
      replicationFactor: cluster?.replicationFactor ?? 0,
      leaderNodeId: status.leader,
      term: status.term,
      commitIndex: status.commit,
      appliedIndex: metadata.view.appliedIndex(),
      voters: status.confState.voters,
      learners: status.confState.learners,
      votersOutgoing: status.confState.votersOutgoing,
      leaving: nodes
        .filter((row) => row.state === NodeState.REMOVED && !row.hasLeft)
        .map(({ nodeId }) => Number(nodeId)),
      firstIndex: status.firstIndex,
      lastIndex: status.lastIndex,
      progress: status.progress,
      fenced: status.fenced,
      underReplicated: metadata.view.underReplicatedTotal(),
      maxVoters: this.#options.maxVoters,
      workers: this.#options.workers(),
      notReadyReason: this.#options.notReadyReason(),
      maintenance: maintenanceName(metadata.view.maintenance()),
      nodes: nodes.filter((row) => row.state !== NodeState.REMOVED).map((row) => this.#describe(row)),
    };
  }

  async createJoinToken(validForMs: number) {
    const { metadata, clock, random, hasher, health } = this.#options;
    await metadata.barrier().catch(translate);
    const cluster = metadata.view.cluster();
    if (cluster === undefined)
      throw new AdminError("unavailable", "the cluster is not founded yet; try again");
    await this.#removeExpiredTokens();
    const { text, record } = mintJoinToken({
      caFingerprint: await certificateFingerprint(cluster.caCertificatePem),
      // A leader's clock that was ahead has taken the time of the cluster with it, by which tokens expire.
      nowMs: Math.max(clock.wallMs(), metadata.view.appliedTimeMs()),
      validityMs: validForMs,
      random,
      hasher,
    });
    const result = await metadata
      .submit({
        case: "putJoinToken",
        value: create(PutJoinTokenSchema, { token: create(JoinTokenRowSchema, record) }),
      })
      .catch(translate);
    refuse(result);
    const nodes = await metadata.view.nodes();
    const reachable = nodes.filter(
      (row) => row.state === NodeState.ACTIVE && health.peer(Number(row.nodeId)).state !== "dead",
    );
    return {
      token: text,
      expiresAtMs: Number(record.expiresAtMs),
      peerAddresses: reachable.map((row) => row.peerAddress),
    };
  }

  /** Nobody can use them, and they count towards the limit of tokens. */
  async #removeExpiredTokens(): Promise<void> {
    const { metadata } = this.#options;
    const nowMs = metadata.view.appliedTimeMs();
    for (const { tokenId, expiresAtMs } of await metadata.view.joinTokens()) {
      if (expiresAtMs > nowMs) continue;
      // One that is gone by now is refused: another node has done it.
      await metadata
        .submit({ case: "removeJoinToken", value: create(RemoveJoinTokenSchema, { tokenId }) })
        .catch(translate);
    }
  }

  #describe(row: NodeRow): NodeDescription {
    const nodeId = Number(row.nodeId);
    const { state, health } = this.#options.health.peer(nodeId);
    return {
      nodeId,
      name: row.name,
      zone: row.zone,
      roles: row.roles,
      state: STATE_NAMES[row.state],
      health: state,
      peerAddress: row.peerAddress,
      s3Address: row.s3Address,
      apiAddress: row.apiAddress,
      storageWritable: health?.storageWritable ?? false,
      storageFull: health?.storageFull ?? false,
      storageUsedBytes: Number(health?.storageUsedBytes ?? 0n),
      storageFreeBytes: Number(health?.storageFreeBytes ?? 0n),
      appliedIndex: Number(health?.appliedIndex ?? 0n),
      held: this.#options.metadata.view.holdings(nodeId),
      raftTerm: Number(health?.raftTerm ?? 0n),
      raftLastIndex: Number(health?.raftLastIndex ?? 0n),
      raftFenced: health?.raftFenced ?? false,
      snapshotReceivedBytes: Number(health?.snapshotReceivedBytes ?? 0n),
    };
  }
}

function translate(error: unknown): never {
  if (error instanceof MetaError) throw new AdminError(error.code, error.message, { cause: error });
  throw error;
}
