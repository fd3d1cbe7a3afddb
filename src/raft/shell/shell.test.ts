import { describe, expect, test } from "vitest";
import { expectEqualRows, numbered, rowsOf } from "../testing/rows.ts";
import { SimCluster, type SimMember } from "../testing/sim-cluster.ts";

describe("three members", () => {
  test("elect a leader and apply what is proposed through any of them", async () => {
    const cluster = await SimCluster.ofThree("elect");
    await cluster.untilLeader();
    for (const member of cluster.running()) {
      await cluster.until(() => member.raft.status().leader !== 0, "everyone knows the leader");
      await cluster.write(member, [`through ${member.nodeId}`]);
    }
    expect(await expectEqualRows(cluster)).toEqual(["through 1", "through 2", "through 3"]);
  });

  test("survive the crash of the leader, which comes back from its log", async () => {
    const cluster = await SimCluster.ofThree("crash");
    const leader = await cluster.untilLeader();
    await cluster.write(leader, numbered(1, 20));
    leader.crash("drop");
    const next = await cluster.untilLeader();
    expect(next.nodeId).not.toBe(leader.nodeId);
    await cluster.write(next, numbered(21, 25));
    await leader.start({ requireExisting: true });
    expect(leader.raft.status().term).toBeGreaterThan(0);
    expect(await expectEqualRows(cluster)).toEqual(numbered(1, 25));
  });

  test("keep everything when all lose power at once", async () => {
    const cluster = await SimCluster.ofThree("blackout");
    const leader = await cluster.untilLeader();
    await cluster.write(leader, numbered(1, 60));
    for (const member of cluster.running()) member.crash("random");
    for (const member of cluster.members.values()) await member.start({ requireExisting: true });
    await cluster.write(await cluster.untilLeader(), ["after"]);
    expect(await expectEqualRows(cluster)).toEqual([...numbered(1, 60), "after"]);
  });

  test("bring a member that was away back by the log, without a snapshot", async () => {
    const cluster = await SimCluster.ofThree("catch-up");
    const leader = await cluster.untilLeader();
    const follower = cluster.running().find((member) => member !== leader) as SimMember;
    follower.crash();
    await cluster.write(leader, numbered(1, 20));
    await follower.start();
    expect(await expectEqualRows(cluster)).toEqual(numbered(1, 20));
    expect(follower.events.some(({ kind }) => kind === "snapshot-installed")).toBe(false);
  });

  test("bring a member that was away for long back by a snapshot", async () => {
    const cluster = await SimCluster.ofThree("snapshot");
    const leader = await cluster.untilLeader();
    const follower = cluster.running().find((member) => member !== leader) as SimMember;
    follower.crash();
    await cluster.write(leader, numbered(1, 150));
    expect(leader.raft.status().firstIndex).toBeGreaterThan(50);
    await follower.start();
    await cluster.write(await cluster.untilLeader(), ["after"]);
    expect(await expectEqualRows(cluster)).toEqual([...numbered(1, 150), "after"]);
    await cluster.until(
      () => follower.events.some(({ kind }) => kind === "snapshot-installed"),
      "it is installed",
    );
    // What was installed is also what a restart finds.
    follower.crash("drop");
    await follower.start({ requireExisting: true });
    expect(await expectEqualRows(cluster)).toEqual([...numbered(1, 150), "after"]);
  });

  test("say what became of a snapshot only when the state machine is not switching to it any more", async () => {
    const cluster = await SimCluster.ofThree("closed-while-installing");
    const leader = await cluster.untilLeader();
    const follower = cluster.running().find((member) => member !== leader) as SimMember;
    follower.crash();
    await cluster.write(leader, numbered(1, 150));
    await follower.start();
    const order: string[] = [];
    const { state, raft, process } = follower;
    const install = state.installSnapshot.bind(state);
    state.installSnapshot = async (metadata) => {
      order.push("begins");
      await new Promise<void>((resolve) => process?.schedule(50, resolve));
      await install(metadata);
      order.push("ends");
    };
    const received = raft.receivedSnapshot.bind(raft);
    raft.receivedSnapshot = async (message) => {
      const installed = await received(message);
      order.push(installed ? "installed" : "not installed");
      return installed;
    };
    await cluster.until(() => order.length > 0, "the snapshot is being installed");
    await cluster.simulation.complete(raft.close());
    expect(order).toEqual(["begins", "ends", "installed"]);
    follower.crash("drop");
    await follower.start({ requireExisting: true });
    expect(await expectEqualRows(cluster)).toEqual(numbered(1, 150));
  });

  test("start the log again behind a snapshot that was installed just before a crash", async () => {
    const cluster = await SimCluster.ofThree("behind");
    const leader = await cluster.untilLeader();
    const follower = cluster.running().find((member) => member !== leader) as SimMember;
    follower.crash();
    await cluster.write(leader, numbered(1, 150));
    await follower.start();
    // The state is switched, and then the log cannot be written.
    follower.machine.volume.faults.intercept = (operation, path) =>
      operation === "write" && path.includes("/raft/") && follower.state.metadata.index > 100
        ? "io"
        : undefined;
    await cluster.until(() => follower.fatal.length > 0, "it stops in between");
    follower.crash("drop");
    follower.machine.volume.faults.intercept = undefined;
    await follower.start({ requireExisting: true });
    expect(follower.events.some(({ kind }) => kind === "log-restarted")).toBe(true);
    expect(follower.raft.status().fenced).toBe(false);
    await cluster.write(await cluster.untilLeader(), ["after"]);
    expect(await expectEqualRows(cluster)).toEqual([...numbered(1, 150), "after"]);
  });

  test("refuse proposals and reads while there is no leader", async () => {
    const cluster = await SimCluster.ofThree("alone");
    const leader = await cluster.untilLeader();
    cluster.network.isolate(
      leader.nodeId,
      [1, 2, 3].filter((id) => id !== leader.nodeId),
    );
    await cluster.until(() => leader.raft.status().role !== "leader", "a leader without a quorum steps down");
    expect(leader.raft.propose(new Uint8Array([1]))).toBe(false);
    const read = leader.raft.readIndex(500);
    read.catch(() => undefined);
    await expect(cluster.simulation.complete(read)).rejects.toMatchObject({
      name: "RaftUnavailable",
      reason: "timeout",
    });
    cluster.network.heal();
    await cluster.until(() => leader.raft.status().leader !== 0, "it finds the new leader");
    await cluster.write(leader, ["healed"]);
    expect(await expectEqualRows(cluster)).toEqual(["healed"]);
  });

  test("that answer are recently active whenever one looks, also right after a check of the quorum", async () => {
    const cluster = await SimCluster.ofThree("shell/activity");
    const leader = await cluster.untilLeader();
    await cluster.simulation.runFor(2000);
    for (let ms = 0; ms < 2500; ms++) {
      await cluster.simulation.runFor(1);
      const silent = leader.raft.status().progress.filter(({ recentlyActive }) => !recentlyActive);
      expect(silent).toEqual([]);
    }
  });

  test("asks for votes in a term only when its disk has it: one that dies of that write has disturbed nobody", async () => {
    const cluster = await SimCluster.ofThree("vote");
    const leader = await cluster.untilLeader();
    await cluster.write(leader, ["a"]);
    await cluster.untilEqual();
    const { term } = leader.raft.status();
    const others = cluster.running().filter((member) => member !== leader);
    leader.crash("keep");
    // Neither disk takes the log of a candidate.
    for (const { machine, raft } of others) {
      machine.volume.faults.intercept = (operation, path) => {
        const isCandidate = raft.status().role === "candidate" && raft.status().term > term;
        return operation === "write" && path.includes("/raft/") && isCandidate ? "io" : undefined;
      };
    }
    await cluster.until(() => others.some(({ fatal }) => fatal.length > 0), "a candidate dies");
    const [dead] = others.filter(({ fatal }) => fatal.length > 0);
    const [alive] = others.filter((member) => member !== dead);
    // Long enough for a message, too short for another election.
    await cluster.simulation.runFor(500);
    expect(dead?.fatal[0]).toMatchObject({ kind: "wal" });
    expect(alive?.fatal).toEqual([]);
    expect(alive?.raft.status().term).toBe(term);
  });

  test("hand leadership over", async () => {
    const cluster = await SimCluster.ofThree("transfer");
    const leader = await cluster.untilLeader();
    await cluster.write(leader, ["one"]);
    const target = cluster.running().find((member) => member !== leader) as SimMember;
    leader.raft.transferLeadership(target.nodeId);
    await cluster.until(() => target.raft.status().role === "leader", "the target leads");
  });
});

describe("linearizable reads", () => {
  test("on any member show what was acknowledged anywhere before", async () => {
    const cluster = await SimCluster.ofThree("reads");
    const leader = await cluster.untilLeader();
    for (let i = 1; i <= 10; i++) {
      await cluster.write(leader, [`value ${i}`]);
      for (const member of cluster.running()) {
        const index = await cluster.simulation.complete(member.raft.readIndex(5000));
        await cluster.simulation.complete(member.state.untilApplied(index));
        expect(await rowsOf(cluster, member)).toEqual(numbered(1, i));
      }
    }
  });

  test("share a round, survive lost connections, and are asked again after a change of leader", async () => {
    const cluster = await SimCluster.ofThree("rounds");
    const leader = await cluster.untilLeader();
    const follower = cluster.running().find((member) => member !== leader) as SimMember;
    await cluster.write(follower, ["one"]);
    cluster.network.breakChance = 0.1;
    for (let i = 0; i < 20; i++) {
      const reads = Array.from({ length: 50 }, () => follower.raft.readIndex(20_000));
      const indexes = await cluster.simulation.complete(Promise.all(reads));
      expect(new Set(indexes).size).toBe(1);
    }
    cluster.network.breakChance = 0;
    const pending = follower.raft.readIndex(30_000);
    leader.crash();
    expect(await cluster.simulation.complete(pending)).toBeGreaterThan(1);
  });

  test("are refused when too many wait", async () => {
    const cluster = await SimCluster.ofThree("many", { maxWaitingReads: 5 });
    const leader = await cluster.untilLeader();
    const reads = Array.from({ length: 6 }, () => leader.raft.readIndex(1000));
    const results = await cluster.simulation.complete(Promise.allSettled(reads));
    expect(results.map(({ status }) => status)).toEqual([...Array(5).fill("fulfilled"), "rejected"]);
  });
});
