import { describe, expect, test } from "vitest";
import { Cluster } from "../core/testing/cluster.ts";
import type { Message } from "../types.ts";
import { FencedMember } from "./fenced-member.ts";

const NOBODY = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };
const CONF_STATE = { ...NOBODY, voters: [1, 2, 3] };

function snapshotMessage(term: number, index: number): Message {
  return {
    type: "MsgSnap",
    to: 3,
    from: 1,
    term,
    logTerm: 0,
    index: 0,
    entries: [],
    commit: 0,
    vote: 0,
    snapshot: { metadata: { index, term: 4, confState: CONF_STATE }, data: new Uint8Array(0) },
    reject: false,
    rejectHint: 0,
    context: undefined,
    responses: [],
  };
}

function fenced(installed: number[] = [], asked: number[] = [], sent: Message[] = []): FencedMember {
  const fence = {
    reason: "segment 1 batch 4: records of the batch cannot be read",
    hardState: { term: 7, vote: 2, commit: 20 },
    last: { term: 6, index: 30 },
    restored: { index: 20, term: 4, confState: CONF_STATE },
  };
  return new FencedMember(
    {
      nodeId: 3,
      fence,
      requestTicks: 3,
      stateMachine: {
        installSnapshot: ({ index }) => {
          installed.push(index);
          return Promise.resolve();
        },
        restored: () =>
          Promise.resolve({ index: 25, term: 4, confState: CONF_STATE, isInstalled: true, timeMs: 77 }),
      },
      askForSnapshot: (from) => asked.push(from),
      send: (messages) => sent.push(...messages),
    },
    [
      { nodeId: 1, host: "one", port: 1, incarnation: "a" },
      { nodeId: 2, host: "two", port: 1, incarnation: "b" },
    ],
  );
}

describe("a fenced member that is repaired", () => {
  test.each([
    {
      what: "keeps its vote of the term that it is in",
      term: 7,
      hardState: { term: 7, vote: 2, commit: 25 },
    },
    { what: "has not voted in a later term", term: 9, hardState: { term: 9, vote: 0, commit: 25 } },
  ])("$what", async ({ term, hardState }) => {
    const installed: number[] = [];
    const repaired = await fenced(installed).install(snapshotMessage(term, 25));
    expect(repaired).toMatchObject({ hardState, fence: { term: 6, index: 30 }, timeMs: 77 });
    expect(repaired).toMatchObject({ metadata: { index: 25 } });
    expect(installed).toEqual([25]);
  });

  test("does not go back to a leader of an earlier term", async () => {
    const installed: number[] = [];
    expect(await fenced(installed).install(snapshotMessage(6, 25))).toBeUndefined();
    expect(installed).toEqual([]);
  });

  test("does not go back behind what it has applied", async () => {
    const installed: number[] = [];
    expect(await fenced(installed).install(snapshotMessage(7, 19))).toBeUndefined();
    expect(installed).toEqual([]);
  });
});

test("a fenced member asks everyone, again and again, and believes the one that sends entries to lead", () => {
  const asked: number[] = [];
  const member = fenced([], asked);
  for (let i = 0; i < 4; i++) member.tick();
  expect(asked).toEqual([1, 2, 1, 2]);
  member.step([{ ...snapshotMessage(7, 1), type: "MsgHeartbeat", from: 2 }]);
  expect(member.leader).toBe(2);
});

test("a fenced member asks a leader that its rows do not name yet", () => {
  const asked: number[] = [];
  const member = fenced([], asked);
  member.step([{ ...snapshotMessage(7, 1), type: "MsgHeartbeat", from: 5 }]);
  member.tick();
  expect(asked).toEqual([1, 2, 5]);
});

test("a fenced member tells its term to a leader of an earlier one, which steps down: its snapshots are of no use here", () => {
  const sent: Message[] = [];
  const member = fenced([], [], sent);
  const cluster = new Cluster({ voters: [1, 2, 3] });
  cluster.elect(1);
  expect(cluster.raw(1).term).toBeLessThan(7);
  const heartbeat: Message = { ...snapshotMessage(cluster.raw(1).term, 1), type: "MsgHeartbeat" };
  member.step([heartbeat, heartbeat]);
  expect(sent).toHaveLength(1);
  for (const each of sent) cluster.deliver(each);
  expect([cluster.raw(1).role, cluster.raw(1).term]).toEqual(["StateFollower", 7]);
  // The one that is elected then hears nothing, for it needs nothing.
  cluster.elect(2);
  member.step([{ ...heartbeat, term: cluster.raw(2).term, from: 2 }]);
  expect(sent).toHaveLength(1);
});
