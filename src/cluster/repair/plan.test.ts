import { describe, expect, test } from "vitest";
import type { BlobRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { blob, CHUNK, copyset, LOST, node, world } from "../testing/repair-world.ts";
import { MAX_REQUEST_BLOBS, planRepairs } from "./plan.ts";
import { lighterHome, loadsOf } from "./rebalance.ts";

const HOME = copyset(1, [1, 2, 3]);
const ALL = world(
  [1, 2, 3, 4, 5].map((nodeId) => node(nodeId)),
  HOME,
);
const LIMITS = { concurrency: 2, requestBytes: 4 * CHUNK };
const numbered = (row: BlobRow, number: number): BlobRow => ({
  ...row,
  blobId: new Uint8Array(16).fill(number),
});
const numbersOf = (copies: readonly { readonly blob: BlobRow }[] | undefined) =>
  copies?.map((copy) => copy.blob.blobId[0]);

describe("a plan", () => {
  test("puts the fewest copies left first, then what is missing, then what is misplaced", () => {
    const blobs = [numbered(blob(1, [1, 2, 4]), 1), numbered(blob(1, [1, 2]), 2), numbered(blob(1, [2]), 3)];
    const lost = world([node(1), node(2), node(3), node(4), node(5)], HOME);
    const plan = planRepairs(blobs, lost, { concurrency: 9, requestBytes: 99 * CHUNK });
    expect(plan.requests.map(({ destination, copies }) => [destination, numbersOf(copies)])).toEqual([
      [1, [3]],
      [3, [2, 1]],
    ]);
  });

  test("asks one node for so much, and so many nodes at once", () => {
    const blobs = Array.from({ length: 9 }, (_, at) => numbered(blob(1, [1, 2]), at));
    const plan = planRepairs(blobs, ALL, LIMITS);
    expect(plan.requests).toHaveLength(1);
    expect(plan.requests[0]).toMatchObject({ destination: 3, bytes: 4 * CHUNK });
    const three = [blob(1, [1, 2]), blob(1, [1, 3]), blob(1, [2, 3])].map(numbered);
    expect(planRepairs(three, ALL, LIMITS).requests).toHaveLength(2);
    const many = Array.from({ length: 200 }, (_, at) => numbered(blob(1, [1, 2]), at));
    const wide = planRepairs(many, ALL, { concurrency: 1, requestBytes: Number.MAX_SAFE_INTEGER });
    expect(wide.requests[0]?.copies).toHaveLength(MAX_REQUEST_BLOBS);
  });

  test("always takes the first, however large", () => {
    const large = blob(1, ...Array.from({ length: 16 }, () => [1, 2]));
    expect(planRepairs([large], ALL, LIMITS).requests[0]?.bytes).toBe(16 * CHUNK);
  });

  test("leaves alone what may not be tried, and counts what cannot be helped", () => {
    const gone = world([node(1), node(2, LOST), node(3)], HOME);
    const blobs = [numbered(blob(1, [1, 3]), 1), numbered(blob(1, [2]), 2), numbered(blob(1, [1]), 3)];
    const plan = planRepairs(blobs, gone, LIMITS, (row) => row.blobId[0] !== 3);
    expect(plan.requests).toEqual([]);
    expect(plan.stuck).toBe(2);
  });
});

describe("rebalancing", () => {
  const GIB = 1024 ** 3;
  const homes = [copyset(1, [1, 2, 3]), copyset(2, [1, 2, 4]), copyset(3, [4, 5, 1])];
  const five = (weights: Readonly<Record<number, number>> = {}) =>
    world(
      [1, 2, 3, 4, 5].map((nodeId) => node(nodeId, { weight: weights[nodeId] ?? 1 })),
      ...homes,
    );
  const held = (bytes: Readonly<Record<number, number>>) => (nodeId: number) => (bytes[nodeId] ?? 0) * GIB;

  test("gives from a node with too much to one with too little, and moves as little as it can", () => {
    const loads = loadsOf(five(), held({ 1: 10, 2: 10, 3: 30, 4: 1, 5: 10 }));
    expect(loads.givers).toEqual(new Set([3]));
    expect(lighterHome(blob(1, [1, 2, 3]), five(), loads)).toBe(2n);
    expect(lighterHome(blob(2, [1, 2, 4]), five(), loads)).toBeUndefined();
  });

  test.each<[string, Readonly<Record<number, number>>, Readonly<Record<number, number>>]>([
    ["an even load", { 1: 10, 2: 10, 3: 10, 4: 10, 5: 10 }, {}],
    ["a load by weight", { 1: 10, 2: 10, 3: 30, 4: 10, 5: 10 }, { 3: 3 }],
    ["a small difference", { 1: 10, 2: 10, 3: 11, 4: 10, 5: 10 }, {}],
    ["next to nothing", { 3: 0.1 }, {}],
  ])("leaves %s alone", (_, bytes, weights) => {
    const loads = loadsOf(five(weights), held(bytes));
    expect(loads.givers.size).toBe(0);
    expect(lighterHome(blob(1, [1, 2, 3]), five(weights), loads)).toBeUndefined();
  });

  test("does not give to a node that has its share", () => {
    const loads = loadsOf(five(), held({ 1: 10, 2: 10, 3: 30, 4: 20, 5: 1 }));
    expect(lighterHome(blob(1, [1, 2, 3]), five(), loads)).toBeUndefined();
  });
});
