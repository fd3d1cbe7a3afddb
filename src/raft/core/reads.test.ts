import { describe, expect, it } from "vitest";
import type { Message } from "../types.ts";
import { LEAVE_JOINT } from "./conf-change.ts";
import { message } from "./message.ts";
import { MAX_WAITING_READS } from "./read-only.ts";
import { Cluster } from "./testing/cluster.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

/** The indexes that `id` was told for the read with this context. */
function readIndexes(cluster: Cluster, id: number, context: string): number[] {
  const states = cluster.member(id).readStates;
  return states
    .filter((state) => new TextDecoder().decode(state.context) === context)
    .map(({ index }) => index);
}

function threeNodes(settings = {}): Cluster {
  const cluster = new Cluster({ voters: [1, 2, 3], settings });
  cluster.elect(1);
  return cluster;
}

describe("linearizable reads", () => {
  it("a leader answers with its commit index once a quorum has confirmed it", () => {
    const cluster = threeNodes();
    cluster.propose(1, "x");
    cluster.settle();
    expect(cluster.raw(1).readIndex(bytes("r"))).toBe("accepted");
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
    cluster.settle();
    expect(readIndexes(cluster, 1, "r")).toEqual([cluster.raw(1).commit]);
  });

  it("who leads alone knows the index without asking, once an entry of its own term is committed", () => {
    const alone = new Cluster({ voters: [1], learners: [2] });
    expect(alone.raw(1).readIndexNow()).toBeUndefined();
    alone.elect(1);
    alone.propose(1, "x");
    alone.settle();
    expect(alone.raw(1).readIndexNow()).toBe(alone.raw(1).commit);
    expect(alone.raw(2).readIndexNow()).toBeUndefined();
    const before = alone.raw(1).commit;
    alone.propose(1, "y");
    expect(alone.raw(1).readIndexNow()).toBe(before);
    alone.settle();
    expect(alone.raw(1).readIndexNow()).toBe(before + 1);
  });

  it("who has to ask others does not know it", () => {
    const cluster = threeNodes();
    cluster.propose(1, "x");
    cluster.settle();
    for (const id of [1, 2, 3]) expect(cluster.raw(id).readIndexNow()).toBeUndefined();
  });

  it("a follower's read goes through the leader and comes back to it", () => {
    const cluster = threeNodes();
    cluster.propose(1, "x");
    cluster.settle();
    cluster.raw(3).readIndex(bytes("r"));
    cluster.settle();
    expect(readIndexes(cluster, 3, "r")).toEqual([cluster.raw(1).commit]);
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
  });

  it("a leader without a quorum confirms nothing", () => {
    const cluster = threeNodes();
    cluster.isolate(1);
    cluster.raw(1).readIndex(bytes("r"));
    cluster.settle();
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
  });

  it("one heartbeat confirms all reads that came before it", () => {
    const cluster = threeNodes();
    cluster.filter = ({ type }) => type !== "MsgHeartbeat";
    for (const read of ["a", "b", "c"]) cluster.raw(1).readIndex(bytes(read));
    cluster.settle();
    cluster.heal();
    cluster.tick(1);
    cluster.settle();
    for (const read of ["a", "b", "c"]) expect(readIndexes(cluster, 1, read)).toHaveLength(1);
  });

  it("a new leader waits for the first commit of its term (thesis 6.4, step 1)", () => {
    const cluster = threeNodes({ preVote: false, checkQuorum: false });
    cluster.propose(1, "x");
    cluster.settle();
    const committed = cluster.raw(1).commit;
    // 2 is elected, but its entries reach nobody: it cannot know what 1 has committed.
    cluster.isolate(1);
    cluster.filter = ({ type }) => type !== "MsgApp";
    cluster.elect(2);
    expect(cluster.raw(2).role).toBe("StateLeader");
    cluster.raw(2).readIndex(bytes("r"));
    cluster.tick(2, 2);
    cluster.settle();
    expect(readIndexes(cluster, 2, "r")).toEqual([]);
    cluster.filter = () => true;
    cluster.tick(2, 2);
    cluster.settle();
    const [index] = readIndexes(cluster, 2, "r");
    expect(index).toBeGreaterThan(committed);
    expect(index).toBe(cluster.raw(2).commit);
  });

  it("a sole voter that comes back waits for its first commit too: its commit index on disk may be old", () => {
    const cluster = new Cluster({ voters: [1] });
    cluster.elect(1);
    cluster.propose(1, "x", "y");
    cluster.settle();
    const { storage, raw } = cluster.member(1);
    const acknowledged = raw.commit;
    cluster.crash(1);
    // The last commit index never reached the disk, and the state machine is older still.
    storage.setHardState({ ...storage.initialState().hardState, commit: acknowledged - 1 });
    cluster.member(1).applied.length = acknowledged - 1;
    cluster.restart(1);
    const back = cluster.raw(1);
    back.campaign();
    while (back.role !== "StateLeader") {
      cluster.takeReady(cluster.member(1));
      cluster.append(cluster.member(1));
    }
    expect(back.commit).toBeLessThan(acknowledged);
    back.readIndex(bytes("r"));
    cluster.takeReady(cluster.member(1));
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
    cluster.settle();
    expect(readIndexes(cluster, 1, "r")).toHaveLength(1);
    expect(readIndexes(cluster, 1, "r")[0]).toBeGreaterThan(acknowledged);
  });

  it("the same context twice does not let old answers confirm a later read (stale read of 2025)", () => {
    const cluster = threeNodes({ preVote: false, checkQuorum: false });
    // The answers to the heartbeats of read A are held back.
    const heldBack: Message[] = [];
    cluster.filter = (sent) => {
      if (sent.type !== "MsgHeartbeatResp") return true;
      heldBack.push(sent);
      return false;
    };
    const atA = cluster.raw(1).commit;
    const readA = message({
      type: "MsgReadIndex",
      from: 2,
      to: 1,
      entries: [{ term: 0, index: 0, type: "EntryNormal", data: bytes("A"), timeMs: 0 }],
    });
    cluster.raw(1).step(readA);
    cluster.settle();
    cluster.heal();
    cluster.tick(1);
    cluster.settle();
    expect(readIndexes(cluster, 2, "A").every((index) => index >= atA)).toBe(true);
    // 2 takes over and commits; 1 does not know.
    cluster.isolate(1);
    cluster.elect(2);
    cluster.propose(2, "new");
    cluster.settle();
    const atB = cluster.raw(2).commit;
    cluster.raw(1).readIndex(bytes("B"));
    cluster.takeReady(cluster.member(1));
    // The network sends A again, and then the old answers.
    cluster.heal();
    cluster.network = [readA, ...heldBack];
    expect(heldBack.length).toBeGreaterThan(0);
    cluster.settle();
    for (const { id } of cluster.members) {
      for (const index of readIndexes(cluster, id, "A")) expect(index).toBeGreaterThanOrEqual(atA);
      for (const index of readIndexes(cluster, id, "B")) expect(index).toBeGreaterThanOrEqual(atB);
    }
  });

  it("an answer that this leader cannot have caused confirms nothing", () => {
    const cluster = threeNodes();
    cluster.filter = ({ type }) => type !== "MsgHeartbeat";
    cluster.raw(1).readIndex(bytes("r"));
    const forged = [bytes("r"), new Uint8Array([2, 0, 0, 0, 0, 0, 0, 0]), new Uint8Array(8).fill(255)];
    for (const context of forged) {
      const term = cluster.raw(1).term;
      cluster.raw(1).step(message({ type: "MsgHeartbeatResp", from: 2, to: 1, term, context }));
    }
    cluster.settle();
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
  });

  it("an answer of an older term confirms nothing", () => {
    const cluster = threeNodes();
    cluster.filter = ({ type }) => type !== "MsgHeartbeat";
    cluster.raw(1).readIndex(bytes("r"));
    const context = new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]);
    const term = cluster.raw(1).term - 1;
    expect(term).toBe(0);
    cluster.elect(1);
    cluster.raw(1).step(message({ type: "MsgHeartbeatResp", from: 9, to: 1, term: 1, context }));
    cluster.settle();
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
  });

  it("a joint configuration needs both halves", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], spares: [4, 5] });
    cluster.elect(1);
    cluster.raw(1).proposeConfChange({
      transition: "JointExplicit",
      changes: [
        { type: "AddNode", nodeId: 4 },
        { type: "AddNode", nodeId: 5 },
        { type: "RemoveNode", nodeId: 2 },
        { type: "RemoveNode", nodeId: 3 },
      ],
      context: undefined,
    });
    cluster.settle();
    cluster.tickAll(3);
    expect(cluster.raw(1).status().configuration.voters).toEqual({
      incoming: [1, 4, 5],
      outgoing: [1, 2, 3],
    });
    // Without the new half: 1, 2 and 3 are a majority of all five, and of the old half.
    cluster.cut(1, 4);
    cluster.cut(1, 5);
    cluster.raw(1).readIndex(bytes("old half"));
    cluster.settle();
    expect(readIndexes(cluster, 1, "old half")).toEqual([]);
    cluster.heal();
    // Without the old half.
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    cluster.raw(1).readIndex(bytes("new half"));
    cluster.settle();
    expect(readIndexes(cluster, 1, "new half")).toEqual([]);
    // Whoever is asked together with the old half has confirmed the first read by now.
    cluster.heal();
    cluster.tick(1);
    cluster.settle();
    expect(readIndexes(cluster, 1, "new half")).toHaveLength(1);
  });

  it("learners do not confirm", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], learners: [4, 5] });
    cluster.elect(1);
    cluster.cut(1, 2);
    cluster.cut(1, 3);
    cluster.raw(1).readIndex(bytes("r"));
    cluster.settle();
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
  });

  it("a leader that was removed and leads on does not confirm alone", () => {
    const cluster = new Cluster({ voters: [1, 2], settings: { stepDownOnRemoval: false } });
    cluster.elect(1);
    cluster.raw(1).proposeConfChange({
      transition: "Auto",
      changes: [{ type: "RemoveNode", nodeId: 1 }],
      context: undefined,
    });
    cluster.settle();
    expect(cluster.raw(1).status().configuration.voters.incoming).toEqual([2]);
    expect(cluster.raw(1).role).toBe("StateLeader");
    cluster.isolate(1);
    cluster.raw(1).readIndex(bytes("r"));
    cluster.settle();
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
  });

  it("a configuration that shrinks confirms what its quorum has already confirmed", () => {
    const cluster = new Cluster({ voters: [1, 2] });
    cluster.elect(1);
    cluster.raw(1).proposeConfChange({
      transition: "Auto",
      changes: [{ type: "RemoveNode", nodeId: 2 }],
      context: undefined,
    });
    // 2 takes the entry, but does not answer heartbeats.
    cluster.filter = ({ type }) => type !== "MsgHeartbeat";
    cluster.raw(1).readIndex(bytes("r"));
    cluster.settle();
    expect(cluster.raw(1).status().configuration.voters.incoming).toEqual([1]);
    expect(readIndexes(cluster, 1, "r")).toHaveLength(1);
  });

  it("nobody is asked without a leader", () => {
    const cluster = new Cluster({ voters: [1, 2, 3] });
    expect(cluster.raw(1).readIndex(bytes("r"))).toBe("dropped");
    cluster.isolate(1);
    cluster.tick(1, 20);
    expect(cluster.raw(1).role).toBe("StatePreCandidate");
    expect(cluster.raw(1).readIndex(bytes("r"))).toBe("dropped");
  });

  it("a leader that steps down forgets the reads that wait, even if it leads again later", () => {
    const cluster = threeNodes({ preVote: false, checkQuorum: false });
    cluster.isolate(1);
    cluster.elect(2);
    cluster.propose(2, "what the read must see");
    cluster.settle();
    expect(cluster.appliedTexts(2)).toHaveLength(1);
    // 1 leads in an older term: its commit index is no answer, and never becomes one.
    cluster.raw(1).readIndex(bytes("r"));
    cluster.heal();
    cluster.tickAll(3);
    cluster.raw(2).transferLeader(1);
    cluster.tickAll(3);
    expect(cluster.leader()).toBe(1);
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
  });

  it("waiting reads are limited", () => {
    const cluster = threeNodes({ preVote: false, checkQuorum: false });
    cluster.isolate(1);
    cluster.filter = ({ type }) => type !== "MsgApp";
    cluster.elect(2);
    expect(cluster.raw(2).role).toBe("StateLeader");
    for (let read = 0; read < MAX_WAITING_READS; read++) cluster.raw(2).readIndex(bytes("r"));
    expect(cluster.raw(2).readIndex(bytes("one too many"))).toBe("dropped");
  });

  it("lease-based reads ask nobody, and need the quorum check", () => {
    const cluster = threeNodes({ readOnly: "lease-based" });
    cluster.isolate(1);
    cluster.raw(1).readIndex(bytes("r"));
    cluster.settle();
    expect(readIndexes(cluster, 1, "r")).toEqual([cluster.raw(1).commit]);
    expect(() => threeNodes({ readOnly: "lease-based", checkQuorum: false })).toThrow("lease-based reads");
  });

  it("a joint configuration is left while a read waits", () => {
    const cluster = new Cluster({ voters: [1, 2, 3], spares: [4] });
    cluster.elect(1);
    const changes = [
      { type: "AddNode", nodeId: 4 },
      { type: "RemoveNode", nodeId: 3 },
    ] as const;
    cluster.raw(1).proposeConfChange({ transition: "JointExplicit", changes, context: undefined });
    cluster.settle();
    cluster.tickAll(3);
    cluster.cut(1, 3);
    cluster.filter = ({ type }) => type !== "MsgHeartbeat";
    cluster.raw(1).readIndex(bytes("r"));
    cluster.raw(1).proposeConfChange(LEAVE_JOINT);
    cluster.settle();
    expect(readIndexes(cluster, 1, "r")).toEqual([]);
    cluster.filter = () => true;
    cluster.tick(1);
    cluster.settle();
    expect(cluster.raw(1).status().configuration.voters.outgoing).toEqual([]);
    expect(readIndexes(cluster, 1, "r")).toHaveLength(1);
  });
});
