import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { type NodeRow, NodeRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { RaftProgress } from "../../raft/ports.ts";
import type { ConfState } from "../../raft/types.ts";
import { NODE_STATE } from "../node-rows.ts";
import {
  CAUGHT_UP_ENTRIES,
  type ConfigurationPlan,
  planConfiguration,
  wantedVoters,
} from "./configuration-plan.ts";

type NodeRowInit = Exclude<MessageInitShape<typeof NodeRowSchema>, NodeRow>;

const COMMIT = 50_000;

function row(nodeId: number, change: NodeRowInit = {}): NodeRow {
  return create(NodeRowSchema, {
    nodeId: BigInt(nodeId),
    zone: `z${nodeId}`,
    roles: ["meta"],
    state: NODE_STATE.active,
    ...change,
  });
}

interface Scene {
  readonly voters: readonly number[];
  readonly learners?: readonly number[];
  readonly nodes: readonly NodeRow[];
  readonly conf?: Partial<ConfState>;
  readonly progress?: Readonly<Record<number, Partial<RaftProgress>>>;
  readonly maxVoters?: number;
}

/** Node 1 leads; everybody has caught up but for what `progress` says. */
function plan({
  voters,
  learners = [],
  nodes,
  conf = {},
  progress = {},
  maxVoters = 5,
}: Scene): ConfigurationPlan {
  const confState = { voters, learners, votersOutgoing: [], learnersNext: [], autoLeave: false, ...conf };
  return planConfiguration({
    nodes,
    maxVoters,
    status: {
      nodeId: 1,
      commit: COMMIT,
      confState,
      progress: [...voters, ...learners].map((nodeId) => ({
        nodeId,
        match: COMMIT,
        state: "replicate",
        recentlyActive: true,
        learner: learners.includes(nodeId),
        ...progress[nodeId],
      })),
    },
  });
}

const nodes = (count: number) => Array.from({ length: count }, (_, i) => row(i + 1));

describe("a new member", () => {
  test("is added as a learner, one at a time, smallest id first", () => {
    expect(plan({ voters: [1], nodes: [row(3), row(1), row(2)] })).toEqual({
      kind: "change",
      changes: [{ type: "add-learner", nodeId: 2 }],
    });
  });

  test.each<[string, NodeRowInit]>([
    ["does not hold metadata", { roles: ["storage", "gateway"] }],
    ["is draining", { state: NODE_STATE.draining }],
    ["was removed", { state: NODE_STATE.removed }],
  ])("stays out when it %s", (_, change) => {
    expect(plan({ voters: [1], nodes: [row(1), row(2, change)] })).toEqual({ kind: "none" });
  });

  test("begins while it is still joining", () => {
    expect(plan({ voters: [1], nodes: [row(1), row(2, { state: NODE_STATE.joining })] })).toMatchObject({
      changes: [{ type: "add-learner", nodeId: 2 }],
    });
  });
});

describe("a learner", () => {
  test("votes once it has caught up", () => {
    expect(plan({ voters: [1], learners: [2], nodes: nodes(2) })).toEqual({
      kind: "change",
      changes: [{ type: "add-voter", nodeId: 2 }],
    });
  });

  test.each<[string, Partial<RaftProgress>]>([
    ["is too far behind", { match: COMMIT - CAUGHT_UP_ENTRIES - 1 }],
    ["is being probed", { state: "probe" }],
    ["gets a snapshot", { state: "snapshot" }],
    ["is silent", { recentlyActive: false }],
  ])("does not when it %s", (_, progress) => {
    expect(plan({ voters: [1], learners: [2], nodes: nodes(2), progress: { 2: progress } })).toEqual({
      kind: "none",
    });
  });

  test("does when it is just near enough", () => {
    const progress = { 2: { match: COMMIT - CAUGHT_UP_ENTRIES } };
    expect(plan({ voters: [1], learners: [2], nodes: nodes(2), progress }).kind).toBe("change");
  });

  test("without a row, or one that no longer holds metadata, never votes", () => {
    expect(plan({ voters: [1], learners: [2], nodes: nodes(1) })).toEqual({ kind: "none" });
    const changed = [row(1), row(2, { roles: ["storage"] })];
    expect(plan({ voters: [1], learners: [2], nodes: changed })).toEqual({ kind: "none" });
  });
});

describe("the number of voters", () => {
  test.each([
    [1, 1],
    [2, 2],
    [3, 3],
    [4, 3],
    [5, 5],
    [6, 5],
    [9, 5],
  ])("of %d nodes, %d vote", (count, wanted) => {
    expect(wantedVoters(count, 5)).toBe(wanted);
  });

  test("may go up to seven, and is odd below", () => {
    expect(wantedVoters(9, 7)).toBe(7);
    expect(wantedVoters(9, 6)).toBe(5);
    expect(wantedVoters(9, 2)).toBe(2);
  });

  test("goes from one to three in one change", () => {
    expect(plan({ voters: [1], learners: [2, 3], nodes: nodes(3) })).toEqual({
      kind: "change",
      changes: [
        { type: "add-voter", nodeId: 2 },
        { type: "add-voter", nodeId: 3 },
      ],
    });
  });

  test("does not become four, and five at once when there are two more", () => {
    expect(plan({ voters: [1, 2, 3], learners: [4], nodes: nodes(4) })).toEqual({ kind: "none" });
    expect(plan({ voters: [1, 2, 3], learners: [4, 5], nodes: nodes(5) })).toMatchObject({
      changes: [{ nodeId: 4 }, { nodeId: 5 }],
    });
  });

  test("prefers zones without a voter", () => {
    const crowded = [row(1), row(2), row(3, { zone: "z1" }), row(4, { zone: "z2" }), row(5)];
    expect(plan({ voters: [1, 2], learners: [3, 4, 5], nodes: crowded, maxVoters: 3 })).toEqual({
      kind: "change",
      changes: [{ type: "add-voter", nodeId: 5 }],
    });
  });
});

describe("a removed member", () => {
  test("leaves, and a learner that has caught up takes its place in the same change", () => {
    const rows = [row(1), row(2), row(3, { state: NODE_STATE.removed }), row(4)];
    expect(plan({ voters: [1, 2, 3], learners: [4], nodes: rows })).toEqual({
      kind: "change",
      changes: [
        { type: "remove", nodeId: 3 },
        { type: "add-voter", nodeId: 4 },
      ],
    });
  });

  test("leaves also as a learner", () => {
    const rows = [row(1), row(2, { state: NODE_STATE.removed })];
    expect(plan({ voters: [1], learners: [2], nodes: rows })).toEqual({
      kind: "change",
      changes: [{ type: "remove", nodeId: 2 }],
    });
  });

  test("hands leadership on first, to whoever is furthest", () => {
    const rows = [row(1, { state: NODE_STATE.removed }), row(2), row(3), row(4)];
    const progress = { 2: { match: 10 }, 3: { recentlyActive: false } };
    expect(plan({ voters: [1, 2, 3], learners: [4], nodes: rows, progress })).toEqual({
      kind: "transfer",
      to: 2,
    });
  });

  test("stays when it is the last that votes", () => {
    const rows = [row(1, { state: NODE_STATE.removed })];
    expect(plan({ voters: [1], nodes: rows })).toEqual({ kind: "none" });
    // A leader that does not vote (any more) does not empty the group either.
    const other = [row(1, { roles: ["storage"] }), row(2, { state: NODE_STATE.removed })];
    expect(plan({ voters: [2], nodes: other })).toEqual({ kind: "none" });
  });
});

describe("nothing is begun", () => {
  test("while a change is under way", () => {
    const scene = { voters: [1], learners: [2], nodes: nodes(3) };
    expect(plan({ ...scene, conf: { votersOutgoing: [1] } })).toEqual({ kind: "none" });
    expect(plan({ ...scene, conf: { learnersNext: [3] } })).toEqual({ kind: "none" });
  });

  test("when all is as it should be", () => {
    expect(plan({ voters: [1, 2, 3], nodes: nodes(3) })).toEqual({ kind: "none" });
  });
});

test("from one node to seven and back, step by step, it always settles with an odd number of voters", () => {
  let voters: number[] = [1];
  let learners: number[] = [];
  const rows = nodes(7);
  const settle = () => {
    for (let step = 0; step < 40; step++) {
      const next = plan({ voters, learners, nodes: rows });
      if (next.kind !== "change") return next;
      for (const { type, nodeId } of next.changes) {
        voters = voters.filter((id) => id !== nodeId);
        learners = learners.filter((id) => id !== nodeId);
        if (type === "add-voter") voters.push(nodeId);
        if (type === "add-learner") learners.push(nodeId);
      }
    }
    throw new Error("the plan does not settle");
  };
  expect(settle()).toEqual({ kind: "none" });
  expect([voters.length, learners.length]).toEqual([5, 2]);
  for (const nodeId of [7, 6, 5, 4]) {
    rows[nodeId - 1] = row(nodeId, { state: NODE_STATE.removed });
    expect(settle()).toEqual({ kind: "none" });
    expect(voters).not.toContain(nodeId);
    expect(learners).not.toContain(nodeId);
  }
  expect([...voters].sort()).toEqual([1, 2, 3]);
});
