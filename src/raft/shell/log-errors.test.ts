import { describe, expect, test } from "vitest";
import { expectEqualRows, numbered } from "../testing/rows.ts";
import { CLUSTER_ID, SimCluster, type SimMember } from "../testing/sim-cluster.ts";
import { openWal } from "../wal/index.ts";
import { walOptions } from "../wal/testing/wal-harness.ts";

describe("an error of the log", () => {
  test("stops the member: told once, nothing acknowledged, the others go on", async () => {
    const cluster = await SimCluster.ofThree("fatal");
    const leader = await cluster.untilLeader();
    await cluster.write(leader, ["one"]);
    leader.machine.volume.faults.intercept = (operation, path) =>
      operation === "sync" && path.includes("/raft/") ? "io" : undefined;
    leader.raft.propose(new TextEncoder().encode("two"));
    await cluster.until(() => leader.fatal.length > 0, "the error is reported");
    await cluster.simulation.runFor(5000);
    expect(leader.fatal).toMatchObject([{ name: "RaftFatal", kind: "wal" }]);
    expect(leader.raft.propose(new Uint8Array(1))).toBe(false);
    await expect(leader.raft.readIndex(100)).rejects.toMatchObject({ reason: "stopped" });
    expect(leader.state.applied.some(({ data }) => new TextDecoder().decode(data) === "two")).toBe(false);
    const others = cluster.running().filter((member) => member !== leader);
    await cluster.until(() => others.some(({ raft }) => raft.status().role === "leader"), "another leads");
    leader.crash("drop");
    leader.machine.volume.faults.intercept = undefined;
    await leader.start({ requireExisting: true });
    await cluster.write(await cluster.untilLeader(), ["three"]);
    await expectEqualRows(cluster);
  });

  test("of the state machine stops the member too", async () => {
    const cluster = await SimCluster.ofThree("bug");
    const leader = await cluster.untilLeader();
    const follower = cluster.running().find((member) => member !== leader) as SimMember;
    follower.state.beforeApply = () => {
      throw new Error("refcount is negative");
    };
    await cluster.write(leader, ["one"]);
    await cluster.until(() => follower.fatal.length > 0, "the bug is reported");
    expect(follower.fatal).toMatchObject([{ kind: "state-machine", message: "refcount is negative" }]);
  });
});

describe("a member whose log is damaged in the middle", () => {
  async function damaged(seed: string) {
    const cluster = await SimCluster.ofThree(seed, { checkpointEntries: 1000 });
    const leader = await cluster.untilLeader();
    await cluster.write(leader, numbered(1, 30));
    const victim = cluster.running().find((member) => member !== leader) as SimMember;
    await cluster.simulation.complete(victim.raft.close());
    victim.crash("drop");
    victim.machine.volume.flipBit("/data/raft/0000000000000001.wal", 1000);
    return { cluster, leader, victim };
  }

  test("is fenced: it does not vote, does not read, and says so", async () => {
    const { cluster, leader, victim } = await damaged("fenced");
    cluster.network.isolate(victim.nodeId, [leader.nodeId]);
    await victim.start({ settings: { checkpointEntries: 1000 } });
    expect(victim.raft.status()).toMatchObject({ fenced: true, role: "follower" });
    await expect(victim.raft.readIndex(1000)).rejects.toMatchObject({ reason: "fenced" });
    expect(victim.raft.propose(new Uint8Array(1))).toBe(false);
    // Two of three are left, and one of them is fenced: nobody can be elected.
    leader.crash();
    await cluster.simulation.runFor(20_000);
    expect(cluster.leader()).toBeUndefined();
    expect(victim.fatal).toEqual([]);
  });

  test("is repaired by the leader's snapshot, votes again, and has lost nothing", async () => {
    const { cluster, leader, victim } = await damaged("repaired");
    await victim.start();
    await cluster.until(() => !victim.raft.status().fenced, "the fence is lifted");
    await cluster.write(leader, ["after"]);
    expect(await expectEqualRows(cluster)).toEqual([...numbered(1, 30), "after"]);
    leader.crash();
    await cluster.write(await cluster.untilLeader(), ["with the vote of the repaired"]);
    victim.crash("drop");
    await victim.start({ requireExisting: true });
    expect(victim.raft.status().fenced).toBe(false);
    await cluster.until(() => cluster.leader() !== undefined, "it takes part");
  });

  test("does not vote while its log is not as good as the one it lost, also after a restart", async () => {
    const cluster = await SimCluster.ofThree("vote-fence");
    const leader = await cluster.untilLeader();
    await cluster.write(leader, ["one"]);
    const victim = cluster.running().find((member) => member !== leader) as SimMember;
    await cluster.simulation.complete(victim.raft.close());
    victim.crash("drop");
    // As a repair leaves it that had to begin behind what the node had acknowledged.
    const options = walOptions(victim.machine.boot().platform.disk, {
      directory: "/data/raft",
      identity: { clusterId: CLUSTER_ID, nodeId: victim.nodeId, incarnation: `life-${victim.nodeId}` },
    });
    const opened = await cluster.simulation.complete(openWal(options));
    if (opened.kind !== "ready") throw new Error("not damaged");
    opened.wal.append({ groupId: 1, fence: { term: 50, index: 1 } });
    await cluster.simulation.complete(opened.wal.close());
    for (let i = 0; i < 2; i++) {
      victim.crash("drop");
      await victim.start({ requireExisting: true });
      expect(victim.raft.status().fenced).toBe(true);
    }
    // It follows and reads all the same.
    await cluster.write(leader, ["two"]);
    expect(await cluster.simulation.complete(victim.raft.readIndex(5000))).toBeGreaterThan(1);
    const other = cluster.running().find((member) => member !== leader && member !== victim) as SimMember;
    leader.crash();
    // So that it does not hold back its vote only because it has just heard of the leader.
    victim.crash("drop");
    await victim.start({ requireExisting: true });
    await cluster.simulation.runFor(20_000);
    expect(cluster.leader()).toBeUndefined();
    expect(other.raft.status().role).not.toBe("leader");
    await leader.start();
    await cluster.untilLeader();
  });

  test("whose state machine lost what the log no longer has is repaired the same way", async () => {
    const cluster = await SimCluster.ofThree("lost-state");
    const leader = await cluster.untilLeader();
    await cluster.write(leader, numbered(1, 120));
    const victim = cluster.running().find((member) => member !== leader) as SimMember;
    await cluster.untilEqual();
    victim.crash("drop");
    const { disk } = victim.machine.boot().platform;
    await cluster.simulation.complete(disk.removeTree("/data/state"));
    victim.crash("keep");
    await victim.start({ requireExisting: true });
    expect(victim.raft.status().fenced).toBe(true);
    await cluster.until(() => !victim.raft.status().fenced, "the fence is lifted");
    await cluster.write(leader, ["after"]);
    expect(await expectEqualRows(cluster)).toEqual([...numbered(1, 120), "after"]);
  });
});
