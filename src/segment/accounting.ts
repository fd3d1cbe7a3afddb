/**
 * What each segment holds, alive and dead. A pure function of the entries in the order in which they were written, which is why a
 * tombstone names what it kills: after a crash the figures of the last checkpoint and the entries after it give the same result.
 *
 * The figures say where it pays to look; whether a segment may be removed is decided by its own index (see `collector.ts`).
 */

import { assert } from "../base/index.ts";
import type { SegmentEntry } from "./footer.ts";

/**
 * open: being appended to. sealed: has a footer. abandoned: neither, because a write failed; it gets its footer when the store is opened
 * again. aside: damaged so that none of its records can be told; never touched.
 */
export type SegmentState = "open" | "sealed" | "abandoned" | "aside";

export interface SegmentFigures {
  readonly segmentId: number;
  readonly salt: Uint8Array;
  state: SegmentState;
  /** Behind the last record that counts; 0 while the segment is open. */
  endPosition: number;
  liveChunks: number;
  liveBytes: number;
  deadBytes: number;
  /**
   * Older segments that hold records which are dead because of a record in this one. While any of them exists this one must, or a rebuilt
   * index would bring the dead back.
   */
  readonly kills: Set<number>;
}

export class SegmentTable {
  readonly #segments = new Map<number, SegmentFigures>();
  /** Changed since the last checkpoint; removed ones too. */
  readonly #changed = new Set<number>();

  add(figures: SegmentFigures): void {
    assert(!this.#segments.has(figures.segmentId), "a segment is added once");
    this.#segments.set(figures.segmentId, figures);
    this.#changed.add(figures.segmentId);
  }

  get(segmentId: number): SegmentFigures | undefined {
    return this.#segments.get(segmentId);
  }

  /** In order of id. */
  all(): SegmentFigures[] {
    return [...this.#segments.values()].sort((a, b) => a.segmentId - b.segmentId);
  }

  get size(): number {
    return this.#segments.size;
  }

  remove(segmentId: number): void {
    this.#segments.delete(segmentId);
    this.#changed.add(segmentId);
  }

  setState(segmentId: number, state: SegmentState, endPosition: number): void {
    const figures = this.#segments.get(segmentId);
    assert(figures !== undefined, "a segment that changes state is known");
    figures.state = state;
    figures.endPosition = endPosition;
    this.#changed.add(segmentId);
  }

  /** Takes in the next entry of the segment. */
  apply(segmentId: number, entry: SegmentEntry): void {
    const figures = this.#segments.get(segmentId);
    assert(figures !== undefined, "an entry belongs to a known segment");
    this.#changed.add(segmentId);
    if (entry.kind === "chunk") {
      figures.liveChunks += 1;
      figures.liveBytes += entry.length;
      if (entry.supersedes !== 0) this.#kill(figures, entry.supersedes, 1, entry.length);
    } else {
      this.#kill(figures, entry.segmentId, entry.chunks, entry.bytes);
    }
  }

  #kill(killer: SegmentFigures, victimId: number, chunks: number, bytes: number): void {
    const victim = this.#segments.get(victimId);
    if (victim === undefined) return;
    // Damage can hide a chunk that a later tombstone counts, so the figures stop at zero instead of being asserted.
    victim.liveChunks = Math.max(0, victim.liveChunks - chunks);
    victim.deadBytes += Math.min(bytes, victim.liveBytes);
    victim.liveBytes = Math.max(0, victim.liveBytes - bytes);
    if (victimId !== killer.segmentId) killer.kills.add(victimId);
    this.#changed.add(victimId);
  }

  /** What a count of the segment's records has found; corrects figures that damage has put out of step. */
  correct(segmentId: number, live: { readonly chunks: number; readonly bytes: number }): void {
    const figures = this.#segments.get(segmentId);
    assert(figures !== undefined, "a corrected segment is known");
    figures.deadBytes = Math.max(0, figures.deadBytes + figures.liveBytes - live.bytes);
    figures.liveChunks = live.chunks;
    figures.liveBytes = live.bytes;
    this.#changed.add(segmentId);
  }

  /** Whether all that this segment keeps dead is gone from the disk. */
  mayForgetKills(segmentId: number): boolean {
    const figures = this.#segments.get(segmentId);
    assert(figures !== undefined, "the segment is known");
    for (const victim of figures.kills) {
      if (this.#segments.has(victim)) return false;
      figures.kills.delete(victim);
    }
    return true;
  }

  /** The rows of a checkpoint: what has changed since the last call, with undefined for removed segments. */
  takeChanges(): SegmentChange[] {
    const changes = [...this.#changed].map((segmentId) => {
      const figures = this.#segments.get(segmentId);
      return { segmentId, figures: figures === undefined ? undefined : copyOf(figures) };
    });
    this.#changed.clear();
    return changes;
  }

  /** Gives back changes that could not be written. */
  returnChanges(changes: readonly SegmentChange[]): void {
    for (const change of changes) this.#changed.add(change.segmentId);
  }

  clear(): void {
    this.#segments.clear();
    this.#changed.clear();
  }
}

/** A segment of which nothing is known yet. */
export function newFigures(
  segmentId: number,
  salt: Uint8Array,
  state: SegmentState,
  endPosition: number,
): SegmentFigures {
  return { segmentId, salt, state, endPosition, liveChunks: 0, liveBytes: 0, deadBytes: 0, kills: new Set() };
}

export interface SegmentChange {
  readonly segmentId: number;
  readonly figures: SegmentFigures | undefined;
}

function copyOf(figures: SegmentFigures): SegmentFigures {
  return { ...figures, kills: new Set(figures.kills) };
}
