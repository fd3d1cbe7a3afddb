/** Of the promise: a namespace has few segments, and no row is written again more often than a logarithm says. */
import { describe, expect, it } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import type { SegmentRef } from "./manifest.ts";
import { type MergeLimits, planMerge, planMergeAtRest } from "./merge-plan.ts";
import { MergeQueue } from "./merge-queue.ts";

const LIMITS: MergeLimits = { mergeSegments: 4, mergeBytes: 1_000, mergeRows: 1_000 };
let last = 0n;

function segment(sizeBytes: number, level = 0, { rows = 1, deleted = 0 } = {}): SegmentRef {
  const blob = { blobId: new Uint8Array(16), sizeBytes };
  const number = ++last;
  return {
    number,
    blob,
    rows,
    level,
    firstVersion: number,
    lastVersion: number,
    deletes: deleted === 0 ? undefined : { number, blob, rows: deleted },
  };
}

const sizes = (segments: readonly SegmentRef[]) => segments.map(({ blob }) => blob.sizeBytes);

describe("the next merge", () => {
  it("is of a level that has enough segments, all of them that fit, the oldest level first", () => {
    expect(planMerge([segment(10), segment(10), segment(10)], LIMITS)).toEqual([]);
    expect(
      sizes(
        planMerge(
          [10, 11, 12, 13, 14].map((size) => segment(size)),
          LIMITS,
        ),
      ),
    ).toEqual([10, 11, 12, 13, 14]);
    const two = [
      ...[50, 51, 52, 53].map((size) => segment(size, 1)),
      ...[1, 2, 3, 4].map((size) => segment(size)),
    ];
    expect(sizes(planMerge(two, LIMITS))).toEqual([1, 2, 3, 4]);
  });

  it("is of two or three where no more fit, which makes something that is full", () => {
    expect(
      sizes(
        planMerge(
          [300, 400, 450, 500].map((size) => segment(size)),
          LIMITS,
        ),
      ),
    ).toEqual([300, 400]);
    expect(
      sizes(
        planMerge(
          [250, 300, 350, 400].map((size) => segment(size)),
          LIMITS,
        ),
      ),
    ).toEqual([250, 300, 350]);
    // Four full ones are no work, and do not count for those that are not.
    const full = [501, 600, 900, 1_000].map((size) => segment(size));
    expect(planMerge([...full, segment(1), segment(2), segment(3)], LIMITS)).toEqual([]);
  });

  it("counts rows as it counts bytes", () => {
    const many = [1, 2, 3, 4].map((size) => segment(size, 0, { rows: 400 }));
    expect(sizes(planMerge(many, LIMITS))).toEqual([1, 2]);
    expect(
      planMerge(
        [1, 2, 3, 4].map((size) => segment(size, 0, { rows: 501 })),
        LIMITS,
      ),
    ).toEqual([]);
  });

  it("is of a segment that is half deleted where there is nothing else to do, also of a full one", () => {
    const half = segment(900, 3, { rows: 10, deleted: 5 });
    expect(planMerge([segment(10), half, segment(20, 0, { rows: 10, deleted: 4 })], LIMITS)).toEqual([half]);
  });
});

describe("at rest", () => {
  it("what is left of all levels becomes one", () => {
    const left = [segment(300, 3), segment(70, 2), segment(80, 2), segment(20, 1), segment(5), segment(4)];
    expect(sizes(planMergeAtRest(left, LIMITS))).toEqual([4, 5, 20, 70, 80, 300]);
    expect(planMergeAtRest([segment(500)], LIMITS)).toEqual([]);
  });

  it("nothing large is written again for little", () => {
    expect(planMergeAtRest([segment(500), segment(5)], LIMITS)).toEqual([]);
    expect(sizes(planMergeAtRest([segment(500), segment(5), segment(6)], LIMITS))).toEqual([5, 6]);
  });

  it("what does not fit together is left", () => {
    expect(sizes(planMergeAtRest([segment(600), segment(500), segment(450)], LIMITS))).toEqual([450, 500]);
    expect(planMergeAtRest([segment(600), segment(700)], LIMITS)).toEqual([]);
  });
});

/** Flushes of any size, each followed by whatever merges are due; sometimes the namespace rests. How often each byte was written, and how many segments are left. */
function life(random: Prng, flushes: number, restsEvery: number) {
  let segments: SegmentRef[] = [];
  let [flushed, written, mostSegments] = [0, 0, 0];
  const mergeAll = (plan: typeof planMerge) => {
    for (;;) {
      const chosen = plan(segments, LIMITS);
      if (chosen.length === 0) return;
      const sizeBytes = chosen.reduce((sum, { blob }) => sum + blob.sizeBytes, 0);
      expect(sizeBytes).toBeLessThanOrEqual(LIMITS.mergeBytes);
      expect(chosen.length).toBeGreaterThan(1);
      written += sizeBytes;
      segments = segments.filter((ref) => !chosen.includes(ref));
      segments.push(segment(sizeBytes, Math.max(...chosen.map(({ level }) => level)) + 1));
    }
  };
  for (let flush = 1; flush <= flushes; flush++) {
    const sizeBytes = random.between(1, 20);
    flushed += sizeBytes;
    segments.push(segment(sizeBytes));
    mergeAll(planMerge);
    if (flush % restsEvery === 0) mergeAll(planMergeAtRest);
    mostSegments = Math.max(mostSegments, segments.length - flushed / (LIMITS.mergeBytes / 2));
  }
  return { amplification: written / flushed, mostSegments };
}

it("a row is written few times, and what is not full is few segments, with rests and without", () => {
  const seed = String(Date.now());
  console.log(`seed ${seed}`);
  const random = createPrng(seed);
  // Four levels of at most three segments below the full ones; each byte once for each level and once at the end.
  const busy = life(random, 2_000, 1_000_000);
  expect(busy.amplification).toBeLessThan(5);
  expect(busy.mostSegments).toBeLessThanOrEqual(16);
  // One rest after each flush is the worst: a row is written when what it lies in grows by a half.
  const resting = life(random, 2_000, 1);
  expect(resting.amplification).toBeLessThan(11);
  expect(resting.mostSegments).toBeLessThanOrEqual(16);
});

it("a namespace is looked at after a change, and once more when it has come to rest", () => {
  const queue = new MergeQueue(100);
  queue.changed(1n, 0);
  queue.changed(2n, 10);
  queue.changed(1n, 20);
  expect(queue.next(20)).toEqual({ namespaceId: 1n, isAtRest: false });
  expect(queue.next(20)).toEqual({ namespaceId: 2n, isAtRest: false });
  expect([queue.hasChanged, queue.next(109)]).toEqual([false, undefined]);
  const due = queue.next(110)!;
  expect(due).toEqual({ namespaceId: 2n, isAtRest: true });
  queue.postponed(due, 110);
  expect(queue.next(120)).toEqual({ namespaceId: 1n, isAtRest: true });
  expect(queue.next(209)).toBeUndefined();
  expect(queue.next(210)).toEqual({ namespaceId: 2n, isAtRest: true });
  expect(queue.next(1_000)).toBeUndefined();
});
