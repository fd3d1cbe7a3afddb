import { describe, expect, it } from "vitest";
import type { Message } from "../types.ts";
import { ENTRY_OVERHEAD_BYTES } from "./entry.ts";
import { Inflights } from "./inflights.ts";
import { Progress } from "./progress.ts";
import { Cluster } from "./testing/cluster.ts";

const PAYLOAD_BYTES = 100;
const ENTRY_BYTES = PAYLOAD_BYTES + ENTRY_OVERHEAD_BYTES;
const payload = () => new Uint8Array(PAYLOAD_BYTES);

/** A leader of three, and the MsgApps with entries that it sends to 2 without being answered. */
function unansweredLeader(settings = {}): { cluster: Cluster; appends: () => Message[] } {
  const cluster = new Cluster({ voters: [1, 2, 3], settings });
  cluster.elect(1);
  const seen: Message[] = [];
  cluster.filter = (sent) => {
    if (sent.type === "MsgApp" && sent.to === 2 && sent.entries.length > 0) seen.push(sent);
    return sent.to !== 2;
  };
  return { cluster, appends: () => seen };
}

describe("flow control", () => {
  it("a follower has at most so many messages in flight", () => {
    const { cluster, appends } = unansweredLeader({ maxInflightMessages: 3 });
    for (let round = 0; round < 10; round++) {
      cluster.raw(1).propose([payload()]);
      cluster.settle();
    }
    expect(appends().map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
    const status = cluster
      .raw(1)
      .status()
      .progress.find(({ id }) => id === 2)!;
    expect(status).toMatchObject({ inflightMessages: 3, inflightFull: true, paused: true });
  });

  it("and so many bytes; the message that crosses the limit is still sent", () => {
    const maxInflightBytes = 2.5 * ENTRY_BYTES;
    const { cluster, appends } = unansweredLeader({ maxInflightBytes, maxMessageBytes: ENTRY_BYTES });
    cluster.raw(1).propose(Array.from({ length: 10 }, payload));
    cluster.settle();
    expect(appends()).toHaveLength(3);
  });

  it("a message has at most so many bytes, but for a single entry", () => {
    const { cluster, appends } = unansweredLeader({ maxMessageBytes: 3 * ENTRY_BYTES });
    cluster.raw(1).propose(Array.from({ length: 7 }, payload));
    cluster.raw(1).propose([new Uint8Array(100 * ENTRY_BYTES)]);
    cluster.settle();
    expect(appends().map(({ entries }) => entries.length)).toEqual([3, 3, 1, 1]);
  });

  it("a full window that is lost as a whole recovers", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], settings: { maxInflightMessages: 2 } });
    cluster.elect(1);
    cluster.filter = ({ type, to }) => !(type === "MsgApp" && to === 2);
    for (let round = 0; round < 5; round++) {
      cluster.propose(1, `${round}`);
      cluster.settle();
    }
    cluster.filter = () => true;
    cluster.tickAll(3);
    expect(cluster.appliedTexts(2)).toEqual(["0", "1", "2", "3", "4"]);
  });

  it("a full window lets one empty message a heartbeat through, not more", () => {
    const { cluster } = unansweredLeader({ maxInflightMessages: 1 });
    cluster.propose(1, "a");
    cluster.propose(1, "b");
    cluster.settle();
    let empty = 0;
    cluster.filter = (sent) => {
      if (sent.type === "MsgApp" && sent.to === 2) {
        expect(sent.entries).toEqual([]);
        empty++;
        return false;
      }
      return true;
    };
    for (let tick = 0; tick < 3; tick++) {
      cluster.tick(1);
      cluster.settle();
      cluster.propose(1, `${tick}`);
      cluster.settle();
    }
    expect(empty).toBe(3);
  });

  it("a probed follower gets one message until it answers", () => {
    const { cluster, appends } = unansweredLeader();
    cluster.raw(1).reportUnreachable(2);
    for (let round = 0; round < 5; round++) {
      cluster.propose(1, `${round}`);
      cluster.settle();
    }
    expect(appends()).toHaveLength(1);
    cluster.heal();
    cluster.tickAll(2);
    expect(cluster.appliedTexts(2)).toEqual(["0", "1", "2", "3", "4"]);
    expect(cluster.raw(1).status().progress[1]!.state).toBe("StateReplicate");
  });

  it("pipelines: messages go out before earlier ones are answered", () => {
    const { cluster, appends } = unansweredLeader();
    for (let round = 0; round < 5; round++) {
      cluster.propose(1, `${round}`);
      cluster.takeReady(cluster.member(1));
    }
    expect(appends()).toHaveLength(5);
  });

  it("a leader drops proposals while its uncommitted tail is full, and takes them again when it is applied", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], settings: { maxUncommittedBytes: 3 * ENTRY_BYTES } });
    cluster.elect(1);
    cluster.isolate(1);
    for (let round = 0; round < 3; round++) expect(cluster.raw(1).propose([payload()])).toBe("accepted");
    expect(cluster.raw(1).propose([payload()])).toBe("dropped");
    // Entries without data count too.
    expect(cluster.raw(1).propose([new Uint8Array(0)])).toBe("dropped");
    expect(cluster.raw(1).lastIndex).toBe(5);
    cluster.heal();
    cluster.tickAll(3);
    expect(cluster.raw(1).applied).toBe(5);
    expect(cluster.raw(1).propose([payload()])).toBe("accepted");
  });

  it("an empty tail takes a proposal of any size", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], settings: { maxUncommittedBytes: 10 } });
    cluster.elect(1);
    expect(cluster.raw(1).propose([payload(), payload()])).toBe("accepted");
    expect(cluster.raw(1).propose([new Uint8Array(1)])).toBe("dropped");
  });

  it("a full tail refuses neither the first entry of a term nor leaving a joint configuration", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], settings: { maxUncommittedBytes: 200 } });
    cluster.elect(1);
    const changes = [{ type: "RemoveNode", nodeId: 3 }] as const;
    cluster.raw(1).proposeConfChange({ transition: "JointImplicit", changes, context: undefined });
    let applied = 0;
    cluster.onApply = (id, { type }) => {
      if (id === 1 && type === "EntryConfChangeV2" && applied++ === 0)
        cluster.raw(1).propose([new Uint8Array(1000)]);
    };
    cluster.settle();
    cluster.tickAll(2);
    expect(cluster.raw(1).status().configuration.voters).toEqual({ incoming: [1, 2], outgoing: [] });
  });

  it("entries on their way to the state machine are limited", () => {
    const settings = { maxApplyingBytes: 2 * ENTRY_BYTES };
    const cluster = new Cluster({ voters: [1], settings });
    cluster.elect(1);
    cluster.raw(1).propose(Array.from({ length: 5 }, payload));
    const member = cluster.member(1);
    while (cluster.takeReady(member) || cluster.append(member));
    expect(member.pending.apply.map(({ entries }) => entries.length)).toEqual([2]);
    cluster.apply(member);
    while (cluster.takeReady(member));
    expect(member.pending.apply.map(({ entries }) => entries.length)).toEqual([2]);
    cluster.settle();
    expect(member.raw.applied).toBe(7);
  });

  it("a follower that is too far behind gets a snapshot, and nothing else until it has it", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "a", "b", "c");
    cluster.settle();
    cluster.compact(1);
    const toThree: string[] = [];
    cluster.heal();
    cluster.filter = (sent) => {
      if (sent.to === 3 && sent.type !== "MsgHeartbeat") toThree.push(sent.type);
      return sent.type !== "MsgSnap";
    };
    cluster.tickAll(2);
    cluster.propose(1, "d");
    cluster.tickAll(2);
    expect(toThree.filter((type) => type === "MsgSnap")).toHaveLength(1);
    expect(toThree.at(-1)).toBe("MsgSnap");
    expect(cluster.raw(1).status().progress[2]).toMatchObject({ state: "StateSnapshot", paused: true });
    // It was lost, and that is reported.
    cluster.raw(1).reportSnapshot(3, false);
    cluster.heal();
    cluster.tickAll(3);
    expect(cluster.appliedTexts(3)).toEqual(["a", "b", "c", "d"]);
    expect(cluster.raw(1).status().progress[2]).toMatchObject({ state: "StateReplicate" });
  });

  it("no snapshot is made for a member that is not heard from", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "a");
    cluster.tickAll(25);
    cluster.compact(1);
    let snapshots = 0;
    cluster.filter = ({ type }) => {
      if (type === "MsgSnap") snapshots++;
      return true;
    };
    cluster.raw(1).reportUnreachable(3);
    cluster.propose(1, "b");
    cluster.tickAll(5);
    expect(snapshots).toBe(0);
    cluster.heal();
    cluster.tickAll(5);
    expect(cluster.appliedTexts(3)).toEqual(["a", "b"]);
  });
});

describe("the window of messages in flight", () => {
  it("frees what is acknowledged, in order, through many rounds of the ring", () => {
    const window = new Inflights(20, 1_000_000);
    let added = 0;
    let freed = 0;
    for (let round = 0; round < 200; round++) {
      while (!window.full) window.add(++added, added);
      expect(window.count).toBe(20);
      freed += 1 + (round % 7);
      window.freeUpTo(freed);
      expect(window.count).toBe(added - freed);
      const kept = Array.from({ length: added - freed }, (_, at) => freed + 1 + at);
      expect(window.bytes).toBe(kept.reduce((sum, each) => sum + each, 0));
    }
    window.freeUpTo(0);
    window.freeUpTo(added);
    expect([window.count, window.bytes]).toEqual([0, 0]);
  });

  it("is full by messages or by bytes, and takes nothing then", () => {
    const byCount = new Inflights(1, Number.POSITIVE_INFINITY);
    byCount.add(1, 0);
    expect(() => byCount.add(2, 0)).toThrow("full window");
    const byBytes = new Inflights(10, 5);
    byBytes.add(1, 4);
    byBytes.add(2, 100);
    expect(byBytes.full).toBe(true);
    byBytes.clear();
    expect(byBytes.full).toBe(false);
  });
});

describe("progress", () => {
  function progress(match: number, next: number): Progress {
    const limits = { maxInflightMessages: 10, maxInflightBytes: 1000 };
    return new Progress({ match, next, isLearner: false, recentActive: true, ...limits });
  }

  it("match only grows, and stays below next, whatever comes late", () => {
    const member = progress(3, 5);
    expect([member.maybeUpdate(2), member.maybeUpdate(3), member.match, member.next]).toEqual([
      false,
      false,
      3,
      5,
    ]);
    expect([member.maybeUpdate(7), member.match, member.next]).toEqual([true, 7, 8]);
  });

  it("a stale refusal changes nothing", () => {
    const replicating = progress(5, 6);
    replicating.becomeReplicate();
    expect(replicating.maybeDecreaseTo(5, 4)).toBe(false);
    const probing = progress(0, 10);
    expect(probing.maybeDecreaseTo(3, 2)).toBe(false);
    expect([probing.maybeDecreaseTo(9, 4), probing.next]).toEqual([true, 5]);
    expect([probing.maybeDecreaseTo(4, 9), probing.next]).toEqual([true, 4]);
  });

  it("never goes back behind what is known to agree", () => {
    const probing = progress(6, 8);
    expect([probing.maybeDecreaseTo(7, 2), probing.next]).toEqual([true, 7]);
  });

  it("tells a commit index once", () => {
    const member = progress(0, 11);
    member.becomeReplicate();
    member.sentEntries(10, 0);
    expect(member.canBumpCommit(5)).toBe(true);
    member.sentCommit(5);
    expect([member.canBumpCommit(5), member.canBumpCommit(6)]).toEqual([false, true]);
    member.sentCommit(10);
    // It cannot commit more than it was sent.
    expect(member.canBumpCommit(11)).toBe(false);
    member.becomeProbe();
    expect(member.canBumpCommit(5)).toBe(false);
  });

  it("goes on behind a snapshot that arrived, and from where it was after one that failed", () => {
    const arrived = progress(2, 3);
    arrived.becomeSnapshot(20);
    expect([arrived.next, arrived.paused]).toEqual([21, true]);
    arrived.becomeProbe();
    expect(arrived.next).toBe(21);
    const failed = progress(2, 3);
    failed.becomeSnapshot(20);
    failed.pendingSnapshot = 0;
    failed.becomeProbe();
    expect(failed.next).toBe(3);
  });

  it("no entries are sent while a snapshot is", () => {
    const member = progress(0, 1);
    member.becomeSnapshot(5);
    expect(() => member.sentEntries(1, 1)).toThrow("while a snapshot is");
  });
});
