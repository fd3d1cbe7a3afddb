import { create } from "@bufbuild/protobuf";
import {
  type HealthView,
  handOver,
  heirOf,
  type MembershipView,
  whyNotDrained,
  whyNotLeader,
  whyNotRemoved,
} from "../cluster/index.ts";
import { type CommandResult, RefusalCode, SetNodeStateSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { type NodeRow, NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import { type Metadata, MetaError } from "../meta/index.ts";
import type { Clock, Timers } from "../platform/index.ts";
import type { RaftGroup } from "../raft/index.ts";
import { AdminError } from "./errors.ts";
import { FORCE_SILENCE_MS, membershipError } from "./membership-refusals.ts";
import type { Held, MembershipAdmin } from "./ports.ts";

/** How long a voter has to take over, in milliseconds: several of the core's attempts. */
const TRANSFER_TIMEOUT_MS = 10_000;

export interface MembershipAdminOptions {
  readonly metadata: Metadata;
  readonly raft: Pick<RaftGroup, "status" | "transferLeadership">;
  readonly health: HealthView;
  readonly clock: Clock;
  readonly timers: Timers;
}

/** Taking nodes out, and letting another one lead. On any node: what it decides goes through the log, and a transfer is sent on to the leader. */
export class MembershipAdministration implements MembershipAdmin {
  readonly #options: MembershipAdminOptions;

  constructor(options: MembershipAdminOptions) {
    this.#options = options;
  }

  async drain(nodeId: number, options: { readonly cancel: boolean }) {
    const { node, view } = await this.#look(nodeId);
    if (options.cancel) {
      if (node.state !== NodeState.ACTIVE) await this.#set(node, NodeState.ACTIVE);
    } else if (node.state !== NodeState.DRAINING) {
      const refusal = whyNotDrained(node, view);
      if (refusal !== undefined) throw membershipError(refusal, node);
      await this.#set(node, NodeState.DRAINING);
    }
    return { state: options.cancel ? ("active" as const) : ("draining" as const), held: this.#held(nodeId) };
  }

  async remove(nodeId: number, options: { readonly force: boolean }): Promise<Held> {
    const { node, view } = await this.#look(nodeId);
    const held = this.#held(nodeId);
    const refusal = whyNotRemoved(node, view, { ...options, held });
    if (refusal !== undefined) throw membershipError(refusal, node);
    // A leader that is taken out of the group would leave it without one for an election timeout.
    if (this.#options.raft.status().leader === nodeId) await this.#handOverFrom(nodeId, view);
    await this.#set(node, NodeState.REMOVED, options.force);
    return held;
  }

  async transferLeadership(nodeId: number | undefined) {
    const { nodes, view } = await this.#members();
    const { leader } = this.#options.raft.status();
    const target = nodeId ?? this.#heir(view, leader);
    const node = nodes.find((row) => Number(row.nodeId) === target);
    if (node === undefined) throw new AdminError("not-found", `there is no node ${target}`);
    const refusal = whyNotLeader(node, view);
    if (refusal !== undefined) throw membershipError(refusal, node);
    await this.#handOverTo(Number(node.nodeId));
    return { leaderNodeId: Number(node.nodeId), term: this.#options.raft.status().term };
  }

  async #look(nodeId: number): Promise<{ readonly node: NodeRow; readonly view: MembershipView }> {
    const { nodes, view } = await this.#members();
    const node = nodes.find((row) => Number(row.nodeId) === nodeId);
    if (node === undefined) throw new AdminError("not-found", `there is no node ${nodeId}`);
    return { node, view };
  }

  /** As of now: decisions are not made from old rows. */
  async #members(): Promise<{ readonly nodes: readonly NodeRow[]; readonly view: MembershipView }> {
    const { metadata, raft, health } = this.#options;
    await metadata.barrier().catch(translate);
    const nodes = await metadata.view.nodes();
    const view = {
      nodes,
      confState: raft.status().confState,
      replicationFactor: metadata.view.cluster()?.replicationFactor ?? 1,
      isAlive: (nodeId: number) => health.peer(nodeId).state === "alive",
      isSilent: (nodeId: number) => this.#isSilent(nodeId),
    };
    return { nodes, view };
  }

  /** As far as this node can tell: on no stream of either end, and, where it leads, not in the Raft group either. */
  #isSilent(nodeId: number): boolean {
    const { health, raft, clock } = this.#options;
    const { state, heardMs } = health.peer(nodeId);
    const isHeard = heardMs !== undefined && clock.monotonicMs() - heardMs <= FORCE_SILENCE_MS;
    const isFollowing = raft.status().progress.some((peer) => peer.nodeId === nodeId && peer.recentlyActive);
    return state === "dead" && !isHeard && !isFollowing;
  }

  #held(nodeId: number): Held {
    return this.#options.metadata.view.holdings(nodeId);
  }

  #heir(view: MembershipView, leader: number): number {
    const { health } = this.#options;
    const heir = heirOf(view, leader, (nodeId) => Number(health.peer(nodeId).health?.appliedIndex ?? 0n));
    if (heir !== undefined) return heir;
    throw new AdminError("refused", "no other voter answers", {
      refusal: { reason: "quorum", advice: "add a node and wait until it is a voter, or bring a voter back" },
    });
  }

  async #handOverFrom(nodeId: number, view: MembershipView): Promise<void> {
    await this.#handOverTo(this.#heir(view, nodeId));
  }

  async #handOverTo(nodeId: number): Promise<void> {
    if (await handOver(nodeId, { ...this.#options, timeoutMs: TRANSFER_TIMEOUT_MS })) return;
    const { leader } = this.#options.raft.status();
    throw new AdminError("unavailable", `node ${nodeId} did not take over in time; node ${leader} leads`);
  }

  async #set(node: NodeRow, state: NodeState, force = false): Promise<void> {
    const value = create(SetNodeStateSchema, {
      nodeId: node.nodeId,
      incarnation: node.incarnation,
      expectedState: node.state,
      state,
      force,
    });
    const result = await this.#options.metadata.submit({ case: "setNodeState", value }).catch(translate);
    refuse(result, node, this.#held(Number(node.nodeId)));
  }
}

/** What the state machine alone can see, because it sees all decisions in one order. */
function refuse({ result }: CommandResult, node: NodeRow, held: Held): void {
  if (result.case !== "refusal") return;
  switch (result.value.code) {
    case RefusalCode.MEMBERSHIP_CHANGING:
      throw membershipError({ kind: "membership-changing", nodeId: undefined }, node);
    case RefusalCode.NODE_HOLDS_BYTES:
      throw membershipError({ kind: "not-drained", ...held }, node);
    case RefusalCode.LAST_VOTER:
      throw membershipError({ kind: "last-voter" }, node);
    case RefusalCode.NODE_STATE_CHANGED:
      throw new AdminError("refused", `somebody else changed ${node.name} at the same time`, {
        refusal: { reason: "state", advice: "look at `skerry cluster nodes` and decide again" },
      });
    default:
      throw new AdminError("invalid", result.value.detail || RefusalCode[result.value.code]);
  }
}

function translate(error: unknown): never {
  if (error instanceof MetaError) throw new AdminError(error.code, error.message, { cause: error });
  throw error;
}
