import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { type NodeRow, NodeRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { handOver } from "./leadership.ts";
import { heirOf, type MembershipView, whyNotDrained, whyNotLeader, whyNotRemoved } from "./membership.ts";
import { NODE_STATE } from "./node-rows.ts";

type Row = Partial<Pick<NodeRow, "state" | "roles">>;

interface Situation {
  /** By node id; all are active with every role. */
  readonly rows?: Readonly<Record<number, Row>>;
  readonly count?: number;
  readonly voters?: readonly number[];
  readonly learners?: readonly number[];
  readonly votersOutgoing?: readonly number[];
  readonly dead?: readonly number[];
  /** Neither alive nor dead. */
  readonly suspect?: readonly number[];
}

function situation({ rows = {}, count = 4, ...more }: Situation = {}): MembershipView {
  const nodes = Array.from({ length: count }, (_, at) =>
    create(NodeRowSchema, {
      nodeId: BigInt(at + 1),
      name: `node-${at + 1}`,
      state: NODE_STATE.active,
      roles: ["meta", "storage"],
      ...rows[at + 1],
    }),
  );
  return {
    nodes,
    replicationFactor: 3,
    confState: {
      voters: more.voters ?? [1, 2, 3],
      learners: more.learners ?? [4],
      votersOutgoing: more.votersOutgoing ?? [],
      learnersNext: [],
    },
    isAlive: (nodeId) => more.dead?.includes(nodeId) !== true && more.suspect?.includes(nodeId) !== true,
    isSilent: (nodeId) => more.dead?.includes(nodeId) === true,
  };
}

const rowOf = (view: MembershipView, nodeId: number) => view.nodes[nodeId - 1]!;
const NOTHING = { blobs: 0, bytes: 0 };
const SOMETHING = { blobs: 2, bytes: 20 };
const draining = { state: NODE_STATE.draining };
const removed = { state: NODE_STATE.removed };

describe("a node is drained", () => {
  test.each<[string, number, Situation, string | undefined]>([
    ["when enough storage nodes stay", 4, {}, undefined],
    ["not when too few stay for the copies", 3, { count: 3 }, "redundancy"],
    ["not when others are being drained already", 4, { rows: { 3: draining } }, "redundancy"],
    [
      "also below the number of copies when it stores nothing",
      3,
      { count: 3, rows: { 3: { roles: ["meta"] } } },
      undefined,
    ],
    ["once", 4, { rows: { 4: draining } }, "state"],
    ["not when it is joining", 4, { rows: { 4: { state: NODE_STATE.joining } } }, "state"],
    ["not when it was removed", 4, { rows: { 4: removed } }, "removed"],
  ])("%s", (_, nodeId, given, kind) => {
    const view = situation(given);
    expect(whyNotDrained(rowOf(view, nodeId), view)?.kind).toBe(kind);
  });
});

describe("a node is removed", () => {
  const drained = { rows: { 4: draining } };

  test.each<[string, number, Situation, typeof NOTHING, string | undefined]>([
    ["when it is drained", 4, drained, NOTHING, undefined],
    ["when it never became active", 4, { rows: { 4: { state: NODE_STATE.joining } } }, NOTHING, undefined],
    ["not while it holds bytes", 4, drained, SOMETHING, "not-drained"],
    ["not when it was not drained", 4, {}, NOTHING, "not-drained"],
    ["not when it cannot be drained", 3, { count: 3 }, NOTHING, "redundancy"],
    ["once", 4, { rows: { 4: removed } }, NOTHING, "removed"],
    [
      "not while the group is joint",
      4,
      { ...drained, votersOutgoing: [1, 2] },
      NOTHING,
      "membership-changing",
    ],
    [
      "not while another one is leaving",
      4,
      { rows: { 4: draining, 3: removed } },
      NOTHING,
      "membership-changing",
    ],
    [
      "not when it is the only voter",
      1,
      { rows: { 1: draining }, voters: [1], learners: [] },
      NOTHING,
      "last-voter",
    ],
    [
      "not when too few of the other voters answer",
      3,
      { rows: { 3: draining }, dead: [2] },
      NOTHING,
      "quorum",
    ],
    [
      "although another voter is dead, when enough answer",
      5,
      { rows: { 5: draining }, count: 5, voters: [1, 2, 3, 4, 5], dead: [2] },
      NOTHING,
      undefined,
    ],
    ["as a learner, whichever voters answer", 4, { ...drained, dead: [2] }, NOTHING, undefined],
  ])("%s", (_, nodeId, given, held, kind) => {
    const view = situation(given);
    expect(whyNotRemoved(rowOf(view, nodeId), view, { force: false, held })?.kind).toBe(kind);
  });

  test.each<[string, number, Situation, string | undefined]>([
    ["with what it held, when it is dead", 3, { dead: [3], count: 3 }, undefined],
    ["while it is alive: never", 3, {}, "alive"],
    ["after some seconds of silence: not yet", 3, { suspect: [3] }, "not-dead-yet"],
    ["when the other voters would be no quorum: never", 3, { dead: [2, 3] }, "quorum"],
    ["when it is the only voter: never", 1, { voters: [1], learners: [2, 3, 4], dead: [1] }, "last-voter"],
    ["while another one is leaving: never", 4, { rows: { 3: removed }, dead: [4] }, "membership-changing"],
  ])("by force, %s", (_, nodeId, given, kind) => {
    const view = situation(given);
    expect(whyNotRemoved(rowOf(view, nodeId), view, { force: true, held: SOMETHING })?.kind).toBe(kind);
  });
});

test.each<[string, number, Situation, string | undefined]>([
  ["a voter that answers may", 2, {}, undefined],
  ["one that is being drained may", 2, { rows: { 2: draining } }, undefined],
  ["a learner may not", 4, {}, "not-a-voter"],
  ["a dead voter may not", 2, { dead: [2] }, "dead"],
  ["a removed node may not", 2, { rows: { 2: removed } }, "removed"],
])("leading: %s", (_, nodeId, given, kind) => {
  const view = situation(given);
  expect(whyNotLeader(rowOf(view, nodeId), view)?.kind).toBe(kind);
});

describe("the heir of a leader", () => {
  const applied = new Map([
    [1, 9],
    [2, 5],
    [3, 7],
    [4, 9],
  ]);
  const appliedIndexOf = (nodeId: number) => applied.get(nodeId) ?? 0;

  test.each<[string, Situation, number | undefined]>([
    ["is the voter that is the furthest", {}, 3],
    ["is no dead one", { dead: [3] }, 2],
    ["is rather an active one than one that is being drained", { rows: { 3: draining } }, 2],
    ["is one that is being drained when there is no other", { rows: { 3: draining }, dead: [2] }, 3],
    ["is no removed one", { rows: { 3: removed } }, 2],
    ["is nobody when no other voter answers", { dead: [2, 3] }, undefined],
  ])("%s", (_, given, heir) => {
    expect(heirOf(situation(given), 1, appliedIndexOf)).toBe(heir);
  });
});

describe("handing over", () => {
  function world(onAsk: (asked: number) => number | undefined) {
    let nowMs = 0;
    const asked: number[] = [];
    let leader = 1;
    const options = {
      raft: {
        status: () => ({ leader }),
        transferLeadership: (to: number) => {
          asked.push(to);
          leader = onAsk(asked.length) ?? leader;
        },
      },
      clock: { monotonicMs: () => nowMs },
      timers: {
        after: () => ({ cancel: () => undefined }),
        endOfTurn: () => undefined,
        sleep: async (ms: number) => {
          nowMs += ms;
        },
      },
      timeoutMs: 5_000,
    };
    return { asked, options };
  }

  test("asks again when the first time came to nothing", async () => {
    const { asked, options } = world((count) => (count === 3 ? 2 : undefined));
    expect(await handOver(2, options)).toBe(true);
    expect(asked).toEqual([2, 2, 2]);
  });

  test("gives up in bounded time", async () => {
    const { asked, options } = world(() => undefined);
    expect(await handOver(2, options)).toBe(false);
    expect(asked).toEqual([2, 2, 2, 2]);
  });

  test("asks nobody when it leads already", async () => {
    const { asked, options } = world(() => undefined);
    expect(await handOver(1, options)).toBe(true);
    expect(asked).toEqual([]);
  });
});
