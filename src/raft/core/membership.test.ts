import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ConfChange, ConfChangeSingle, ConfState, Entry, NodeId } from "../types.ts";
import {
  changeConfiguration,
  enterJoint,
  LEAVE_JOINT,
  leaveJoint,
  restoreConfiguration,
  simpleChange,
} from "./conf-change.ts";
import { type Configuration, EMPTY_CONFIGURATION, isJoint, toConfState } from "./configuration.ts";
import { message } from "./message.ts";
import { voterIds } from "./quorum.ts";
import { Cluster } from "./testing/cluster.ts";
import { testConfChangeCodec } from "./testing/test-codec.ts";

function change(
  transition: ConfChange["transition"],
  ...changes: [ConfChangeSingle["type"], NodeId][]
): ConfChange {
  return { transition, changes: changes.map(([type, nodeId]) => ({ type, nodeId })), context: undefined };
}

/** Proposes at the leader, lets it happen, and returns what is in force there. */
function reconfigure(cluster: Cluster, proposed: ConfChange): Configuration {
  const leader = cluster.raw(cluster.leader());
  expect(leader.checkConfChange(proposed)).toBeUndefined();
  expect(leader.proposeConfChange(proposed)).toBe("accepted");
  cluster.settle();
  cluster.tickAll(3);
  return leader.status().configuration;
}

const singles = fc.record({
  type: fc.constantFrom(
    "AddNode" as const,
    "RemoveNode" as const,
    "AddLearnerNode" as const,
    "UpdateNode" as const,
  ),
  nodeId: fc.integer({ min: 0, max: 5 }),
});
const someChanges = fc.array(fc.array(singles, { minLength: 1, maxLength: 4 }), { maxLength: 12 });

function checkInvariants(configuration: Configuration): void {
  const { voters, learners, learnersNext, autoLeave } = configuration;
  const all = voterIds(voters);
  expect(learners.filter((id) => all.includes(id))).toEqual([]);
  expect(learnersNext.every((id) => voters.outgoing.includes(id))).toBe(true);
  expect(learnersNext.filter((id) => voters.incoming.includes(id))).toEqual([]);
  expect(all).not.toContain(0);
  if (!isJoint(configuration))
    expect({ learnersNext, autoLeave }).toEqual({ learnersNext: [], autoLeave: false });
  if (isJoint(configuration)) expect(voters.incoming.length).toBeGreaterThan(0);
}

describe("configuration changes", () => {
  it("whatever is asked for, a configuration stays well formed, and is restored from what is kept of it", () => {
    fc.assert(
      fc.property(someChanges, fc.boolean(), (steps, autoLeave) => {
        let configuration = EMPTY_CONFIGURATION;
        for (const [at, changes] of steps.entries()) {
          const next = isJoint(configuration)
            ? leaveJoint(configuration)
            : at % 3 === 2
              ? enterJoint(configuration, autoLeave, changes)
              : simpleChange(configuration, changes);
          if (!next.ok) continue;
          configuration = next.configuration;
          checkInvariants(configuration);
          if (configuration.voters.incoming.length === 0) continue;
          expect(restoreConfiguration(toConfState(configuration))).toEqual({ ok: true, configuration });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("a joint change and leaving it come to the same as simple changes one by one", () => {
    fc.assert(
      fc.property(fc.array(singles, { minLength: 1, maxLength: 6 }), (changes) => {
        const start = restoreConfiguration({
          voters: [1, 2, 3],
          learners: [4],
          votersOutgoing: [],
          learnersNext: [],
          autoLeave: false,
        });
        let byOne = start;
        for (const single of changes) if (byOne.ok) byOne = simpleChange(byOne.configuration, [single]);
        const joint = start.ok ? enterJoint(start.configuration, true, changes) : start;
        const left = joint.ok ? leaveJoint(joint.configuration) : joint;
        // On the way, one by one, there may be no voter left for a moment.
        if (byOne.ok) expect(left).toEqual(byOne);
      }),
      { numRuns: 500 },
    );
  });

  it.each([
    [
      "two voters at once without a joint configuration",
      [1],
      ["AddNode", "AddNode"],
      "more than one voter changed",
    ],
    ["the last voter removed", [1], ["RemoveNode"], "removed all voters"],
  ] as const)("refuses %s", (_name, voters, types, reason) => {
    const start = simpleChange(EMPTY_CONFIGURATION, [{ type: "AddNode", nodeId: voters[0] }]);
    expect(start.ok).toBe(true);
    if (!start.ok) return;
    const changes = types.map((type, at) => ({ type, nodeId: type === "AddNode" ? at + 2 : 1 }));
    const result = simpleChange(start.configuration, changes);
    expect(result.ok ? "" : result.reason).toContain(reason);
  });
});

describe("membership", () => {
  it("a new node joins as learner by snapshot and is promoted", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], spares: [4] });
    cluster.elect(1);
    cluster.propose(1, "before");
    cluster.settle();
    expect(reconfigure(cluster, change("Auto", ["AddLearnerNode", 4])).learners).toEqual([4]);
    // Snapshots come from outside of the test's log: the first attempt fails, and is reported.
    cluster.compact(1);
    cluster.raw(1).reportSnapshot(4, false);
    cluster.tickAll(3);
    expect(cluster.appliedTexts(4)).toEqual(["before"]);
    expect(cluster.raw(4).status().isLearner).toBe(true);
    expect(reconfigure(cluster, change("Auto", ["AddNode", 4])).voters.incoming).toEqual([1, 2, 3, 4]);
    cluster.propose(1, "after");
    cluster.settle();
    cluster.tickAll(2);
    expect(cluster.appliedTexts(4)).toEqual(["before", "after"]);
    expect(cluster.raw(4).status().isLearner).toBe(false);
  });

  it("all nodes are replaced one by one, the leader last", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], spares: [4, 5, 6] });
    cluster.elect(1);
    for (const [out, into] of [
      [3, 4],
      [2, 5],
      [1, 6],
    ] as const) {
      const leader = cluster.leader();
      cluster.propose(leader, `${out} to ${into}`);
      cluster.settle();
      cluster.compact(leader);
      reconfigure(cluster, change("Auto", ["AddLearnerNode", into]));
      cluster.raw(leader).reportSnapshot(into, false);
      cluster.compact(leader);
      cluster.tickAll(5);
      reconfigure(cluster, change("Auto", ["AddNode", into], ["RemoveNode", out]));
      cluster.tickAll(60);
    }
    const leader = cluster.leader();
    expect([4, 5, 6]).toContain(leader);
    expect(cluster.raw(leader).status().configuration).toMatchObject({
      voters: { incoming: [4, 5, 6], outgoing: [] },
      learners: [],
    });
    for (const id of [4, 5, 6]) expect(cluster.appliedTexts(id)).toEqual(["3 to 4", "2 to 5", "1 to 6"]);
  });

  it("one change at a time: a second one becomes an empty entry", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    cluster.isolate(1);
    const leader = cluster.raw(1);
    expect(leader.proposeConfChange(change("Auto", ["RemoveNode", 3]))).toBe("accepted");
    expect(leader.checkConfChange(change("Auto", ["RemoveNode", 2]))).toContain("unapplied conf change");
    expect(leader.proposeConfChange(change("Auto", ["RemoveNode", 2]))).toBe("accepted");
    cluster.heal();
    cluster.tickAll(3);
    expect(leader.status().configuration.voters.incoming).toEqual([1, 2]);
    const last = cluster.member(1).applied.at(-1)!;
    expect([last.type, last.data.length]).toEqual(["EntryNormal", 0]);
  });

  it("two changes in one proposal: only the first is taken", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    const entries = [3, 2].map(
      (id): Entry => ({
        term: 0,
        index: 0,
        type: "EntryConfChangeV2",
        data: testConfChangeCodec.encode(change("Auto", ["RemoveNode", id])),
        timeMs: 0,
      }),
    );
    cluster.raw(1).step(message({ type: "MsgProp", from: 2, to: 1, entries }));
    cluster.settle();
    cluster.tickAll(3);
    expect(cluster.raw(1).status().configuration.voters.incoming).toEqual([1, 2]);
  });

  it.each([
    ["the last voter removed", change("Auto", ["RemoveNode", 1]), "removed all voters"],
    ["a joint configuration left that is none", LEAVE_JOINT, "not in joint state"],
    ["an explicit change of nothing", change("JointExplicit"), "not in joint state"],
  ])("what could not be applied is refused when it is proposed: %s", (_name, proposed, reason) => {
    const cluster = new Cluster({ voters: [1] });
    cluster.elect(1);
    expect(cluster.raw(1).checkConfChange(proposed)).toContain(reason);
    expect(cluster.raw(1).proposeConfChange(proposed)).toBe("accepted");
    cluster.settle();
    expect(cluster.raw(1).status().configuration.voters.incoming).toEqual([1]);
    expect(cluster.propose(1, "still here")).toBe("accepted");
  });

  it("a proposal that is no configuration change is dropped, and the next one is taken", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    const data = new TextEncoder().encode("garbage");
    const entries: Entry[] = [{ term: 0, index: 0, type: "EntryConfChangeV2", data, timeMs: 0 }];
    expect(cluster.raw(1).step(message({ type: "MsgProp", from: 2, to: 1, entries }))).toBe("dropped");
    expect(cluster.raw(1).checkConfChange(change("Auto", ["RemoveNode", 3]))).toBeUndefined();
  });

  it("a new leader changes nothing before everything of earlier terms is applied", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    cluster.filter = ({ type }) => type !== "MsgAppResp";
    cluster.propose(1, "a");
    cluster.settle();
    cluster.raw(1).transferLeader(2);
    cluster.tick(1, 10);
    cluster.raw(2).step(message({ type: "MsgTimeoutNow", from: 1, to: 2, term: cluster.raw(1).term }));
    cluster.settle();
    expect(cluster.raw(2).role).toBe("StateLeader");
    expect(cluster.raw(2).checkConfChange(change("Auto", ["RemoveNode", 3]))).toContain(
      "unapplied conf change",
    );
    cluster.heal();
    cluster.tickAll(2);
    expect(cluster.raw(2).checkConfChange(change("Auto", ["RemoveNode", 3]))).toBeUndefined();
  });

  it("a removed leader steps down", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    cluster.raw(1).proposeConfChange(change("Auto", ["RemoveNode", 1]));
    cluster.settle();
    expect(cluster.raw(1).role).toBe("StateFollower");
    cluster.raw(1).campaign();
    expect(cluster.raw(1).role).toBe("StateFollower");
    cluster.tickAll(40);
    expect([2, 3]).toContain(cluster.leader());
  });

  it("a removed leader that leads on takes no proposals", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], settings: { stepDownOnRemoval: false } });
    cluster.elect(1);
    cluster.raw(1).proposeConfChange(change("Auto", ["RemoveNode", 1]));
    cluster.settle();
    expect(cluster.raw(1).role).toBe("StateLeader");
    expect(cluster.propose(1, "x")).toBe("dropped");
  });

  it("two of five are removed at once while one of those that stay is away", () => {
    const cluster = new Cluster({ voters: [1, 2, 3, 4, 5] });
    cluster.elect(1);
    cluster.isolate(3);
    const after = reconfigure(cluster, change("JointImplicit", ["RemoveNode", 4], ["RemoveNode", 5]));
    expect(after.voters).toEqual({ incoming: [1, 2, 3], outgoing: [] });
    cluster.heal();
    cluster.tickAll(5);
    expect(cluster.raw(3).status().configuration).toEqual(after);
  });

  it("a joint configuration is left by a new leader when the old one has gone", () => {
    const cluster = new Cluster({ voters: [1, 2, 3, 4, 5] });
    cluster.elect(1);
    // 1 gets the change committed, and is gone before it can leave.
    cluster.raw(1).proposeConfChange(change("JointImplicit", ["RemoveNode", 4], ["RemoveNode", 5]));
    cluster.onApply = (id, entry) => {
      if (id === 1 && entry.type === "EntryConfChangeV2" && entry.data.length > 0) cluster.isolate(1);
    };
    cluster.settle();
    cluster.onApply = () => {};
    cluster.crash(1);
    cluster.tickAll(100);
    expect([2, 3]).toContain(cluster.leader());
    const { configuration } = cluster.raw(cluster.leader()).status();
    expect(configuration.voters).toEqual({ incoming: [1, 2, 3], outgoing: [] });
  });

  it("an automatic leave is asked for again after a transfer that failed", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    cluster.raw(1).proposeConfChange(change("JointImplicit", ["RemoveNode", 3]));
    cluster.filter = ({ type }) => type !== "MsgTimeoutNow";
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    expect(cluster.raw(1).status().configuration.voters.outgoing).toEqual([1, 2, 3]);
    cluster.heal();
    cluster.tick(1, 10);
    cluster.propose(1, "next");
    cluster.settle();
    cluster.tickAll(2);
    expect(cluster.raw(1).status().configuration.voters).toEqual({ incoming: [1, 2], outgoing: [] });
  });

  it("a restart in a joint configuration goes on in it", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], spares: [4] });
    cluster.elect(1);
    const joint = reconfigure(cluster, change("JointExplicit", ["AddNode", 4], ["RemoveNode", 3]));
    expect(joint.voters).toEqual({ incoming: [1, 2, 4], outgoing: [1, 2, 3] });
    for (const id of [1, 2, 3]) cluster.crash(id);
    for (const id of [1, 2, 3]) cluster.restart(id);
    for (const id of [1, 2, 3]) expect(cluster.raw(id).status().configuration).toEqual(joint);
    // 4 has nothing yet: elections need the old half and 1 and 2 of the new one.
    cluster.elect(2);
    expect(cluster.leader()).toBe(2);
    expect(reconfigure(cluster, LEAVE_JOINT).voters).toEqual({ incoming: [1, 2, 4], outgoing: [] });
  });

  it("nobody campaigns with a committed change that it has not applied (two leaders in one term)", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], settings: { preVote: false, checkQuorum: false } });
    cluster.elect(1);
    cluster.raw(1).proposeConfChange(change("Auto", ["RemoveNode", 3]));
    // 2 knows that it is committed, and its state machine is slow.
    const slow = cluster.member(2);
    for (let round = 0; round < 20; round++) {
      for (const member of cluster.members) {
        while (
          cluster.takeReady(member) ||
          cluster.append(member) ||
          (member !== slow && cluster.apply(member))
        );
      }
      const sent = cluster.network;
      cluster.network = [];
      for (const each of sent) cluster.deliver(each);
      cluster.tick(1);
    }
    expect(slow.raw.commit).toBeGreaterThan(slow.raw.applied);
    const { term } = slow.raw;
    slow.raw.campaign();
    expect([slow.raw.role, slow.raw.term]).toEqual(["StateFollower", term]);
    while (cluster.apply(slow));
    slow.raw.campaign();
    expect(slow.raw.role).toBe("StateCandidate");
  });

  it.each([
    [true, 2],
    [false, 0],
  ])(
    "a leader that removed itself with a longer log than all others does not block them for ever: %j",
    (commitInVotes, leader) => {
      const cluster = new Cluster({ voters: [1, 2], settings: { commitInVotes } });
      cluster.elect(1);
      cluster.raw(1).proposeConfChange(change("Auto", ["RemoveNode", 1]));
      // 2 has the change, but never hears that it is committed; 1 has more that nobody else has.
      cluster.filter = ({ type, from, entries }) =>
        !(from === 1 && (type === "MsgHeartbeat" || (type === "MsgApp" && entries.length === 0)));
      cluster.onApply = (id, { type }) => {
        if (id === 1 && type === "EntryConfChangeV2") cluster.isolate(1);
      };
      cluster.takeReady(cluster.member(1));
      cluster.filter = (sent) =>
        sent.from !== 1 || sent.entries.some(({ type }) => type === "EntryConfChangeV2");
      cluster.propose(1, "tail");
      cluster.settle();
      expect([cluster.raw(1).role, cluster.raw(1).lastIndex]).toEqual([
        "StateFollower",
        cluster.raw(2).lastIndex + 1,
      ]);
      cluster.onApply = () => {};
      cluster.heal();
      cluster.tickAll(200);
      expect(cluster.leader()).toBe(leader);
    },
  );

  it("learners do not commit: they have the entry, and a majority of the voters has not", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], learners: [4, 5] });
    cluster.elect(1);
    const before = cluster.raw(1).commit;
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    cluster.propose(1, "a");
    cluster.settle();
    const matches = cluster
      .raw(1)
      .status()
      .progress.filter(({ match }) => match === before + 1);
    expect(matches.map(({ id }) => id)).toEqual([1, 4, 5]);
    expect(cluster.raw(1).commit).toBe(before);
  });

  it("a learner that was made a voter without knowing it votes (raft-rs 57)", () => {
    const cluster = new Cluster({ voters: [1, 2], learners: [3] });
    cluster.elect(1);
    cluster.cut(1, 3);
    reconfigure(cluster, change("Auto", ["AddNode", 3]));
    cluster.crash(1);
    expect(cluster.raw(3).status().isLearner).toBe(true);
    cluster.tickAll(40);
    expect(cluster.leader()).toBe(2);
  });

  it("no change is applied to a snapshot's configuration that has it already", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    cluster.elect(1);
    reconfigure(cluster, change("Auto", ["RemoveNode", 3]));
    const [slow, leader] = [cluster.member(2), cluster.member(1)];
    cluster.propose(1, "a");
    // "a" is on its way to 2's state machine.
    for (let round = 0; round < 5; round++) {
      cluster.work(leader);
      while (cluster.takeReady(slow) || cluster.append(slow));
      const sent = cluster.network;
      cluster.network = [];
      for (const each of sent) cluster.deliver(each);
    }
    expect(slow.pending.apply.length).toBeGreaterThan(0);
    const confState: ConfState = { ...toConfState(leader.raw.status().configuration) };
    const metadata = { index: leader.raw.commit + 5, term: leader.raw.term, confState };
    const snapshot = { metadata, data: new Uint8Array(0) };
    const sent = message({ type: "MsgSnap", from: 1, to: 2, term: leader.raw.term, snapshot });
    expect(slow.raw.step(sent)).toBe("applying");
    while (cluster.apply(slow));
    expect(slow.raw.step(sent)).toBe("accepted");
    expect(slow.raw.commit).toBe(metadata.index);
  });

  it("the change of a committed entry is what was proposed", () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.elect(1);
    const proposed = change("JointExplicit", ["AddLearnerNode", 2]);
    reconfigure(cluster, proposed);
    const entry = cluster.member(1).applied.findLast((applied) => applied?.type === "EntryConfChangeV2")!;
    expect(cluster.raw(1).decodeConfChange(entry)).toEqual(proposed);
    expect(changeConfiguration(EMPTY_CONFIGURATION, LEAVE_JOINT)).toMatchObject({ ok: false });
  });
});
