/** A directory that is put back from an older copy, or started twice: whoever has heard of the later start takes nothing from it. */

import { describe, expect, test } from "vitest";
import { SimMachine } from "../../platform/sim/index.ts";
import { SimCluster, SimMember } from "../testing/sim-cluster.ts";

const numbered = (count: number) => Array.from({ length: count }, (_, i) => `value ${i}`);
const again = { requireExisting: true };

async function rowsOf(cluster: SimCluster, member: SimMember): Promise<string[]> {
  return cluster.simulation.complete(member.state.rows());
}

/** Three members, of which the third, a follower, has been stopped and copied. */
async function withCopyOfThree(seed: string) {
  const cluster = await SimCluster.ofThree(seed);
  await cluster.untilLeader();
  const three = cluster.member(3);
  if (cluster.leader() === three) {
    three.raft.transferLeadership(1);
    await cluster.until(() => cluster.leader() === cluster.member(1), "another one leads");
  }
  await cluster.write(await cluster.untilLeader(), ["before"]);
  await cluster.untilEqual();
  three.crash("keep");
  return { cluster, three, copy: three.machine.volume.capture() };
}

const outdated = [{ kind: "outdated" }];

describe("a directory that was put back from an older copy", () => {
  test("neither votes nor leads beside one that saw the later start: what was acknowledged stays", async () => {
    const { cluster, three, copy } = await withCopyOfThree("older/restored");
    const [one, two] = [cluster.member(1), cluster.member(2)];
    // All see this start, also the follower, to which the third has nothing to say.
    await three.start(again);
    await cluster.write(await cluster.untilLeader(), ["with three"]);
    await cluster.untilEqual();
    const follower = cluster.leader() === one ? two : one;
    const leader = follower === one ? two : one;
    await cluster.simulation.runFor(500);
    follower.crash("drop");
    await cluster.write(leader, numbered(6));
    await cluster.untilEqual();
    for (const member of [leader, three]) member.crash("keep");
    three.machine.volume.restore(copy);
    await follower.start(again);
    await three.start(again);
    await cluster.until(() => three.fatal.length > 0, "the older copy stops");
    expect(three.fatal).toMatchObject(outdated);
    three.crash("keep");
    // However often it is started.
    for (let start = 0; start < 3; start++) {
      three.fatal.length = 0;
      await three.start(again);
      await cluster.until(() => three.fatal.length > 0, "the older copy stops again");
      expect(three.fatal).toMatchObject(outdated);
      three.crash("keep");
    }
    expect(follower.raft.status().leader).toBe(0);
    await leader.start(again);
    await cluster.write(await cluster.untilLeader(), ["after"]);
    await cluster.untilEqual();
    for (const member of [leader, follower]) {
      expect(await rowsOf(cluster, member)).toEqual(["before", "with three", ...numbered(6), "after"]);
      expect(member.fatal).toEqual([]);
    }
  });

  test("stops where the leader is ahead of it, and disturbs nobody", async () => {
    const { cluster, three, copy } = await withCopyOfThree("older/ahead");
    await three.start(again);
    await cluster.write(await cluster.untilLeader(), numbered(5));
    await cluster.untilEqual();
    three.crash("keep");
    three.machine.volume.restore(copy);
    await three.start(again);
    await cluster.until(() => three.fatal.length > 0, "the older copy stops");
    expect(three.fatal).toMatchObject(outdated);
    three.crash("keep");
    await cluster.write(await cluster.untilLeader(), ["after"]);
    for (const { fatal } of cluster.running()) expect(fatal).toEqual([]);
  });

  test("that nobody has seen start since is found by the leader's commit index", async () => {
    const cluster = await SimCluster.ofThree("older/unseen");
    const leader = await cluster.untilLeader();
    const follower = cluster.running().find((member) => member !== leader) as SimMember;
    await cluster.untilEqual();
    const copy = follower.machine.volume.capture();
    await cluster.write(leader, numbered(5));
    await cluster.untilEqual();
    await cluster.simulation.runFor(500);
    follower.machine.kill();
    follower.group = undefined;
    follower.machine.volume.restore(copy);
    follower.machine.volume.release();
    await follower.start(again);
    await cluster.until(() => follower.fatal.length > 0, "the older copy stops");
    expect(follower.fatal).toMatchObject(outdated);
    for (const { fatal } of cluster.running().filter((member) => member !== follower))
      expect(fatal).toEqual([]);
  });

  test("may come back as it was: the original is what its peers know", async () => {
    const { cluster, three, copy } = await withCopyOfThree("older/original");
    await three.start(again);
    await cluster.write(await cluster.untilLeader(), numbered(3));
    await cluster.untilEqual();
    three.crash("keep");
    const original = three.machine.volume.capture();
    three.machine.volume.restore(copy);
    await three.start(again);
    await cluster.until(() => three.fatal.length > 0, "the older copy stops");
    three.crash("keep");
    three.fatal.length = 0;
    three.machine.volume.restore(original);
    await three.start(again);
    await cluster.write(three, ["after"]);
    await cluster.untilEqual();
    expect(await rowsOf(cluster, three)).toEqual(["before", ...numbered(3), "after"]);
    expect(three.fatal).toEqual([]);
  });

  test("of all members at once is not an older one: they know of nothing later", async () => {
    const cluster = await SimCluster.ofThree("older/all");
    await cluster.write(await cluster.untilLeader(), ["before"]);
    await cluster.untilEqual();
    const members = [...cluster.members.values()];
    for (const member of members) member.crash("keep");
    const copies = members.map(({ machine }) => machine.volume.capture());
    for (const member of members) await member.start(again);
    await cluster.write(await cluster.untilLeader(), ["lost"]);
    for (const member of members) member.crash("keep");
    for (const [i, member] of members.entries()) member.machine.volume.restore(copies[i]!);
    for (const member of members) await member.start(again);
    await cluster.write(await cluster.untilLeader(), ["after"]);
    await cluster.untilEqual();
    for (const member of members) {
      expect(await rowsOf(cluster, member)).toEqual(["before", "after"]);
      expect(member.fatal).toEqual([]);
    }
  });
});

describe("a directory that is started on two machines", () => {
  test("goes on where it was started first; the other one stops", async () => {
    const { cluster, three, copy } = await withCopyOfThree("older/twice");
    await three.start(again);
    await cluster.untilEqual();
    await cluster.simulation.runFor(500);
    const machine = new SimMachine(cluster.simulation, "node-3-copy");
    machine.volume.restore(copy);
    const twin = new SimMember(cluster, 3, machine);
    await twin.start({ ...again, listen: { host: "node-3", port: 2 } });
    await cluster.until(() => twin.fatal.length > 0, "the second one stops");
    expect(twin.fatal).toMatchObject(outdated);
    twin.crash("keep");
    await cluster.write(three, ["after"]);
    await cluster.untilEqual();
    for (const { fatal } of cluster.running()) expect(fatal).toEqual([]);
  });

  test("goes on where it was started last, when that is a copy of the one that runs", async () => {
    const { cluster, three } = await withCopyOfThree("older/twice-later");
    await three.start(again);
    await cluster.untilEqual();
    await cluster.simulation.runFor(500);
    const machine = new SimMachine(cluster.simulation, "node-3-copy");
    machine.volume.restore(three.machine.volume.capture());
    machine.volume.crash("keep");
    const twin = new SimMember(cluster, 3, machine);
    await twin.start({ ...again, listen: { host: "node-3", port: 2 } });
    await cluster.until(() => three.fatal.length > 0, "the first one stops");
    expect(three.fatal).toMatchObject(outdated);
    three.crash("keep");
    await cluster.write(twin, ["after"]);
    expect(twin.fatal).toEqual([]);
  });
});

describe("members of an earlier version, which do not tell their starts,", () => {
  test("and of this one form a group, in a rolling upgrade and back", async () => {
    const cluster = new SimCluster("older/upgrade");
    const voters = [1, 2, 3];
    const earlier = { startNumber: undefined };
    for (const nodeId of voters) cluster.add(nodeId);
    for (const nodeId of voters) await cluster.member(nodeId).start({ bootstrap: { voters }, ...earlier });
    const written: string[] = [];
    const steps = [1, 2, 3].flatMap((nodeId) => [
      [nodeId, {}] as const,
      [nodeId, earlier] as const,
      [nodeId, {}] as const,
    ]);
    for (const [i, [nodeId, version]] of steps.entries()) {
      cluster.member(nodeId).crash("drop");
      await cluster.member(nodeId).start({ ...again, ...version });
      await cluster.write(await cluster.untilLeader(), [`step ${i}`]);
      written.push(`step ${i}`);
    }
    await cluster.untilEqual();
    for (const member of cluster.running()) {
      expect([...new Set(await rowsOf(cluster, member))]).toEqual(written);
      expect(member.fatal).toEqual([]);
    }
  });
});
