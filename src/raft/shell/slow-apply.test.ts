import { describe, expect, test } from "vitest";
import { expectEqualRows } from "../testing/rows.ts";
import { SimCluster, type SimMember } from "../testing/sim-cluster.ts";
import type { StartedInlineRaft } from "./index.ts";

describe("a state machine that does not keep up", () => {
  const KIB = 1024;
  const LIMITS = {
    maxLogBytes: 64 * KIB,
    maxApplyingBytes: 16 * KIB,
    maxMessageBytes: 8 * KIB,
    maxInflightBytes: 32 * KIB,
    maxUncommittedBytes: 32 * KIB,
    maxProposalBytes: 4 * KIB,
    trailingBytes: 16 * KIB,
    checkpointBytes: 16 * KIB,
    walSegmentBytes: 64 * KIB,
  };
  /** What may be in memory beyond the limit: what is not committed, in flight, and one message. */
  const GREATEST_LOG_BYTES = (64 + 32 + 32 + 8) * KIB;

  /** Applies nothing until it is called. */
  function holdApplies({ state }: SimMember): () => void {
    const apply = state.apply.bind(state);
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    state.apply = (entries) => released.then(() => apply(entries));
    return release;
  }

  function logBytes({ group }: SimMember): number {
    const log = (group as StartedInlineRaft).inspect()!.durable;
    const entries = log.entries(log.firstIndex(), log.lastIndex() + 1, Number.POSITIVE_INFINITY);
    return entries.reduce((sum, { data }) => sum + data.length, 0);
  }

  /** Proposes 80 KiB a second; returns how much was taken at once. */
  async function propose(cluster: SimCluster, leader: SimMember, seconds: number): Promise<number> {
    let taken = 0;
    for (let round = 0; round < 10 * seconds; round++) {
      for (let i = 0; i < 2; i++) if (leader.raft.propose(new Uint8Array(4 * KIB - 1))) taken++;
      await cluster.simulation.runFor(100);
    }
    return taken;
  }

  test("of a follower bounds that node's log; the others go on, and it catches up", async () => {
    const cluster = await SimCluster.ofThree("slow-follower", LIMITS);
    const leader = await cluster.untilLeader();
    await cluster.write(leader, ["first"]);
    const slow = cluster.running().find((member) => member !== leader) as SimMember;
    const release = holdApplies(slow);
    const before = leader.state.metadata.index;
    const taken = await propose(cluster, leader, 20);
    expect(leader.state.metadata.index - before).toBe(taken);
    expect(taken).toBe(400);
    expect(logBytes(slow)).toBeGreaterThan(LIMITS.maxLogBytes / 2);
    expect(logBytes(slow)).toBeLessThan(GREATEST_LOG_BYTES);
    expect(slow.events.some(({ kind }) => kind === "appends-dropped")).toBe(true);
    expect(slow.raft.status()).toMatchObject({ role: "follower", leader: leader.nodeId });
    release();
    await cluster.write(leader, ["last"]);
    await expectEqualRows(cluster);
    expect(slow.fatal).toEqual([]);
  });

  test("of a quorum makes the leader drop what is proposed, without losing its lead; all go on when it keeps up again", async () => {
    const cluster = await SimCluster.ofThree("slow-quorum", LIMITS);
    const leader = await cluster.untilLeader();
    await cluster.write(leader, ["first"]);
    const { term } = leader.raft.status();
    const slow = cluster.running().filter((member) => member !== leader);
    const releases = slow.map(holdApplies);
    await propose(cluster, leader, 20);
    for (const member of cluster.running()) expect(logBytes(member)).toBeLessThan(GREATEST_LOG_BYTES);
    expect(leader.events.some(({ kind }) => kind === "proposals-dropped")).toBe(true);
    expect(leader.raft.status()).toMatchObject({ role: "leader", term });
    for (const release of releases) release();
    await cluster.write(leader, ["last"]);
    expect(leader.raft.status()).toMatchObject({ role: "leader", term });
    await expectEqualRows(cluster);
  });
});
