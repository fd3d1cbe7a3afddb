import { describe, expect, test } from "vitest";
import type { Disk } from "../../platform/index.ts";
import { CLUSTER_ID, SimCluster, type SimMember } from "../testing/sim-cluster.ts";
import { openWal } from "../wal/index.ts";
import { walOptions } from "../wal/testing/wal-harness.ts";
import type { StartedInlineRaft } from "./index.ts";

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `value ${from + i}`);

async function rowsOf(cluster: SimCluster, member: SimMember): Promise<string[]> {
  return cluster.simulation.complete(member.state.rows());
}

async function readWhole(disk: Disk, path: string) {
  const file = await disk.open(path, "read");
  const bytes = new Uint8Array(await file.sizeBytes());
  await file.read(0, bytes);
  await file.close();
  return { path, bytes };
}

async function writeWhole(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path, "create");
  await file.write(0, [bytes]);
  await file.syncData();
  await file.close();
}

async function expectEqualRows(cluster: SimCluster): Promise<string[]> {
  await cluster.untilEqual();
  const all = await Promise.all(cluster.running().map((member) => rowsOf(cluster, member)));
  for (const rows of all) expect(rows).toEqual(all[0]);
  return all[0] ?? [];
}

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

describe("the first start", () => {
  test("that crashed anywhere is made again", async () => {
    for (let events = 1; events < 60; events += 2) {
      const cluster = new SimCluster(`first-${events}`);
      const member = cluster.add(1);
      // `start` runs the simulation itself; the crash is an event among its events, and nothing comes of the start then.
      const crash = cluster.simulation.schedule(events * 0.05, () => member.crash("random"));
      await member.start({ bootstrap: { voters: [1] } }).catch(() => undefined);
      crash.cancel();
      if (member.group !== undefined) member.crash("random");
      await member.start({ bootstrap: { voters: [1] } });
      await cluster.write(await cluster.untilLeader(), ["one"]);
      expect(await rowsOf(cluster, member)).toEqual(["one"]);
    }
  });

  test("is refused when a log should be there", async () => {
    const cluster = new SimCluster("missing");
    await expect(cluster.add(1).start({ requireExisting: true })).rejects.toMatchObject({ code: "missing" });
  });

  test("is refused when the log is an older one, which was put there", async () => {
    const cluster = await SimCluster.ofThree("outdated");
    await cluster.write(await cluster.untilLeader(), numbered(1, 5));
    const member = cluster.member(2);
    const isLogFile = ({ path }: { readonly path: string }) => path.endsWith(".wal");
    const restart = async <T>(step: (disk: Disk) => Promise<T>) => {
      member.crash("keep");
      const done = await cluster.simulation.complete(step(member.machine.boot().platform.disk));
      member.machine.crash("keep");
      return done;
    };
    const backup = await restart((disk) =>
      Promise.all(
        member.machine.volume
          .files()
          .filter(isLogFile)
          .map(({ path }) => readWhole(disk, path)),
      ),
    );
    await member.start({ requireExisting: true });
    await cluster.write(await cluster.untilLeader(), numbered(6, 12));
    await cluster.untilEqual();
    await restart(async (disk) => {
      for (const { path } of member.machine.volume.files().filter(isLogFile)) await disk.remove(path);
      for (const { path, bytes } of backup) await writeWhole(disk, path, bytes);
    });
    await expect(member.start({ requireExisting: true })).rejects.toMatchObject({ code: "outdated" });
  });

  test("is refused when there is a state and no log, unless a backup is restored", async () => {
    const cluster = new SimCluster("backup");
    const member = cluster.add(1);
    await member.start({ bootstrap: { voters: [1] } });
    await cluster.write(await cluster.untilLeader(), ["kept"]);
    await cluster.simulation.complete(member.state.checkpoint());
    member.crash("drop");
    const { disk } = member.machine.boot().platform;
    await cluster.simulation.complete(disk.removeTree("/data/raft"));
    await expect(member.start({ bootstrap: { voters: [1] } })).rejects.toMatchObject({ code: "missing" });
    member.crash("keep");
    await member.start({ bootstrap: { voters: [1], restoredState: true } });
    await cluster.write(await cluster.untilLeader(), ["new"]);
    expect(await rowsOf(cluster, member)).toEqual(["kept", "new"]);
  });
});

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
