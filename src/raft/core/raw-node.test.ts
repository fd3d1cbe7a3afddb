import { describe, expect, it } from "vitest";
import {
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type MessageType,
} from "../types.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { message } from "./message.ts";
import type { RawNodeOptions } from "./options.ts";
import { RawNode } from "./raw-node.ts";
import { Cluster } from "./testing/cluster.ts";
import { testConfChangeCodec } from "./testing/test-codec.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function options(changes: Partial<RawNodeOptions> = {}): RawNodeOptions {
  const storage = new MemoryStorage();
  const confState = {
    voters: [1, 2, 3],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  storage.setConfState(confState);
  return {
    id: 1,
    storage,
    confChangeCodec: testConfChangeCodec,
    random: { below: () => 0 },
    electionTicks: 10,
    heartbeatTicks: 1,
    ...changes,
  };
}

function entries(...terms: number[]): Entry[] {
  return terms.map((term, at) => ({
    term,
    index: at + 1,
    type: "EntryNormal",
    data: new Uint8Array(1),
    timeMs: at * 10,
  }));
}

describe("options", () => {
  it.each([
    ["id 0", { id: 0 }, "a node id"],
    ["a local thread's id", { id: LOCAL_APPEND_THREAD }, "a node id"],
    ["no heartbeat", { heartbeatTicks: 0 }, "heartbeatTicks"],
    ["elections as fast as heartbeats", { electionTicks: 1 }, "electionTicks"],
    ["no message in flight", { maxInflightMessages: 0 }, "maxInflightMessages"],
    ["a window smaller than a message", { maxMessageBytes: 10, maxInflightBytes: 9 }, "maxInflightBytes"],
    ["nothing to be applied", { maxApplyingBytes: 0 }, "maxApplyingBytes"],
    ["leases without the quorum check", { readOnly: "lease-based" }, "lease-based"],
  ] as const)("refuses %s", (_name, wrong, reason) => {
    expect(() => new RawNode(options(wrong))).toThrow(reason);
  });

  it("takes small limits", () => {
    expect(new RawNode(options({ maxMessageBytes: 0, maxInflightBytes: 1, maxApplyingBytes: 1 })).id).toBe(1);
  });
});

describe("messages from outside", () => {
  const local: MessageType[] = [
    "MsgHup",
    "MsgBeat",
    "MsgUnreachable",
    "MsgSnapStatus",
    "MsgCheckQuorum",
    "MsgStorageAppend",
    "MsgStorageAppendResp",
    "MsgStorageApply",
    "MsgStorageApplyResp",
  ];
  it.each(local)("%s from a peer is refused", (type) => {
    const node = new RawNode(options());
    expect(node.step(message({ type, from: 2, to: 1 }))).toBe("local-message");
    expect(node.hasReady()).toBe(false);
  });

  it.each(["MsgAppResp", "MsgVoteResp", "MsgHeartbeatResp", "MsgReadIndexResp", "MsgPreVoteResp"] as const)(
    "%s from a stranger is refused, whatever its term",
    (type) => {
      const node = new RawNode(options());
      expect(node.step(message({ type, from: 9, to: 1, term: 99 }))).toBe("unknown-peer");
      expect(node.term).toBe(0);
    },
  );

  it("a proposal without entries is dropped", () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.elect(1);
    expect(cluster.raw(1).step(message({ type: "MsgProp", from: 2, to: 1 }))).toBe("dropped");
    expect(cluster.raw(1).propose([])).toBe("dropped");
  });

  it("a read request or answer that is not one is dropped", () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.elect(1);
    expect(cluster.raw(1).step(message({ type: "MsgReadIndex", from: 2, to: 1 }))).toBe("dropped");
    const { term } = cluster.raw(2);
    expect(cluster.raw(2).step(message({ type: "MsgReadIndexResp", from: 1, to: 2, term }))).toBe("dropped");
    cluster.settle();
    expect(cluster.member(2).readStates).toEqual([]);
  });

  it("a snapshot without a snapshot, or of others only, is not taken", () => {
    const node = new RawNode(options());
    node.step(message({ type: "MsgSnap", from: 2, to: 1, term: 1 }));
    const confState = {
      voters: [2, 3],
      learners: [],
      votersOutgoing: [],
      learnersNext: [],
      autoLeave: false,
    };
    const snapshot = { metadata: { index: 9, term: 1, confState }, data: new Uint8Array(0) };
    node.step(message({ type: "MsgSnap", from: 2, to: 1, term: 1, snapshot }));
    expect([node.commit, node.ready().snapshot]).toEqual([0, undefined]);
  });

  it("a snapshot of what is in the log moves the commit index and keeps the rest of the log", () => {
    const { storage, ...rest } = options();
    (storage as MemoryStorage).append(entries(1, 1, 1));
    (storage as MemoryStorage).setHardState({ term: 1, vote: 0, commit: 1 });
    const node = new RawNode({ ...rest, storage });
    const confState = storage.initialState().confState;
    const snapshot = { metadata: { index: 2, term: 1, confState }, data: new Uint8Array(0) };
    node.step(message({ type: "MsgSnap", from: 2, to: 1, term: 1, snapshot }));
    expect([node.commit, node.lastIndex, node.ready().snapshot]).toEqual([2, 3, undefined]);
  });
});

describe("ready and advance", () => {
  it("take turns in synchronous mode", () => {
    const node = new RawNode(options());
    node.campaign();
    expect(() => node.advance()).toThrow("advance follows ready");
    node.ready();
    node.campaign();
    expect(() => node.ready()).toThrow("advance follows every ready");
    node.advance();
    expect(() => node.advance()).toThrow("advance follows ready");
  });

  it("there is no advance in asynchronous mode, and writes are pipelined", () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.elect(1);
    const node = cluster.raw(1);
    const writes: Message[] = [];
    for (const text of ["a", "b", "c"]) {
      node.propose([bytes(text)]);
      writes.push(...node.ready().messages.filter(({ to }) => to === LOCAL_APPEND_THREAD));
    }
    expect(writes.map(({ entries: written }) => written.map(({ index }) => index))).toEqual([[3], [4], [5]]);
    expect(() => node.advance()).toThrow("synchronous mode only");
    // Nothing is applied that is not on the disk, and everything that is.
    for (const response of writes[0]!.responses) node.step(response);
    cluster.member(1).storage.append(writes[0]!.entries);
    const applies = node.ready().messages.filter(({ to }) => to === LOCAL_APPLY_THREAD);
    expect(applies.flatMap(({ entries: applied }) => applied.map(({ index }) => index))).toEqual([3]);
  });

  it("a commit index alone need not be durable; terms, votes and entries must", () => {
    const { storage, ...rest } = options();
    const node = new RawNode({ ...rest, storage });
    node.step(message({ type: "MsgApp", from: 2, to: 1, term: 1, entries: entries(1, 1) }));
    const first = node.ready();
    expect([first.mustSync, first.hardState]).toEqual([true, { term: 1, vote: 0, commit: 0 }]);
    (storage as MemoryStorage).append(first.entries);
    node.advance();
    node.step(message({ type: "MsgHeartbeat", from: 2, to: 1, term: 1, commit: 2 }));
    const second = node.ready();
    expect([second.mustSync, second.hardState]).toEqual([false, { term: 1, vote: 0, commit: 2 }]);
    expect(second.committedEntries.map(({ index }) => index)).toEqual([1, 2]);
    node.advance();
    expect(node.hasReady()).toBe(false);
  });

  it("a Ready does not change after it was handed out", () => {
    const node = new RawNode(options({ asyncStorageWrites: true }));
    node.step(message({ type: "MsgApp", from: 2, to: 1, term: 1, entries: entries(1, 1, 1) }));
    const ready = node.ready();
    const before = JSON.stringify(ready);
    node.step(
      message({
        type: "MsgApp",
        from: 3,
        to: 1,
        term: 2,
        index: 1,
        logTerm: 1,
        entries: entries(1, 2).slice(1),
      }),
    );
    node.ready();
    expect(JSON.stringify(ready)).toBe(before);
  });

  it("an old write's end does not make newer entries of another term stable (ABA)", () => {
    const node = new RawNode(options({ asyncStorageWrites: true }));
    const write = () => node.ready().messages.find(({ to }) => to === LOCAL_APPEND_THREAD)!;
    const stored = (append: Message) => {
      const response = append.responses.find(({ type }) => type === "MsgStorageAppendResp")!;
      node.step(response);
    };
    const ofTerm = (term: number): Entry => ({
      term,
      index: 1,
      type: "EntryNormal",
      data: bytes(`${term}`),
      timeMs: 0,
    });
    node.step(message({ type: "MsgApp", from: 2, to: 1, term: 1, entries: [ofTerm(1)] }));
    const first = write();
    node.step(message({ type: "MsgApp", from: 3, to: 1, term: 2, entries: [ofTerm(2)] }));
    const second = write();
    node.step(message({ type: "MsgApp", from: 2, to: 1, term: 3, entries: [ofTerm(1)], commit: 1 }));
    const third = write();
    stored(first);
    stored(second);
    // Storage shows the second write's entry just now: applying would apply the wrong one.
    expect(node.hasReady()).toBe(false);
    stored(third);
    expect(node.hasReady()).toBe(true);
  });
});

describe("restart", () => {
  it("hands out what is behind the applied index, again or for the first time", () => {
    const { storage, ...rest } = options();
    (storage as MemoryStorage).append(entries(1, 1, 1));
    (storage as MemoryStorage).setHardState({ term: 1, vote: 2, commit: 2 });
    const node = new RawNode({ ...rest, storage, applied: 1 });
    expect(node.ready().committedEntries.map(({ index }) => index)).toEqual([2]);
    expect(node.status().hardState).toEqual({ term: 1, vote: 2, commit: 2 });
  });

  it("what was applied was committed, even if the commit index on disk is older", () => {
    const { storage, ...rest } = options();
    (storage as MemoryStorage).append(entries(1, 1, 1));
    (storage as MemoryStorage).setHardState({ term: 1, vote: 0, commit: 1 });
    const node = new RawNode({ ...rest, storage, applied: 3 });
    expect([node.commit, node.applied]).toEqual([3, 3]);
  });

  it.each([
    ["committed entries", { term: 1, vote: 0, commit: 4 }, 0, "within the log"],
    ["applied entries", { term: 1, vote: 0, commit: 1 }, 4, "within the log"],
    ["a term", { term: 1, vote: 0, commit: 1 }, 0, "not older"],
  ] as const)("storage that has lost %s is refused", (what, hardState, applied, reason) => {
    const { storage, ...rest } = options();
    (storage as MemoryStorage).append(what === "a term" ? entries(1, 2) : entries(1, 1));
    (storage as MemoryStorage).setHardState(hardState);
    expect(() => new RawNode({ ...rest, storage, applied })).toThrow(reason);
  });
});

describe("time", () => {
  it("the leader stamps entries with the time that it was told, never earlier than the last one", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.raw(1).observeTime(1_000, 0);
    cluster.elect(1);
    for (const now of [2_000, 1_500, 3_000]) {
      cluster.raw(1).observeTime(now, 0);
      cluster.propose(1, `${now}`, "same batch");
    }
    cluster.settle();
    const stamps = cluster
      .member(3)
      .applied.slice(1)
      .map((entry) => entry!.timeMs);
    expect(stamps).toEqual([1_000, 2_000, 2_000, 2_000, 2_000, 3_000, 3_000]);
  });

  it("a new leader goes on from the last stamp, although its clock is behind", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.raw(1).observeTime(5_000, 0);
    cluster.elect(1);
    cluster.raw(2).observeTime(1, 0);
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    cluster.propose(2, "x");
    cluster.settle();
    expect(cluster.member(1).applied.at(-1)!.timeMs).toBe(5_000);
  });

  it("a leader whose clock is behind the last stamp goes on from that at half the speed of the monotonic clock", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.raw(1).observeTime(5_000, 0);
    cluster.elect(1);
    // The monotonic clocks of two machines have nothing to do with each other.
    cluster.raw(2).observeTime(1_000, 700_000);
    cluster.propose(1, "x");
    cluster.settle();
    cluster.raw(2).observeTime(1_400, 700_400);
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    for (const passedMs of [1_000, 8_000, 9_000]) {
      cluster.raw(2).observeTime(1_000 + passedMs, 700_000 + passedMs);
      cluster.propose(2, `${passedMs}`);
    }
    cluster.settle();
    const stamps = cluster.member(3).applied.slice(1);
    expect(stamps.map((entry) => entry!.timeMs)).toEqual([5_000, 5_000, 5_200, 5_500, 9_000, 10_000]);
  });

  it("a restart goes on from the last stamp in the log, or from what the state machine tells", () => {
    const { storage, ...rest } = options();
    (storage as MemoryStorage).append(entries(1, 1));
    (storage as MemoryStorage).setHardState({ term: 1, vote: 0, commit: 2 });
    (storage as MemoryStorage).setConfState({ ...storage.initialState().confState, voters: [1] });
    for (const [told, expected] of [
      [0, 10],
      [77, 77],
    ] as const) {
      const node = new RawNode({ ...rest, storage, applied: 2, asyncStorageWrites: true });
      node.raiseStamp(told);
      node.campaign();
      for (const { responses } of node.ready().messages)
        for (const response of responses) node.step(response);
      expect(node.ready().entries.map(({ timeMs }) => timeMs)).toEqual([expected]);
    }
  });

  it("proposals that were forwarded are stamped by the leader", () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.elect(1);
    cluster.raw(1).observeTime(9, 0);
    cluster.raw(2).observeTime(99, 0);
    expect(cluster.propose(2, "x")).toBe("accepted");
    cluster.settle();
    expect(cluster.appliedTexts(1)).toEqual(["x"]);
    expect(cluster.member(1).applied.at(-1)!.timeMs).toBe(9);
  });

  it("without forwarding a follower drops proposals", () => {
    const cluster = new Cluster({ voters: [1, 2], settings: { disableProposalForwarding: true } });
    cluster.elect(1);
    expect(cluster.propose(2, "x")).toBe("dropped");
  });
});

describe("messages that come twice, late or in another order", () => {
  it("change nothing", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    const seen: Message[] = [];
    cluster.filter = (sent) => {
      seen.push(sent);
      return true;
    };
    for (const text of ["a", "b", "c", "d"]) {
      cluster.propose(1, text);
      cluster.settle();
    }
    cluster.filter = () => true;
    const logs = () => cluster.members.map(({ storage }) => storage.entries(2, storage.lastIndex() + 1, 1e9));
    const before = [logs(), cluster.members.map(({ raw }) => raw.status().hardState)];
    cluster.network = [...seen].reverse();
    cluster.settle();
    cluster.network = [...seen, ...seen];
    cluster.settle();
    expect([logs(), cluster.members.map(({ raw }) => raw.status().hardState)]).toEqual(before);
    expect(cluster.leader()).toBe(1);
  });

  it("an old MsgApp does not shorten a log that it agrees with", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    const appends: Message[] = [];
    cluster.filter = (sent) => {
      if (sent.to === 2 && sent.type === "MsgApp") appends.push(sent);
      // Answers are lost: nothing beyond is committed.
      return sent.type !== "MsgAppResp";
    };
    cluster.propose(1, "a");
    cluster.propose(1, "b", "c");
    cluster.settle();
    expect(cluster.raw(2).lastIndex).toBe(5);
    for (const each of appends) cluster.raw(2).step(each);
    expect(cluster.raw(2).lastIndex).toBe(5);
  });
});
