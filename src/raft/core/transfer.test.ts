import { describe, expect, it } from "vitest";
import { message } from "./message.ts";
import { Cluster } from "./testing/cluster.ts";

const ELECTION_TICKS = 10;

function threeNodes(settings = {}): Cluster {
  const cluster = new Cluster({ voters: [1, 2, 3], learners: [4], settings });
  cluster.elect(1);
  return cluster;
}

describe("leadership transfer (thesis 3.10)", () => {
  it("hands over at once to a voter that has the whole log", () => {
    const cluster = threeNodes();
    const { term } = cluster.raw(1);
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    expect(cluster.leader()).toBe(2);
    expect(cluster.raw(2).term).toBe(term + 1);
    expect(cluster.raw(1).role).toBe("StateFollower");
  });

  it("may be asked of any node", () => {
    const cluster = threeNodes();
    cluster.raw(3).transferLeader(2);
    cluster.settle();
    expect(cluster.leader()).toBe(2);
  });

  it("brings the target up to date first", () => {
    const cluster = threeNodes();
    cluster.cut(1, 2);
    cluster.propose(1, "a", "b");
    cluster.settle();
    cluster.heal();
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    cluster.tick(1);
    cluster.settle();
    expect(cluster.leader()).toBe(2);
    expect(cluster.appliedTexts(2)).toEqual(["a", "b"]);
  });

  it("bypasses the lease: voters that hear their leader vote for the one that it names, and for no other", () => {
    const cluster = threeNodes();
    // Everybody hears 1. Without its wish 2 gets no vote.
    cluster.tick(1);
    cluster.settle();
    cluster.raw(2).campaign();
    cluster.settle();
    expect(cluster.leader()).toBe(1);
    cluster.tick(1);
    cluster.settle();
    expect(cluster.raw(2).lead).toBe(1);
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    expect(cluster.leader()).toBe(2);
  });

  it("refuses proposals meanwhile", () => {
    const cluster = threeNodes();
    cluster.isolate(2);
    cluster.raw(1).transferLeader(2);
    expect(cluster.raw(1).status().leadTransferee).toBe(2);
    expect(cluster.propose(1, "x")).toBe("dropped");
    const removal = { type: "RemoveNode", nodeId: 3 } as const;
    expect(
      cluster.raw(1).proposeConfChange({ transition: "Auto", changes: [removal], context: undefined }),
    ).toBe("dropped");
  });

  it("is given up after an election timeout, and the leader takes proposals again", () => {
    const cluster = threeNodes();
    cluster.isolate(2);
    cluster.raw(1).transferLeader(2);
    for (let tick = 0; tick < ELECTION_TICKS - 1; tick++) {
      cluster.tick(1);
      cluster.settle();
    }
    expect(cluster.propose(1, "x")).toBe("dropped");
    cluster.tick(1);
    cluster.settle();
    expect(cluster.raw(1).role).toBe("StateLeader");
    expect(cluster.raw(1).status().leadTransferee).toBe(0);
    expect(cluster.propose(1, "x")).toBe("accepted");
  });

  it("to itself, to a learner or to a stranger does nothing", () => {
    const cluster = threeNodes();
    for (const to of [1, 4, 9]) {
      cluster.raw(1).transferLeader(to);
      cluster.settle();
      expect(cluster.leader()).toBe(1);
      expect(cluster.raw(1).status().leadTransferee).toBe(0);
    }
    expect(cluster.propose(1, "x")).toBe("accepted");
  });

  it("to another target replaces the one under way; to the leader itself ends it", () => {
    const cluster = threeNodes();
    cluster.isolate(2);
    cluster.raw(1).transferLeader(2);
    cluster.raw(1).transferLeader(3);
    cluster.settle();
    expect(cluster.leader()).toBe(3);

    const second = threeNodes();
    second.isolate(2);
    second.raw(1).transferLeader(2);
    second.raw(1).transferLeader(1);
    expect(second.raw(1).status().leadTransferee).toBe(0);
    expect(second.propose(1, "x")).toBe("accepted");
  });

  it("ends when the target is removed", () => {
    const cluster = threeNodes();
    const removal = { type: "RemoveNode", nodeId: 2 } as const;
    cluster.raw(1).proposeConfChange({ transition: "Auto", changes: [removal], context: undefined });
    cluster.filter = ({ type }) => type !== "MsgTimeoutNow";
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    expect(cluster.raw(1).status().configuration.voters.incoming).toEqual([1, 3]);
    expect(cluster.raw(1).status().leadTransferee).toBe(0);
  });

  it("a MsgTimeoutNow that comes late or twice is harmless", () => {
    const cluster = threeNodes();
    const late = message({ type: "MsgTimeoutNow", from: 1, to: 2, term: cluster.raw(1).term });
    cluster.raw(1).transferLeader(2);
    cluster.settle();
    const { term } = cluster.raw(2);
    for (const { raw } of cluster.members) raw.step({ ...late, to: raw.id });
    cluster.settle();
    expect(cluster.leader()).toBe(2);
    expect(cluster.raw(2).term).toBe(term);
  });

  it("a learner told to campaign does not", () => {
    const cluster = threeNodes();
    const { term } = cluster.raw(1);
    cluster.raw(4).step(message({ type: "MsgTimeoutNow", from: 1, to: 4, term }));
    cluster.settle();
    expect(cluster.raw(4).role).toBe("StateFollower");
    expect(cluster.leader()).toBe(1);
  });
});

describe("forgetting a leader", () => {
  it("lets a follower vote at once for another", () => {
    const cluster = threeNodes();
    cluster.crash(1);
    cluster.raw(2).campaign();
    cluster.settle();
    // 3 still believes in 1.
    expect(cluster.leader()).toBe(0);
    cluster.raw(3).forgetLeader();
    expect(cluster.raw(3).lead).toBe(0);
    cluster.raw(2).campaign();
    cluster.settle();
    expect(cluster.leader()).toBe(2);
  });

  it("is not for leaders", () => {
    const cluster = threeNodes();
    cluster.raw(1).forgetLeader();
    expect(cluster.raw(1).lead).toBe(1);
  });
});
