import { describe, expect, it } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import type { ConfChangeSingle, NodeId } from "../types.ts";
import { Cluster, type Member } from "./testing/cluster.ts";
import { GroupInvariants } from "./testing/invariants.ts";

/**
 * Random histories: messages are lost, doubled and reordered, nodes crash and lose what is not durable, links are cut, logs are
 * compacted, the membership changes. Safety is checked after every event; then everything heals and the group must get somewhere.
 * A seed gives the same history every time.
 */

const SEEDS = 60;
const EVENTS = 6_000;
const MOST_IN_FLIGHT = 300;
const HEAL_TICKS = 400;

const TYPES = ["AddNode", "RemoveNode", "AddLearnerNode"] as const;

class Chaos {
  readonly #random: Prng;
  readonly cluster: Cluster;
  readonly invariants: GroupInvariants;
  #serial = 0;
  #monotonicMs = 0;
  /** Names every event: two runs of a seed can be compared. */
  readonly trace: string[] = [];

  constructor(seed: string) {
    this.#random = createPrng(seed);
    const random = this.#random.fork("swarm");
    const voters = Array.from({ length: random.pick([1, 3, 3, 5]) }, (_, at) => at + 1);
    const spares = [voters.length + 1, voters.length + 2];
    this.cluster = new Cluster({
      voters,
      spares,
      settings: {
        electionTicks: 10,
        asyncStorageWrites: random.chance(0.8),
        preVote: random.chance(0.7),
        checkQuorum: random.chance(0.7),
        stepDownOnRemoval: true,
        commitInVotes: true,
        durableVoteRequests: true,
        maxMessageBytes: random.pick([0, 60, Number.POSITIVE_INFINITY]),
        maxApplyingBytes: random.pick([1, 100, Number.POSITIVE_INFINITY]),
        maxInflightMessages: random.pick([1, 3, 256]),
        maxUncommittedBytes: random.pick([50, 100_000]),
        random: this.#random.fork("elections"),
      },
    });
    this.invariants = new GroupInvariants(this.cluster);
  }

  run(events: number): void {
    for (let event = 0; event < events; event++) {
      const member = this.#random.pick(this.cluster.members);
      const action = this.#pickAction();
      this.trace.push(`${action} ${member.id} t${member.raw.term} c${member.raw.commit} ${member.raw.role}`);
      this.#act(action, member);
      for (const each of this.cluster.members) this.invariants.check(each);
      if (event % 50 === 0) this.invariants.checkLogs();
    }
  }

  #pickAction(): string {
    const weights: [string, number][] = [
      ["deliver", 60],
      ["ready", 30],
      ["append", 25],
      ["apply", 15],
      ["tick", 7],
      ["propose", 4],
      ["read", 2],
      ["lose", 1],
      ["double", 1],
      ["reconfigure", 0.4],
      ["transfer", 0.2],
      ["crash", 0.25],
      ["restart", 2],
      ["cut", 0.15],
      ["heal", 0.4],
      ["compact", 0.5],
      ["unreachable", 0.5],
      ["snapshot status", 0.8],
      ["forget", 0.1],
    ];
    let draw = this.#random.unit() * weights.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of weights) {
      draw -= weight;
      if (draw < 0) return name;
    }
    return "tick";
  }

  #act(action: string, member: Member): void {
    const { cluster } = this;
    const { id, raw, alive } = member;
    switch (action) {
      case "deliver":
        this.#takeMessage((sent) => cluster.deliver(sent));
        return;
      case "lose":
        this.#takeMessage(() => {});
        return;
      case "double":
        this.#takeMessage((sent) => cluster.network.push(sent, sent));
        return;
      case "ready":
        cluster.takeReady(member);
        this.#limitNetwork();
        return;
      case "append":
        cluster.append(member);
        return;
      case "apply":
        cluster.apply(member);
        return;
      case "tick":
        if (!alive) return;
        this.#monotonicMs += this.#random.below(1_000);
        raw.observeTime(this.#random.below(1_000_000), this.#monotonicMs);
        raw.tick();
        return;
      case "propose":
        if (alive) cluster.propose(id, `${++this.#serial}`, `${++this.#serial}`);
        return;
      case "read":
        if (alive) this.#read(member);
        return;
      case "reconfigure":
        if (alive) this.#reconfigure(member);
        return;
      case "transfer":
        if (alive) raw.transferLeader(this.#random.pick(cluster.members).id);
        return;
      case "forget":
        if (alive) raw.forgetLeader();
        return;
      case "crash":
        this.#crash(member);
        return;
      case "restart":
        if (!alive) cluster.restart(id);
        return;
      case "cut":
        cluster.cut(id, this.#random.pick(cluster.members).id);
        return;
      case "heal":
        cluster.heal();
        return;
      case "compact":
        if (alive && member.applied.length <= member.storage.lastIndex()) cluster.compact(id);
        return;
      case "unreachable":
        if (alive) raw.reportUnreachable(this.#random.pick(cluster.members).id);
        return;
      case "snapshot status":
        if (alive) raw.reportSnapshot(this.#random.pick(cluster.members).id, false);
        return;
    }
  }

  #takeMessage(use: (sent: Cluster["network"][number]) => void): void {
    const { network } = this.cluster;
    if (network.length === 0) return;
    // Mostly in order, at times not.
    const at = this.#random.chance(0.7) ? 0 : this.#random.below(network.length);
    const [sent] = network.splice(at, 1);
    use(sent!);
  }

  #limitNetwork(): void {
    const { network } = this.cluster;
    while (network.length > MOST_IN_FLIGHT) network.splice(this.#random.below(network.length), 1);
  }

  #read({ id, raw }: Member): void {
    const context = `read ${++this.#serial} of ${id}`;
    this.invariants.readAsked(context);
    raw.readIndex(new TextEncoder().encode(context));
  }

  #reconfigure({ raw }: Member): void {
    const random = this.#random;
    const changes: ConfChangeSingle[] = Array.from({ length: random.below(3) }, () => ({
      type: random.pick(TYPES),
      nodeId: random.pick(this.cluster.members).id,
    }));
    const transition = random.pick(["Auto", "Auto", "JointImplicit", "JointExplicit"] as const);
    raw.proposeConfChange({ transition, changes, context: undefined });
  }

  /** The state machine may be older after a crash, and so may the commit index. */
  #crash({ id, alive, applied }: Member): void {
    if (!alive) return;
    this.cluster.crash(id);
    this.invariants.forget(id);
    if (this.#random.chance(0.5)) this.cluster.loseApplied(id, this.#random.below(applied.length + 1));
    if (this.#random.chance(0.5)) this.cluster.loseCommit(id);
  }

  /** Everything works again: there must be a leader, and what is proposed must be applied by all members. */
  liveness(): void {
    const { cluster } = this;
    cluster.heal();
    for (const { id, alive } of cluster.members) if (!alive) cluster.restart(id);
    for (let tick = 0; tick < HEAL_TICKS; tick++) {
      cluster.tickAll(1);
      for (const { raw } of cluster.members) this.#retrySnapshots(raw.id);
      for (const member of cluster.members) this.invariants.check(member);
      const leader = cluster.leader();
      if (leader !== 0) cluster.propose(leader, "final");
      if (this.#settled(leader)) return;
    }
    throw new Error(`no progress within ${HEAL_TICKS} ticks`);
  }

  #retrySnapshots(id: NodeId): void {
    const { raw } = this.cluster.member(id);
    if (raw.role === "StateLeader" && raw.applied > 0) this.cluster.compact(id);
    for (const { id: to, state } of raw.status().progress) {
      if (state === "StateSnapshot") raw.reportSnapshot(to, false);
    }
  }

  #settled(leader: NodeId): boolean {
    if (leader === 0) return false;
    const { configuration, progress } = this.cluster.raw(leader).status();
    if (configuration.voters.outgoing.length > 0 && configuration.autoLeave) return false;
    return progress.every(({ id }) => {
      const { applied } = this.cluster.member(id);
      return applied.at(-1) !== undefined && new TextDecoder().decode(applied.at(-1)!.data) === "final";
    });
  }
}

describe("random histories", () => {
  it.each(Array.from({ length: SEEDS }, (_, at) => `core chaos ${at}`))(
    "seed %j: nothing is lost, and it goes on",
    (seed) => {
      const chaos = new Chaos(seed);
      try {
        chaos.run(EVENTS);
        chaos.invariants.checkLogs();
        chaos.liveness();
        chaos.invariants.checkLogs();
      } catch (error) {
        console.error(
          `failing seed: ${JSON.stringify(seed)}, after ${chaos.trace.length} events; last:\n${chaos.trace.slice(-15).join("\n")}`,
        );
        throw error;
      }
    },
  );

  it("the same seed gives the same history", () => {
    const traces = [0, 1].map(() => {
      const chaos = new Chaos("again");
      chaos.run(1_000);
      return chaos.trace.join("\n");
    });
    expect(traces[0]).toBe(traces[1]);
  });

  it("things happen: entries are committed, reads answered, leaders change", () => {
    let committed = 0;
    let answered = 0;
    for (let at = 0; at < 10; at++) {
      const chaos = new Chaos(`core chaos ${at}`);
      chaos.run(EVENTS);
      committed += chaos.invariants.committedIndex;
      answered += chaos.invariants.readsAnswered;
    }
    expect(committed).toBeGreaterThan(200);
    expect(answered).toBeGreaterThan(100);
  });
});
