/** Which segments become one. Everything here is a function of the manifest. */

import type { SegmentRef } from "./manifest.ts";

export interface MergeLimits {
  /** So many segments of one level become one of the next. */
  readonly mergeSegments: number;
  /** Together, in bytes ... */
  readonly mergeBytes: number;
  /** ... and rows. */
  readonly mergeRows: number;
}

/**
 * Which segments to merge next; none: all is well. The oldest level that has `mergeSegments` segments becomes one segment of the next; where these do not fit together, as many of the
 * smallest as do. What is over half of a limit is full: it stays as it is. So a row is written once for each level, and once more at the end: what does not fit
 * makes something full. A segment that is half deleted is written again.
 */
export function planMerge(segments: readonly SegmentRef[], limits: MergeLimits): readonly SegmentRef[] {
  const levels = new Map<number, SegmentRef[]>();
  for (const segment of segments) {
    if (isFull(segment, limits)) continue;
    const level = levels.get(segment.level) ?? [];
    levels.set(segment.level, [...level, segment]);
  }
  for (const [, level] of [...levels].sort(([a], [b]) => a - b))
    if (level.length >= limits.mergeSegments) return smallestTogether(level, limits);
  const half = segments.find(({ deletes, rows }) => deletes !== undefined && 2 * deletes.rows >= rows);
  return half === undefined ? [] : [half];
}

/** The largest of those that are merged at rest is at most so many times the others together. */
const MOST_UNEVEN = 2;

/**
 * The same for a namespace that nobody writes to: any segments, whatever their levels, as long as no row is written again for little. Each merge makes at least one and a half of the largest segment,
 * so a row that is merged at rest again and again is written a logarithm of times.
 */
export function planMergeAtRest(segments: readonly SegmentRef[], limits: MergeLimits): readonly SegmentRef[] {
  const due = planMerge(segments, limits);
  if (due.length > 0) return due;
  const chosen = [...smallestTogether(segments, limits)];
  for (; chosen.length > 1; chosen.pop()) {
    const all = chosen.reduce((sum, { blob }) => sum + blob.sizeBytes, 0);
    const largest = chosen.at(-1)!.blob.sizeBytes;
    if (largest <= MOST_UNEVEN * (all - largest)) return chosen;
  }
  return [];
}

/** The smallest ones that fit together. */
export function smallestTogether(
  segments: readonly SegmentRef[],
  { mergeBytes, mergeRows }: MergeLimits,
): readonly SegmentRef[] {
  const sorted = [...segments].sort((a, b) => a.blob.sizeBytes - b.blob.sizeBytes);
  let [bytes, rows] = [0, 0];
  const beyond = sorted.findIndex((segment) => {
    bytes += segment.blob.sizeBytes;
    rows += segment.rows;
    return bytes > mergeBytes || rows > mergeRows;
  });
  return beyond === -1 ? sorted : sorted.slice(0, beyond);
}

function isFull({ blob, rows }: SegmentRef, { mergeBytes, mergeRows }: MergeLimits): boolean {
  return 2 * blob.sizeBytes > mergeBytes || 2 * rows > mergeRows;
}
