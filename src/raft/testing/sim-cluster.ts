/** Members of one group on simulated machines: what the tests of the shell are written with. */

import type { Prng } from "../../base/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import { SimMachine, type SimProcess, Simulation } from "../../platform/sim/index.ts";
import type { RaftFatal } from "../errors.ts";
import type { RaftPeer } from "../ports.ts";
import {
  type RaftBootstrap,
  type RaftEvent,
  type RaftSettings,
  type StartedRaft,
  startRaftInline,
} from "../shell/index.ts";
import { encodeMessage } from "../transport/index.ts";
import { ClusterNetwork, hostOf } from "./cluster-network.ts";
import { type StateCopy, TestStateMachine } from "./test-state-machine.ts";

export const CLUSTER_ID = "cluster-a";

/** Small, so that a short test sees segments rotate and logs cut. */
export const TEST_SETTINGS: Partial<RaftSettings> = {
  walSegmentBytes: 16 * 1024,
  walMaxBatchBytes: 4 * 1024,
  checkpointEntries: 40,
  trailingEntries: 10,
};

export interface StartOptions {
  readonly bootstrap?: RaftBootstrap;
  readonly requireExisting?: boolean;
  readonly settings?: Partial<RaftSettings>;
  /** Undefined: of a version that does not tell its starts. 1 where nothing is said. */
  readonly startNumber?: number | undefined;
  readonly listen?: SocketAddress;
}

/** One machine, and what runs on it. */
export class SimMember {
  readonly nodeId: number;
  readonly machine: SimMachine;
  readonly #cluster: SimCluster;
  process: SimProcess | undefined;
  group: StartedRaft | undefined;
  stateMachine: TestStateMachine | undefined;
  readonly events: RaftEvent[] = [];
  readonly fatal: RaftFatal[] = [];

  constructor(cluster: SimCluster, nodeId: number, machine?: SimMachine) {
    this.#cluster = cluster;
    this.nodeId = nodeId;
    this.machine = machine ?? new SimMachine(cluster.simulation, `node-${nodeId}`);
  }

  get raft(): StartedRaft {
    if (this.group === undefined) throw new Error(`node ${this.nodeId} does not run`);
    return this.group;
  }

  get state(): TestStateMachine {
    if (this.stateMachine === undefined) throw new Error(`node ${this.nodeId} does not run`);
    return this.stateMachine;
  }

  async start(options: StartOptions = {}): Promise<void> {
    await this.#cluster.simulation.complete(this.begin(options));
  }

  /** The same without letting time pass. */
  async begin(options: StartOptions = {}): Promise<void> {
    const { process, platform } = this.machine.boot();
    this.process = process;
    this.group = undefined;
    const identity = {
      clusterId: CLUSTER_ID,
      groupId: 1,
      nodeId: this.nodeId,
      incarnation: `life-${this.nodeId}`,
    };
    const starting = (async () => {
      if (!(await platform.disk.exists("/data"))) {
        await platform.disk.makeDirectory("/data");
        await platform.disk.syncDirectory("/");
      }
      const store = await platform.stores.open("/data/state");
      await platform.disk.syncDirectory("/data");
      const stateMachine = TestStateMachine.open(store, (to, copy, term) =>
        this.#cluster.carry(this, to, copy, term),
      );
      this.stateMachine = stateMachine;
      return startRaftInline({
        identity,
        directory: "/data/raft",
        listen: { host: hostOf(this.nodeId), port: 1 },
        advertiseHost: hostOf(this.nodeId),
        peers: this.#cluster.peers(),
        ...options,
        startNumber: "startNumber" in options ? options.startNumber : 1,
        settings: { ...TEST_SETTINGS, ...options.settings },
        stateMachine,
        onFatal: (error) => this.fatal.push(error),
        onEvent: (event) => this.events.push(event),
        platform: {
          ...platform,
          network: this.#cluster.network.join(process, CLUSTER_ID, this.nodeId),
        },
      });
    })();
    this.group = await starting;
  }

  /** Power loss. */
  crash(unsynced: "keep" | "drop" | "random" = "random"): void {
    this.machine.crash(unsynced);
    this.group = undefined;
  }
}

export class SimCluster {
  readonly simulation: Simulation;
  readonly network: ClusterNetwork;
  readonly members = new Map<number, SimMember>();
  readonly #prng: Prng;

  /** In a simulation of its own, or in one that is there. */
  constructor(simulation: string | Simulation) {
    this.simulation = typeof simulation === "string" ? new Simulation(simulation) : simulation;
    this.#prng = this.simulation.prng.fork("cluster");
    this.network = new ClusterNetwork(this.simulation);
  }

  /** Three voters that began together. */
  static async ofThree(seed: string, settings: Partial<RaftSettings> = {}): Promise<SimCluster> {
    const cluster = new SimCluster(seed);
    const voters = [1, 2, 3];
    for (const nodeId of voters) cluster.add(nodeId);
    for (const nodeId of voters) await cluster.member(nodeId).start({ bootstrap: { voters }, settings });
    return cluster;
  }

  add(nodeId: number, machine?: SimMachine): SimMember {
    const member = new SimMember(this, nodeId, machine);
    this.members.set(nodeId, member);
    for (const other of this.members.values()) other.group?.setPeers(this.peers());
    return member;
  }

  member(nodeId: number): SimMember {
    const member = this.members.get(nodeId);
    if (member === undefined) throw new Error(`there is no node ${nodeId}`);
    return member;
  }

  peers(): RaftPeer[] {
    return [...this.members.keys()].map((nodeId) => {
      return { nodeId, host: hostOf(nodeId), port: 1, incarnation: `life-${nodeId}` };
    });
  }

  running(): SimMember[] {
    return [...this.members.values()].filter(({ group }) => group !== undefined);
  }

  /** The one that leads in the latest term, when all that run follow it. */
  leader(): SimMember | undefined {
    const leaders = this.running().filter(({ raft }) => raft.status().role === "leader");
    leaders.sort((a, b) => b.raft.status().term - a.raft.status().term);
    return leaders[0];
  }

  async untilLeader(): Promise<SimMember> {
    await this.until(() => this.leader() !== undefined, "a leader is elected");
    return this.leader() as SimMember;
  }

  async until(isDone: () => boolean, what: string, limitMs = 60_000): Promise<void> {
    if (await this.simulation.runUntil(isDone, limitMs)) return;
    const states = this.running().map(({ raft, fatal }) => JSON.stringify({ ...raft.status(), fatal }));
    throw new Error(`never: ${what} (seed ${this.simulation.prng.seed})\n${states.join("\n")}`);
  }

  /** Proposes through a node until each has been applied there, again when it got lost: rows may come twice. */
  async write(through: SimMember, values: readonly string[]): Promise<void> {
    for (const value of values) {
      const seen = () => through.state.applied.some(({ data }) => new TextDecoder().decode(data) === value);
      for (let attempt = 0; !seen(); attempt++) {
        if (attempt === 60) throw new Error(`never applied: ${value} (seed ${this.simulation.prng.seed})`);
        through.raft.propose(new TextEncoder().encode(value));
        await this.simulation.runUntil(seen, 1000);
      }
    }
  }

  /** All that run have applied the same. */
  async untilEqual(): Promise<void> {
    const highest = () => Math.max(...this.running().map(({ state }) => state.metadata.index));
    await this.until(
      () => this.running().every(({ state }) => state.metadata.index === highest()),
      "all have applied the same",
    );
  }

  /** Takes a copy of the state to another node, as the snapshot service does, with a delay for each way. */
  async carry(from: SimMember, to: number, copy: StateCopy, term: number): Promise<void> {
    const target = this.member(to);
    const sender = from.process;
    await new Promise<void>((resolve) => sender?.schedule(this.#prng.between(1, 10), resolve));
    if (target.group === undefined || this.network.isCut(from.nodeId, to))
      throw new Error("cannot be reached");
    target.state.staged = copy;
    const message = encodeMessage({
      type: "MsgSnap",
      to,
      from: from.nodeId,
      term,
      logTerm: 0,
      index: 0,
      entries: [],
      commit: 0,
      vote: 0,
      snapshot: { metadata: copy.metadata, data: new TextEncoder().encode("a-name") },
      reject: false,
      rejectHint: 0,
      context: undefined,
      responses: [],
    });
    const installed = await target.group.receivedSnapshot(message);
    if (!installed) throw new Error("the snapshot was of no use");
  }
}
