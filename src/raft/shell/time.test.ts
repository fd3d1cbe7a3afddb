import { describe, expect, test } from "vitest";
import { numbered } from "../testing/rows.ts";
import { SimCluster, type SimMember } from "../testing/sim-cluster.ts";

const AHEAD_MS = 120_000;

/** Three members; the clock of the first leader was two minutes ahead for the writes so far, and is right again. */
async function afterAhead(seed: string, writes: number) {
  const cluster = await SimCluster.ofThree(seed);
  const leader = await cluster.untilLeader();
  const follower = cluster.running().find((member) => member !== leader) as SimMember;
  leader.machine.clock.jumpWall(AHEAD_MS);
  if (writes > 1) follower.crash();
  await cluster.write(leader, numbered(1, writes));
  leader.machine.clock.jumpWall(-AHEAD_MS);
  return { cluster, leader, follower };
}

const stampsOf = ({ state }: SimMember) => state.applied.map(({ timeMs }) => timeMs);
const lastStamp = (member: SimMember) => stampsOf(member).at(-1) ?? 0;
const leadOf = (member: SimMember) => lastStamp(member) - member.machine.clock.wallMs();

/** Lets time pass, and writes; how far the stamp of that is ahead of the clock. */
async function leadAfter(cluster: SimCluster, passedMs: number, value: string): Promise<number> {
  const until = cluster.simulation.nowMs + passedMs;
  await cluster.simulation.runUntil(() => cluster.simulation.nowMs >= until, passedMs + 1);
  const leader = await cluster.untilLeader();
  await cluster.write(leader, [value]);
  return leadOf(leader);
}

/** The leader knows that everyone has everything. */
async function untilFollowed(cluster: SimCluster, leader: SimMember): Promise<void> {
  await cluster.untilEqual();
  const isThere = () => leader.raft.status().progress.every(({ state }) => state === "replicate");
  await cluster.until(isThere, "everyone follows by the log");
}

/** Asks until it happens, for a wish may be lost. */
async function handOver(cluster: SimCluster, from: SimMember, to: SimMember): Promise<void> {
  const isDone = () => cluster.leader() === to;
  for (let attempt = 0; attempt < 20 && !isDone(); attempt++) {
    from.raft.transferLeadership(to.nodeId);
    await cluster.simulation.runUntil(isDone, 1_000);
  }
  expect(isDone()).toBe(true);
}

describe("after the clock of a leader was ahead", () => {
  test("time goes on, and real time catches up", async () => {
    const { cluster, leader } = await afterAhead("ahead", 1);
    const begun = lastStamp(leader);
    const leads: number[] = [];
    for (const part of [1, 2, 3]) leads.push(await leadAfter(cluster, AHEAD_MS / 2, `${part}`));
    // Some milliseconds pass between a stamp and its apply.
    for (const [at, leadMs] of leads.entries()) {
      expect(Math.abs(leadMs - (AHEAD_MS - ((at + 1) * AHEAD_MS) / 4))).toBeLessThan(1_000);
    }
    expect(lastStamp(leader)).toBeGreaterThan(begun + (AHEAD_MS / 4) * 3 - 1_000);
    expect(await leadAfter(cluster, AHEAD_MS, "caught up")).toBeLessThanOrEqual(0);
    expect(stampsOf(leader)).toEqual(stampsOf(leader).toSorted((a, b) => a - b));
  });

  test("it goes on under another leader, and after all have started again", async () => {
    const { cluster, leader, follower } = await afterAhead("ahead/others", 1);
    await cluster.untilEqual();
    await handOver(cluster, leader, follower);
    const first = await leadAfter(cluster, AHEAD_MS / 2, "under another");
    expect(Math.abs(first - (AHEAD_MS / 4) * 3)).toBeLessThan(10_000);
    for (const member of cluster.running()) member.crash("drop");
    for (const member of cluster.members.values()) await member.start({ requireExisting: true });
    const second = await leadAfter(cluster, AHEAD_MS / 2, "after a start");
    expect(Math.abs(second - AHEAD_MS / 2)).toBeLessThan(20_000);
  });

  test("a member that has only a snapshot of that time goes on from it when it leads", async () => {
    const { cluster, leader, follower } = await afterAhead("ahead/snapshot", 150);
    await follower.start();
    await untilFollowed(cluster, leader);
    expect(follower.events.some(({ kind }) => kind === "snapshot-installed")).toBe(true);
    expect(follower.state.applied).toEqual([]);
    const before = lastStamp(leader);
    await handOver(cluster, leader, follower);
    await cluster.write(follower, ["after"]);
    expect(Math.min(...stampsOf(follower))).toBeGreaterThanOrEqual(before);
  });

  test("a member that was started with only a snapshot of that time, too", async () => {
    const { cluster, leader, follower } = await afterAhead("ahead/snapshot-start", 150);
    await follower.start();
    await untilFollowed(cluster, leader);
    const before = lastStamp(leader);
    follower.crash("drop");
    await follower.start({ requireExisting: true });
    await untilFollowed(cluster, leader);
    expect(follower.state.applied).toEqual([]);
    await handOver(cluster, leader, follower);
    await cluster.write(follower, ["after"]);
    expect(Math.min(...stampsOf(follower))).toBeGreaterThanOrEqual(before);
  });
});
