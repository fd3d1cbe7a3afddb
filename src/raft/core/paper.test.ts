import { describe, expect, it } from "vitest";
import type { Entry, Message } from "../types.ts";
import { RaftLogOutdated } from "./invariant.ts";
import { MemoryStorage } from "./memory-storage.ts";
import { message } from "./message.ts";
import type { RawNodeOptions } from "./options.ts";
import { RawNode } from "./raw-node.ts";
import { Cluster } from "./testing/cluster.ts";
import { testConfChangeCodec } from "./testing/test-codec.ts";

/** Each test names the sentence that it checks: of the paper (Ongaro and Ousterhout, extended version), by section. */

const PLAIN = { preVote: false, checkQuorum: false } as const;

function entry(term: number, index: number): Entry {
  return { term, index, type: "EntryNormal", data: new Uint8Array([term, index]), timeMs: 0 };
}

/** A log with these terms at index 1, 2, ... */
function logOf(...terms: number[]): Entry[] {
  return terms.map((term, at) => entry(term, at + 1));
}

interface NodeState {
  readonly id?: number;
  readonly voters?: readonly number[];
  readonly term?: number;
  readonly vote?: number;
  readonly commit?: number;
  readonly log?: readonly Entry[];
}

/** A node as it comes up with this on its disk, in synchronous mode. */
function node(
  state: NodeState = {},
  options: Partial<RawNodeOptions> = {},
): { raw: RawNode; storage: MemoryStorage } {
  const { id = 1, voters = [1, 2, 3], term = 0, vote = 0, commit = 0, log = [] } = state;
  const storage = new MemoryStorage();
  storage.setConfState({ voters, learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false });
  storage.append(log);
  storage.setHardState({ term: Math.max(term, log.at(-1)?.term ?? 0), vote, commit });
  const raw = new RawNode({
    id,
    storage,
    confChangeCodec: testConfChangeCodec,
    random: { below: () => 0 },
    electionTicks: 10,
    heartbeatTicks: 1,
    ...options,
  });
  return { raw, storage };
}

/** Handles Readys until there are none; returns what is sent. */
function drain({ raw, storage }: { raw: RawNode; storage: MemoryStorage }): Message[] {
  const sent: Message[] = [];
  while (raw.hasReady()) {
    const ready = raw.ready();
    if (ready.hardState !== undefined) storage.setHardState(ready.hardState);
    storage.append(ready.entries);
    sent.push(...ready.messages);
    raw.advance();
  }
  return sent;
}

/** Makes the node leader with the votes of the others. */
function lead(one: { raw: RawNode; storage: MemoryStorage }, ...voters: number[]): Message[] {
  one.raw.campaign();
  drain(one);
  for (const from of voters) {
    one.raw.step(message({ type: "MsgVoteResp", from, to: one.raw.id, term: one.raw.term }));
  }
  expect(one.raw.role).toBe("StateLeader");
  return drain(one);
}

describe("5.1 Raft basics", () => {
  it.each(["StateFollower", "StateCandidate", "StateLeader"])(
    "if one server's current term is smaller than the other's, then it updates its current term to the larger value: %s",
    (role) => {
      const one = node({ term: 1 });
      if (role !== "StateFollower") one.raw.campaign();
      if (role === "StateLeader") {
        drain(one);
        one.raw.step(message({ type: "MsgVoteResp", from: 2, to: 1, term: 2 }));
      }
      expect(one.raw.role).toBe(role);
      one.raw.step(message({ type: "MsgApp", from: 2, to: 1, term: 5 }));
      expect([one.raw.term, one.raw.role]).toEqual([5, "StateFollower"]);
    },
  );

  it("if a server receives a request with a stale term number, it rejects the request", () => {
    const one = node({ term: 3 });
    one.raw.step(message({ type: "MsgApp", from: 2, to: 1, term: 2, entries: logOf(2) }));
    expect(one.raw.lastIndex).toBe(0);
    one.raw.step(message({ type: "MsgVote", from: 2, to: 1, term: 2 }));
    expect(drain(one)).toEqual([]);
    expect(one.raw.lead).toBe(0);
  });
});

describe("5.2 Leader election", () => {
  it("when servers start up, they begin as followers", () => {
    expect(node().raw.role).toBe("StateFollower");
  });

  it("leaders send periodic heartbeats to all followers", () => {
    const one = node();
    lead(one, 2);
    one.raw.tick();
    const heartbeats = drain(one).filter(({ type }) => type === "MsgHeartbeat");
    expect(heartbeats.map(({ to }) => to)).toEqual([2, 3]);
  });

  it("to begin an election, a follower increments its current term, votes for itself and asks the other servers", () => {
    const one = node({ term: 4 });
    for (let tick = 0; tick < 10; tick++) one.raw.tick();
    expect([one.raw.term, one.raw.role]).toEqual([5, "StateCandidate"]);
    const requests = drain(one).filter(({ type }) => type === "MsgVote");
    expect(requests.map(({ to, term }) => [to, term])).toEqual([
      [2, 5],
      [3, 5],
    ]);
    expect(one.storage.initialState().hardState).toMatchObject({ term: 5, vote: 1 });
  });

  it.each([
    [1, [], "StateLeader"],
    [3, [], "StateCandidate"],
    [3, [2], "StateLeader"],
    [5, [2], "StateCandidate"],
    [5, [2, 3], "StateLeader"],
    [5, [2, 2, 2], "StateCandidate"],
    [5, [2, 9, 8], "StateCandidate"],
  ] as const)(
    "a candidate wins with votes from a majority of the full cluster: of %i, votes of %j",
    (size, votes, role) => {
      const one = node({ voters: Array.from({ length: size }, (_, at) => at + 1) });
      one.raw.campaign();
      drain(one);
      for (const from of votes) one.raw.step(message({ type: "MsgVoteResp", from, to: 1, term: 1 }));
      expect(one.raw.role).toBe(role);
    },
  );

  it.each([
    [0, 2, false],
    [0, 3, false],
    [2, 2, false],
    [2, 3, true],
    [3, 2, true],
  ])(
    "each server will vote for at most one candidate in a given term, on a first-come-first-served basis: voted %i, asked by %i",
    (vote, from, reject) => {
      const one = node({ term: 1, vote });
      one.raw.step(message({ type: "MsgVote", from, to: 1, term: 1 }));
      const [response] = drain(one);
      expect(response).toMatchObject({ type: "MsgVoteResp", to: from, term: 1, reject });
    },
  );

  it("the vote is on disk before it is given, and a restart remembers it", () => {
    const one = node({ term: 1 });
    one.raw.step(message({ type: "MsgVote", from: 2, to: 1, term: 2 }));
    const ready = one.raw.ready();
    expect([ready.hardState, ready.mustSync]).toEqual([{ term: 2, vote: 2, commit: 0 }, true]);
    const again = node({ term: 2, vote: 2 });
    again.raw.step(message({ type: "MsgVote", from: 3, to: 1, term: 2 }));
    expect(drain(again)[0]).toMatchObject({ reject: true });
  });

  it("in asynchronous mode nothing that promises leaves before the write: votes, own votes, acknowledgements", () => {
    const voter = node({}, { asyncStorageWrites: true });
    voter.raw.step(message({ type: "MsgVote", from: 2, to: 1, term: 1 }));
    const { messages } = voter.raw.ready();
    expect(messages.map(({ type }) => type)).toEqual(["MsgStorageAppend"]);
    expect(messages[0]!.responses.map(({ type, to }) => [type, to])).toEqual([["MsgVoteResp", 2]]);

    const candidate = node({ voters: [1] }, { asyncStorageWrites: true });
    candidate.raw.campaign();
    expect(candidate.raw.ready().messages[0]!.responses).toMatchObject([
      { type: "MsgVoteResp", to: 1, from: 1 },
    ]);
    expect(candidate.raw.role).toBe("StateCandidate");

    const follower = node({}, { asyncStorageWrites: true });
    follower.raw.step(message({ type: "MsgApp", from: 2, to: 1, term: 1, entries: [entry(1, 1)] }));
    const append = follower.raw.ready().messages;
    expect(append.map(({ type }) => type)).toEqual(["MsgStorageAppend"]);
    expect(append[0]!.responses.map(({ type }) => type)).toEqual(["MsgAppResp", "MsgStorageAppendResp"]);
  });

  it("if the leader's term is at least as large as the candidate's, the candidate returns to follower state", () => {
    for (const term of [1, 2]) {
      const one = node();
      one.raw.campaign();
      one.raw.step(message({ type: "MsgApp", from: 2, to: 1, term }));
      expect([one.raw.role, one.raw.term, one.raw.lead]).toEqual(["StateFollower", term, 2]);
    }
  });

  it("election timeouts are chosen randomly, anew for each election", () => {
    const drawn: number[] = [];
    const below = (bound: number) => drawn.push(bound) % bound;
    const one = node({}, { random: { below } });
    const timeouts: number[] = [];
    for (let ticks = 0, term = 0; timeouts.length < 5; ) {
      one.raw.tick();
      ticks++;
      if (one.raw.term === term) continue;
      timeouts.push(ticks);
      ticks = 0;
      term = one.raw.term;
    }
    expect(new Set(drawn)).toEqual(new Set([10]));
    expect(timeouts).toEqual([11, 12, 13, 14, 15]);
  });
});

describe("5.3 Log replication", () => {
  it("the leader appends the command to its log, then issues AppendEntries to each of the other servers", () => {
    const one = node();
    lead(one, 2);
    for (const from of [2, 3]) one.raw.step(message({ type: "MsgAppResp", from, to: 1, term: 1, index: 1 }));
    drain(one);
    one.raw.propose([new Uint8Array([7])]);
    const appends = drain(one).filter(({ type }) => type === "MsgApp");
    expect(
      appends.map(({ to, index, logTerm, entries }) => [
        to,
        index,
        logTerm,
        entries.map(({ index: at }) => at),
      ]),
    ).toEqual([
      [2, 1, 1, [2]],
      [3, 1, 1, [2]],
    ]);
  });

  it.each([
    [3, [], false],
    [3, [2], true],
    [5, [2], false],
    [5, [2, 3], true],
  ] as const)(
    "a log entry is committed once the leader that created the entry has replicated it on a majority of the servers: of %i, on %j",
    (size, acks, committed) => {
      const one = node({ voters: Array.from({ length: size }, (_, at) => at + 1) });
      lead(one, 2, 3);
      for (const from of acks) one.raw.step(message({ type: "MsgAppResp", from, to: 1, term: 1, index: 1 }));
      drain(one);
      expect(one.raw.commit).toBe(committed ? 1 : 0);
    },
  );

  it("this also commits all preceding entries in the leader's log, including entries created by previous leaders", () => {
    const one = node({ log: logOf(1, 2) });
    lead(one, 2);
    expect(one.raw.commit).toBe(0);
    one.raw.step(message({ type: "MsgAppResp", from: 2, to: 1, term: 3, index: 3 }));
    expect(one.raw.commit).toBe(3);
  });

  it("if the follower does not find an entry with the same index and term, it refuses the new entries", () => {
    const one = node({ log: logOf(1, 1), term: 2 });
    one.raw.step(
      message({ type: "MsgApp", from: 2, to: 1, term: 2, index: 2, logTerm: 2, entries: [entry(2, 3)] }),
    );
    const [response] = drain(one);
    expect(response).toMatchObject({ type: "MsgAppResp", reject: true, index: 2, rejectHint: 2, logTerm: 1 });
    expect(one.raw.lastIndex).toBe(2);
  });

  it.each([
    // figure 7, (a) to (f): whatever the follower has, the leader's log is what it has in the end
    ["(a) lacks an entry", [1, 1, 1, 4, 4, 5, 5, 6, 6]],
    ["(b) lacks many", [1, 1, 1, 4]],
    ["(c) one too many", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]],
    ["(d) a term too many", [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]],
    ["(e) lacks some and has others", [1, 1, 1, 4, 4, 4, 4]],
    ["(f) terms that nobody else has", [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]],
  ])(
    "conflicting entries in follower logs will be overwritten with entries from the leader's log: figure 7 %s",
    (_name, terms) => {
      const leader = node({ id: 1, log: logOf(1, 1, 1, 4, 4, 5, 5, 6, 6, 6), term: 7 });
      const follower = node({ id: 2, log: logOf(...terms), term: 7 });
      let sent = lead(leader, 3);
      let probes = 0;
      for (let round = 0; round < 20 && sent.length > 0; round++) {
        const next: Message[] = [];
        for (const each of sent) {
          const to = [leader, follower].find(({ raw }) => raw.id === each.to);
          if (to === undefined) continue;
          if (each.type === "MsgAppResp" && each.reject) probes++;
          to.raw.step(each);
          next.push(...drain(to));
        }
        sent = next;
      }
      const logOfNode = (one: { storage: MemoryStorage }) =>
        one.storage.entries(1, one.storage.lastIndex() + 1, Number.POSITIVE_INFINITY);
      expect(logOfNode(follower)).toEqual(logOfNode(leader));
      // One probe a term at most, not one an entry.
      expect(probes).toBeLessThanOrEqual(3);
    },
  );

  it("if an existing entry conflicts with a new one, delete it and all that follow it; else delete nothing (figure 2)", () => {
    const cases: [number[], number, number, Entry[], number[]][] = [
      // own log, index and term before, entries, log after
      [[1, 2, 2], 2, 2, [entry(3, 3)], [1, 2, 3]],
      [[1, 2, 2], 1, 1, [entry(3, 2), entry(4, 3)], [1, 3, 4]],
      [[1, 2, 2], 0, 0, [entry(1, 1)], [1, 2, 2]],
      [[1, 2, 2], 1, 1, [entry(2, 2)], [1, 2, 2]],
      [[1, 2, 2], 2, 2, [], [1, 2, 2]],
      [[], 0, 0, [entry(1, 1)], [1]],
    ];
    for (const [own, index, logTerm, entries, after] of cases) {
      const one = node({ log: logOf(...own), term: 4 });
      one.raw.step(message({ type: "MsgApp", from: 2, to: 1, term: 4, index, logTerm, entries }));
      drain(one);
      const { storage } = one;
      expect(after.map((_, at) => storage.term(at + 1))).toEqual(after);
      expect(storage.lastIndex()).toBe(after.length);
    }
  });

  it("committed is the lesser of the leader's commit index and the last new entry (figure 2)", () => {
    const one = node({ log: logOf(1, 1, 1) });
    one.raw.step(
      message({ type: "MsgApp", from: 2, to: 1, term: 1, index: 1, logTerm: 1, commit: 3, entries: [] }),
    );
    expect(one.raw.commit).toBe(1);
    one.raw.step(message({ type: "MsgHeartbeat", from: 2, to: 1, term: 1, commit: 2 }));
    expect(one.raw.commit).toBe(2);
  });

  it("a heartbeat never tells more than what is known to agree", () => {
    const one = node();
    lead(one, 2);
    one.raw.propose([new Uint8Array(1)]);
    drain(one);
    one.raw.step(message({ type: "MsgAppResp", from: 2, to: 1, term: 1, index: 2 }));
    drain(one);
    one.raw.tick();
    const heartbeats = drain(one).filter(({ type }) => type === "MsgHeartbeat");
    expect(heartbeats.map(({ to, commit }) => [to, commit])).toEqual([
      [2, 2],
      [3, 0],
    ]);
  });

  it("what is committed is never touched: an old MsgApp is answered with the commit index", () => {
    const one = node({ log: logOf(1, 1, 1), commit: 2, term: 2 });
    const old = { index: 1, logTerm: 1, entries: [entry(2, 2)], commit: 2 };
    one.raw.step(message({ type: "MsgApp", from: 2, to: 1, term: 2, ...old }));
    expect(drain(one)).toMatchObject([{ type: "MsgAppResp", index: 2, reject: false }]);
    expect(one.storage.term(2)).toBe(1);
  });

  it("a leader that knows of committed entries which this log acknowledged and has not stops the node", () => {
    const one = node({ log: logOf(1, 1) });
    const heartbeat = message({ type: "MsgHeartbeat", from: 2, to: 1, term: 1, commit: 3 });
    expect(() => one.raw.step(heartbeat)).toThrow(RaftLogOutdated);
  });

  it("a member that has committed what the leader's log does not hold is not counted, and does not stop the leader", () => {
    const one = node();
    one.raw.campaign();
    drain(one);
    one.raw.step(message({ type: "MsgVoteResp", from: 3, to: 1, term: 1 }));
    drain(one);
    const last = one.raw.lastIndex;
    for (const index of [last + 2, last + 3]) {
      one.raw.step(message({ type: "MsgAppResp", from: 2, to: 1, term: one.raw.term, index }));
      one.raw.step(message({ type: "MsgHeartbeatResp", from: 2, to: 1, term: one.raw.term }));
    }
    expect(one.raw.status().progress.find(({ id }) => id === 2)).toMatchObject({ match: 0 });
  });
});

describe("5.4 Safety", () => {
  it.each([
    // candidate's last term and index, voter's log, refused?
    [1, 1, [1], false],
    [1, 2, [1], false],
    [1, 1, [1, 1], true],
    [2, 1, [1, 1], false],
    [1, 9, [1, 2], true],
    [2, 1, [2], false],
  ])(
    "the voter denies its vote if its own log is more up-to-date: last term first, then length (candidate %i/%i, voter %j)",
    (logTerm, index, terms, reject) => {
      const one = node({ log: logOf(...terms), term: 2 });
      one.raw.step(message({ type: "MsgVote", from: 2, to: 1, term: 3, logTerm, index }));
      expect(drain(one)[0]).toMatchObject({ type: "MsgVoteResp", reject });
    },
  );

  it("only log entries from the leader's current term are committed by counting replicas (figure 8)", () => {
    const one = node({ log: logOf(1, 2), term: 3, voters: [1, 2, 3, 4, 5] });
    lead(one, 2, 3);
    // (c): the entry of term 2 is on a majority, and is not committed: 5 could still overwrite it.
    for (const from of [2, 3, 4])
      one.raw.step(message({ type: "MsgAppResp", from, to: 1, term: 4, index: 2 }));
    drain(one);
    expect(one.raw.commit).toBe(0);
    // (e): an entry of the current term on a majority commits it too.
    for (const from of [2, 3]) one.raw.step(message({ type: "MsgAppResp", from, to: 1, term: 4, index: 3 }));
    expect(one.raw.commit).toBe(3);
  });

  it("the leader's own entries count only when they are on its own disk", () => {
    const one = node({ voters: [1] }, { asyncStorageWrites: true });
    one.raw.campaign();
    for (const response of one.raw.ready().messages[0]!.responses) one.raw.step(response);
    const [append] = one.raw.ready().messages;
    expect([one.raw.role, one.raw.commit]).toEqual(["StateLeader", 0]);
    one.storage.append(append!.entries);
    for (const response of append!.responses) one.raw.step(response);
    expect(one.raw.commit).toBe(1);
  });
});

describe("6 and the thesis: disturbances", () => {
  it("servers disregard vote requests when they believe a current leader exists (6; thesis 4.2.3)", () => {
    const one = node({}, { checkQuorum: true });
    one.raw.step(message({ type: "MsgHeartbeat", from: 2, to: 1, term: 1 }));
    drain(one);
    const request = message({ type: "MsgVote", from: 3, to: 1, term: 9, index: 5, logTerm: 5 });
    for (let tick = 0; tick < 9; tick++) one.raw.tick();
    one.raw.step(request);
    expect([one.raw.term, drain(one)]).toEqual([1, []]);
  });

  it("pre-vote: a request changes nothing on the voter, and a grant echoes the request's term (thesis 9.6)", () => {
    const one = node({ term: 2, vote: 3 }, { preVote: true });
    one.raw.step(message({ type: "MsgPreVote", from: 2, to: 1, term: 8, index: 0, logTerm: 0 }));
    expect(drain(one)).toMatchObject([{ type: "MsgPreVoteResp", to: 2, term: 8, reject: false }]);
    expect(one.raw.status().hardState).toEqual({ term: 2, vote: 3, commit: 0 });
  });

  it("pre-vote: a refusal carries the refuser's term, and the asker adopts it", () => {
    const voter = node({ term: 5, log: logOf(5) }, { preVote: true });
    voter.raw.step(message({ type: "MsgPreVote", from: 2, to: 1, term: 3, index: 9, logTerm: 2 }));
    const [refusal] = drain(voter);
    expect(refusal).toMatchObject({ type: "MsgPreVoteResp", term: 5, reject: true });
    const asker = node({ id: 2, term: 2 }, { preVote: true });
    asker.raw.campaign();
    drain(asker);
    expect([asker.raw.role, asker.raw.term]).toEqual(["StatePreCandidate", 2]);
    asker.raw.step(refusal!);
    expect([asker.raw.role, asker.raw.term]).toEqual(["StateFollower", 5]);
  });

  it("a pre-candidate that cannot win does not disturb the others", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    cluster.isolate(3);
    const { term } = cluster.raw(1);
    cluster.tickAll(200);
    cluster.heal();
    cluster.tickAll(30);
    expect([cluster.leader(), cluster.raw(1).term, cluster.raw(3).term]).toEqual([1, term, term]);
  });

  it("a node with a greater term is brought back, although it cannot win", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], settings: { preVote: false, checkQuorum: true } });
    cluster.elect(1);
    cluster.isolate(3);
    for (let tick = 0; tick < 100; tick++) {
      cluster.tick(1);
      cluster.tick(2);
      cluster.tick(3);
      cluster.settle();
    }
    expect(cluster.raw(3).term).toBeGreaterThan(cluster.raw(1).term);
    cluster.heal();
    cluster.tickAll(100);
    expect(cluster.leader()).not.toBe(0);
    expect(new Set(cluster.members.map(({ raw }) => raw.term)).size).toBe(1);
  });

  it("a leader cut off from the majority steps down within two election timeouts (thesis 6.2)", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    cluster.isolate(1);
    cluster.tick(1, 20);
    expect(cluster.raw(1).role).toBe("StateFollower");
    expect(cluster.propose(1, "x")).toBe("dropped");
  });

  it("a node that reaches only one other does not unseat a leader with a quorum (partial partition)", () => {
    const cluster = new Cluster({ voters: [1, 2, 3, 4, 5] });
    cluster.elect(1);
    const { term } = cluster.raw(1);
    for (const other of [1, 3, 4]) cluster.cut(5, other);
    for (let round = 0; round < 50; round++) {
      cluster.tickAll(4);
      cluster.propose(1, `${round}`);
    }
    cluster.settle();
    expect([cluster.leader(), cluster.raw(1).term]).toEqual([1, term]);
    expect(cluster.appliedTexts(2).length).toBeGreaterThan(45);
  });

  it("without pre-vote a stale vote request of a plain group still finds the longest log", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], settings: PLAIN });
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "x");
    cluster.settle();
    cluster.heal();
    cluster.elect(3);
    expect(cluster.raw(3).role).not.toBe("StateLeader");
    cluster.tickAll(100);
    expect([1, 2]).toContain(cluster.leader());
    expect(cluster.appliedTexts(3)).toEqual(["x"]);
  });
});
