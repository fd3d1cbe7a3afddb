import { SEGMENT_HEADER_BYTES } from "./format.ts";
import type { EntryRun, GroupSummary } from "./record.ts";
import { type ReplayedGroup, replay } from "./replay.ts";
import type { ScannedBatch, SegmentScan } from "./scan.ts";
import type { DecodedHeader } from "./segment-header.ts";

/** One segment as it was read. */
export interface ReadSegment {
  readonly sequence: number;
  readonly header: DecodedHeader;
  readonly sizeBytes: number;
  readonly scan: SegmentScan;
}

/** Something that was durable once and cannot be read any more. */
export interface WalDamage {
  readonly segment: number;
  /** 0: not about a batch. */
  readonly batch: number;
  readonly what: string;
  /** The entries that are lost, where the batch still says so. */
  readonly entries: readonly EntryRun[];
}

/** The bytes from here to the end of what was written are to be zeroed before anything is written. */
export interface Cut {
  readonly segment: number;
  readonly fromOffset: number;
  readonly toOffset: number;
}

/** Where the next batch goes. */
export interface WritePosition {
  readonly segment: number;
  readonly offset: number;
  readonly nextBatch: number;
  readonly previousCrc: number;
}

export type Recovery =
  /** Nothing was ever made durable. */
  | { readonly kind: "empty"; readonly cuts: readonly Cut[] }
  | {
      readonly kind: "intact";
      readonly groups: ReadonlyMap<number, ReplayedGroup>;
      readonly cuts: readonly Cut[];
      readonly position: WritePosition;
    }
  /**
   * Damage that a later batch proves to be no torn tail. `groups` is what each group had promised, from the last good BatchEnd: the log
   * itself is not used any more.
   */
  | {
      readonly kind: "damaged";
      readonly damage: readonly WalDamage[];
      readonly groups: readonly GroupSummary[];
    };

/**
 * Decides what the segments of a log, in order of sequence and from the last RESET on, amount to. Pure.
 *
 * The last BatchEnd that can be read proves that every batch before its own had been synced: one that is missing or broken there is
 * damage. Its own batch, when it is not whole, and everything behind it may be a write that was cut short; nobody was told that it is
 * durable, so it may go.
 */
export function recover(segments: readonly ReadSegment[]): Recovery {
  const batches = segments.flatMap((segment) => segment.scan.batches);
  const lastSealed = batches.findLast((batch) => batch.end !== undefined);
  const damage = [...segmentDamage(segments), ...batchDamage(segments, batches, lastSealed)];
  if (damage.length > 0) return damaged(damage, lastSealed);
  const good = batches.filter((batch) => batch.whole);
  const last = good.at(-1);
  const cuts = cutsAfter(segments, last);
  if (last === undefined) return { kind: "empty", cuts };
  const replayed = replay(good);
  if (replayed.kind === "contradiction") {
    const what = replayed.what;
    return damaged([{ segment: replayed.segment, batch: replayed.batch, what, entries: [] }], lastSealed);
  }
  const position: WritePosition = {
    segment: last.segment,
    offset: last.endOffset,
    nextBatch: last.batch + 1,
    previousCrc: last.endCrc,
  };
  return { kind: "intact", groups: replayed.groups, cuts, position };
}

function damaged(damage: readonly WalDamage[], lastSealed: ScannedBatch | undefined): Recovery {
  return {
    kind: "damaged",
    damage,
    groups: lastSealed?.end?.groups ?? [],
  };
}

function segmentDamage(segments: readonly ReadSegment[]): WalDamage[] {
  const damage: WalDamage[] = [];
  const add = (segment: number, what: string) => damage.push({ segment, batch: 0, what, entries: [] });
  for (const [i, segment] of segments.entries()) {
    const { header, sequence } = segment;
    if (header.kind !== "header") add(sequence, "segment header is damaged");
    else if (header.header.sequence !== sequence) add(sequence, "segment header names another segment");
    const before = segments[i - 1];
    if (before !== undefined && before.sequence !== sequence - 1) {
      add(before.sequence + 1, "segment is missing");
    }
  }
  const first = segments[0];
  if (first !== undefined && !mayBeEmpty(first) && first.scan.batches[0]?.whole !== true) {
    add(first.sequence, "first batch of the log cannot be read");
  }
  return damage;
}

/** A RESET holds its first batch before it has its name, and segments are removed only when the first batch of a later one is durable. */
function mayBeEmpty({ sequence, header }: ReadSegment): boolean {
  return sequence === 1 && !(header.kind === "header" && header.header.reset);
}

function beginsLog(segment: ReadSegment | undefined): boolean {
  if (segment === undefined) return false;
  return segment.sequence === 1 || (segment.header.kind === "header" && segment.header.header.reset);
}

function batchDamage(
  segments: readonly ReadSegment[],
  batches: readonly ScannedBatch[],
  lastSealed: ScannedBatch | undefined,
): WalDamage[] {
  const damage: WalDamage[] = [];
  if (lastSealed === undefined) return damage;
  // A log begins with batch 1; where its first segments were removed anything may come first.
  let expected = beginsLog(segments[0]) ? 1 : undefined;
  let previous: ScannedBatch | undefined;
  for (const batch of batches.slice(0, batches.indexOf(lastSealed) + 1)) {
    const firstOfLog = previous === undefined;
    const lost = expected !== undefined && batch.batch !== expected;
    const mayBeTorn = batch === lastSealed && !batch.whole;
    if (lost || (firstOfLog && batch.startOffset !== SEGMENT_HEADER_BYTES && !mayBeTorn)) {
      damage.push(lostBefore(batch, expected));
    }
    if (!batch.whole && batch !== lastSealed) damage.push(brokenBatch(batch));
    else if (batch.whole && previous?.whole === true && !lost && batch.end?.previousCrc !== previous.endCrc) {
      damage.push(of(batch, "batch does not follow the one before it", []));
    }
    previous = batch;
    expected = batch.batch + 1;
  }
  return damage;
}

function of(batch: ScannedBatch, what: string, entries: readonly EntryRun[]): WalDamage {
  return { segment: batch.segment, batch: batch.batch, what, entries };
}

function lostBefore(batch: ScannedBatch, expected: number | undefined): WalDamage {
  if (expected === undefined) return of(batch, "what stood before this batch cannot be read", []);
  if (batch.batch < expected) return of(batch, "batch is out of order", []);
  return {
    segment: batch.segment,
    batch: expected,
    what: "batches up to the next one are lost",
    entries: [],
  };
}

/** Names the entries that the BatchEnd lists and that are not there. */
function brokenBatch(batch: ScannedBatch): WalDamage {
  if (batch.end === undefined) return of(batch, "end of the batch cannot be read", []);
  const present = new Set<string>();
  for (const { groupId, body } of batch.records) {
    if (body.kind === "entry") present.add(`${groupId}/${body.entry.term}/${body.entry.index}`);
  }
  const missing: EntryRun[] = [];
  for (const run of batch.end.runs) {
    for (let i = 0; i < run.count; i++) {
      const index = run.firstIndex + i;
      if (present.has(`${run.groupId}/${run.term}/${index}`)) continue;
      const last = missing.at(-1);
      const continues =
        last?.groupId === run.groupId && last.term === run.term && last.firstIndex + last.count === index;
      if (continues) missing[missing.length - 1] = { ...last, count: last.count + 1 };
      else missing.push({ groupId: run.groupId, count: 1, term: run.term, firstIndex: index });
    }
  }
  return of(batch, "records of the batch cannot be read", missing);
}

/** Everything that is not zero behind the last whole batch. */
function cutsAfter(segments: readonly ReadSegment[], last: ScannedBatch | undefined): Cut[] {
  const cuts: Cut[] = [];
  for (const { sequence, scan } of segments) {
    if (last !== undefined && sequence < last.segment) continue;
    const fromOffset = sequence === last?.segment ? last.endOffset : SEGMENT_HEADER_BYTES;
    if (scan.usedEnd > fromOffset) cuts.push({ segment: sequence, fromOffset, toOffset: scan.usedEnd });
  }
  return cuts;
}
