import { describe, expect, test } from "vitest";
import { expectEqualRows, numbered, rowsOf } from "../testing/rows.ts";
import { SimCluster } from "../testing/sim-cluster.ts";

describe("a group of one", () => {
  test("leads at once, and grows by a learner that becomes a voter, and shrinks again", async () => {
    const cluster = new SimCluster("grow");
    const first = cluster.add(1);
    await first.start({ bootstrap: { voters: [1] } });
    await cluster.write(await cluster.untilLeader(), numbered(1, 5));
    expect(first.raft.readIndexNow()).toBe(first.raft.status().commit);
    const second = cluster.add(2);
    await second.start();
    expect(first.raft.proposeConfigurationChange([{ type: "add-learner", nodeId: 2 }])).toBe(true);
    await cluster.until(
      () => second.state.metadata.confState.learners.includes(2),
      "the learner has the state",
    );
    expect(second.raft.status().confState).toMatchObject({ voters: [1], learners: [2] });
    expect(first.raft.proposeConfigurationChange([{ type: "add-voter", nodeId: 2 }])).toBe(true);
    await cluster.until(() => second.raft.status().confState.voters.includes(2), "the learner is a voter");
    expect(first.raft.readIndexNow()).toBeUndefined();
    expect(second.raft.readIndexNow()).toBeUndefined();
    await cluster.write(second, ["by two"]);
    expect(await expectEqualRows(cluster)).toEqual([...numbered(1, 5), "by two"]);
    // The configuration is in the same batch as the index: it is there after a crash.
    second.crash("drop");
    await second.start({ requireExisting: true });
    expect(second.state.metadata.confState.voters).toEqual([1, 2]);
    const leader = await cluster.untilLeader();
    const other = leader === first ? second : first;
    await cluster.until(
      () => leader.raft.proposeConfigurationChange([{ type: "remove", nodeId: other.nodeId }]),
      "the removal is proposed",
    );
    await cluster.until(() => leader.raft.status().confState.voters.length === 1, "it is alone");
    other.crash();
    await cluster.write(leader, ["alone again"]);
  });

  test("exchanges several members at once through a joint configuration", async () => {
    const cluster = await SimCluster.ofThree("joint");
    const leader = await cluster.untilLeader();
    await cluster.write(leader, ["before"]);
    for (const nodeId of [4, 5]) await cluster.add(nodeId).start();
    const leaving = [1, 2, 3].filter((nodeId) => nodeId !== leader.nodeId);
    const changes = [
      { type: "add-voter", nodeId: 4 } as const,
      { type: "add-voter", nodeId: 5 } as const,
      ...leaving.map((nodeId) => ({ type: "remove", nodeId }) as const),
    ];
    expect(leader.raft.proposeConfigurationChange(changes)).toBe(true);
    const wanted = [4, 5, leader.nodeId].sort();
    await cluster.until(() => {
      const { voters, votersOutgoing } = leader.raft.status().confState;
      return votersOutgoing.length === 0 && JSON.stringify(voters) === JSON.stringify(wanted);
    }, "the joint configuration is left");
    for (const nodeId of leaving) cluster.member(nodeId).crash();
    await cluster.write(cluster.member(4), ["after"]);
    expect(await expectEqualRows(cluster)).toEqual(["before", "after"]);
  });

  test("cuts its log behind checkpoints and keeps it small", async () => {
    const cluster = new SimCluster("compact");
    const member = cluster.add(1);
    await member.start({ bootstrap: { voters: [1] } });
    await cluster.write(await cluster.untilLeader(), numbered(1, 400));
    const { firstIndex, lastIndex } = member.raft.status();
    expect(member.state.checkpoints).toBeGreaterThan(5);
    expect(lastIndex - firstIndex).toBeLessThan(60);
    const segments = () => member.machine.volume.files().filter(({ path }) => path.endsWith(".wal")).length;
    expect(segments()).toBeLessThan(6);
    member.crash("drop");
    await member.start({ requireExisting: true });
    await cluster.write(await cluster.untilLeader(), ["after"]);
    expect(await rowsOf(cluster, member)).toEqual([...numbered(1, 400), "after"]);
  });

  test("cuts its log also when it is started again before each checkpoint", async () => {
    const cluster = new SimCluster("started-often");
    const one = cluster.add(1);
    await one.start({ bootstrap: { voters: [1] } });
    for (let life = 0; life < 6; life++) {
      // Fewer than a checkpoint waits for.
      await cluster.write(await cluster.untilLeader(), numbered(20 * life, 20 * life + 19));
      one.crash("keep");
      await one.start({ requireExisting: true });
    }
    await cluster.untilLeader();
    await cluster.simulation.runFor(1000);
    const { firstIndex, lastIndex } = one.raft.status();
    expect(lastIndex - firstIndex).toBeLessThan(60);
  });

  test("takes many proposals of one turn into few batches", async () => {
    const cluster = new SimCluster("batch");
    const member = cluster.add(1);
    await member.start({ bootstrap: { voters: [1] } });
    await cluster.untilLeader();
    let syncs = 0;
    member.machine.volume.faults.intercept = (operation) => {
      if (operation === "sync") syncs++;
      return undefined;
    };
    for (const value of numbered(1, 30))
      expect(member.raft.propose(new TextEncoder().encode(value))).toBe(true);
    await cluster.until(() => member.state.applied.length >= 32, "all are applied");
    expect(syncs).toBeLessThan(6);
    expect(await rowsOf(cluster, member)).toEqual(numbered(1, 30));
  });
});
