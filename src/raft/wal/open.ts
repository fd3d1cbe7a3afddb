import { type Disk, makeDurableDirectory } from "../../platform/index.ts";
import { WalError } from "../errors.ts";
import { BatchEncoder } from "./batch-encoder.ts";
import { SEGMENT_HEADER_BYTES, segmentName, sequenceOf } from "./format.ts";
import type { GroupTail, WalJob } from "./job.ts";
import { batchEndBytes, jobBytes } from "./job.ts";
import type { GroupSummary } from "./record.ts";
import { type Cut, type ReadSegment, recover, type WalDamage } from "./recover.ts";
import type { ReplayedGroup } from "./replay.ts";
import { type SegmentScan, scanSegment } from "./scan.ts";
import { createSegment, readWhole, type SegmentFile, zeroRange } from "./segment-file.ts";
import { decodeHeader, segmentSeed } from "./segment-header.ts";
import { emptyTail, encodeJob, type SealedSegment, summaries, Wal, type WalOptions } from "./wal.ts";

export type OpenedWal =
  /** Whole. `groups` is empty for a new log. */
  | {
      readonly kind: "ready";
      readonly wal: Wal;
      readonly groups: ReadonlyMap<number, ReplayedGroup>;
      /** What was cut: the torn tail of a batch that nobody was told about. */
      readonly cuts: readonly Cut[];
    }
  /** Damaged in the middle; nothing was changed. Only `resetWal` makes it usable again. */
  | {
      readonly kind: "damaged";
      readonly damage: readonly WalDamage[];
      /** What each group had promised. */
      readonly groups: readonly GroupSummary[];
    };

/**
 * Reads the log of a directory, which is made when it is not there, and leaves it ready to be written. Rejects with a `DiskError`, or with
 * a `WalError` "unknown-version" or "foreign", and has changed nothing then.
 */
export async function openWal(options: WalOptions): Promise<OpenedWal> {
  await prepareDirectory(options.disk, options.directory);
  const all = await readSegments(options);
  const { live, obsolete } = split(all);
  const recovery = recover(live);
  if (recovery.kind === "damaged") {
    return { kind: "damaged", damage: recovery.damage, groups: recovery.groups };
  }
  for (const { sequence } of obsolete) await removeSegment(options, sequence);
  await cut(options, recovery.cuts);
  const groups = recovery.kind === "intact" ? recovery.groups : new Map<number, ReplayedGroup>();
  const position =
    recovery.kind === "intact"
      ? recovery.position
      : { segment: live[0]?.sequence ?? 1, offset: SEGMENT_HEADER_BYTES, nextBatch: 1, previousCrc: 0 };
  const current = await openSegment(options, live, position.segment);
  const wal = new Wal(options, {
    current,
    spare: await openSpare(options, live, position.segment + 1),
    offset: position.offset,
    nextBatch: position.nextBatch,
    previousCrc: position.previousCrc,
    groups: new Map([...groups].map(([groupId, group]) => [groupId, tailOf(group)])),
    sealed: live.filter((segment) => segment.sequence < position.segment).map(sealedOf),
    currentMaxIndex: maxIndexes(live.find((segment) => segment.sequence === position.segment)?.scan),
  });
  // What was read may have been in the page cache only: nobody may hear of it before it is synced. The seal may go into the next segment.
  await rewriteLastBatch(current, position.offset, live);
  await current.file.syncData();
  const anyGroup = groups.keys().next().value;
  if (anyGroup !== undefined) await wal.seal(anyGroup);
  return { kind: "ready", wal, groups, cuts: recovery.cuts };
}

/**
 * Starts the log again with these jobs as its first batch, in place of whatever is in the directory. One rename decides: before it the old
 * log is there untouched, after it the new one is there whole.
 */
export async function resetWal(options: WalOptions, jobs: readonly WalJob[]): Promise<Wal> {
  const { disk, directory, crc32c, identity } = options;
  const old = await segmentSequences(disk, directory);
  const sequence = (old.at(-1) ?? 0) + 1;
  const groups = new Map<number, GroupTail>();
  const currentMaxIndex = new Map<number, number>();
  const encoder = new BatchEncoder(crc32c);
  const seed = segmentSeed(identity, sequence, crc32c);
  encoder.begin({ offset: SEGMENT_HEADER_BYTES, seed, batch: 1, previousCrc: 0 });
  for (const job of jobs) {
    const tail = groups.get(job.groupId) ?? emptyTail();
    groups.set(job.groupId, tail);
    encodeJob(encoder, tail, job, currentMaxIndex);
  }
  const batch = encoder.end(summaries(groups));
  const sizeBytes = Math.max(
    options.segmentBytes,
    SEGMENT_HEADER_BYTES + jobs.reduce((sum, job) => sum + jobBytes(job), 0) + batchEndBytes(jobs.length),
  );
  const header = { ...identity, sequence, reset: true };
  const current = await createSegment({
    disk,
    directory,
    header,
    sizeBytes,
    crc32c,
    firstBatch: batch.bytes,
  });
  for (const obsolete of old) await removeSegment(options, obsolete);
  return new Wal(options, {
    current,
    spare: undefined,
    offset: SEGMENT_HEADER_BYTES + batch.bytes.length,
    nextBatch: 2,
    previousCrc: batch.endCrc,
    groups,
    sealed: [],
    currentMaxIndex,
  });
}

async function prepareDirectory(disk: Disk, directory: string): Promise<void> {
  await makeDurableDirectory(disk, directory);
  for (const { name } of await disk.list(directory)) {
    if (name.endsWith(".tmp")) await disk.remove(`${directory}/${name}`);
  }
  // Who renamed a segment into place may have died before its name was durable; from here on it is built on.
  await disk.syncDirectory(directory);
}

async function segmentSequences(disk: Disk, directory: string): Promise<number[]> {
  const entries = await disk.list(directory);
  return entries.map(({ name }) => sequenceOf(name)).filter((sequence) => sequence !== undefined);
}

async function readSegments(options: WalOptions): Promise<ReadSegment[]> {
  const segments: ReadSegment[] = [];
  for (const sequence of await segmentSequences(options.disk, options.directory)) {
    segments.push(await readSegment(options, sequence));
  }
  return segments;
}

async function readSegment(options: WalOptions, sequence: number): Promise<ReadSegment> {
  const { disk, directory, crc32c, identity } = options;
  const file = await disk.open(`${directory}/${segmentName(sequence)}`, "read");
  const bytes = await readWhole(file).finally(() => file.close());
  const header = decodeHeader(bytes, crc32c);
  if (header.kind === "unknown-version") {
    throw new WalError("unknown-version", `segment ${sequence} has version ${header.version}`);
  }
  if (header.kind === "header") {
    const { clusterId, nodeId, incarnation } = header.header;
    if (
      clusterId !== identity.clusterId ||
      nodeId !== identity.nodeId ||
      incarnation !== identity.incarnation
    ) {
      throw new WalError("foreign", `segment ${sequence} is of node ${nodeId}, cluster ${clusterId}`);
    }
  }
  const scan = scanSegment(bytes, sequence, segmentSeed(identity, sequence, crc32c), crc32c);
  return { sequence, header, sizeBytes: bytes.length, scan };
}

/** Without what a RESET has replaced, and without a spare segment whose header is bad: nothing is lost with it. */
function split(all: readonly ReadSegment[]): { live: ReadSegment[]; obsolete: ReadSegment[] } {
  const reset = all.findLastIndex(({ header }) => header.kind === "header" && header.header.reset);
  const from = Math.max(0, reset);
  const live = all.slice(from);
  const obsolete = all.slice(0, from);
  const last = live.at(-1);
  if (last !== undefined && last.header.kind === "damaged" && isUnused(last.scan)) {
    obsolete.push(last);
    live.pop();
  }
  return { live, obsolete };
}

function isUnused(scan: SegmentScan): boolean {
  return scan.batches.length === 0 && scan.usedEnd <= SEGMENT_HEADER_BYTES;
}

async function removeSegment({ disk, directory }: WalOptions, sequence: number): Promise<void> {
  await disk.remove(`${directory}/${segmentName(sequence)}`);
  await disk.syncDirectory(directory);
}

async function cut(options: WalOptions, cuts: readonly Cut[]): Promise<void> {
  for (const { segment, fromOffset, toOffset } of cuts) {
    const file = await options.disk.open(`${options.directory}/${segmentName(segment)}`, "read-write");
    await zeroRange(file, fromOffset, toOffset).finally(() => file.close());
  }
}

async function openSegment(
  options: WalOptions,
  live: readonly ReadSegment[],
  sequence: number,
): Promise<SegmentFile> {
  const existing = await openSpare(options, live, sequence);
  if (existing !== undefined) return existing;
  const { disk, directory, crc32c, identity, segmentBytes } = options;
  const header = { ...identity, sequence, reset: false };
  return createSegment({ disk, directory, header, sizeBytes: segmentBytes, crc32c });
}

async function openSpare(
  { disk, directory }: WalOptions,
  live: readonly ReadSegment[],
  sequence: number,
): Promise<SegmentFile | undefined> {
  const segment = live.find((candidate) => candidate.sequence === sequence);
  if (segment === undefined) return undefined;
  const file = await disk.open(`${directory}/${segmentName(sequence)}`, "read-write");
  return { sequence, sizeBytes: segment.sizeBytes, file };
}

/**
 * The last batch may be one whose sync failed: reads then show it, but the system has taken its pages for clean and no sync brings them to the disk any
 * more (Rebello et al., "Can applications recover from fsync failures?", 2020). So it is written once more. All batches before it were synced, for
 * there is one at a time.
 */
async function rewriteLastBatch(
  { sequence, file }: SegmentFile,
  endOffset: number,
  live: readonly ReadSegment[],
): Promise<void> {
  const scan = live.find((segment) => segment.sequence === sequence)?.scan;
  const last = scan?.batches.findLast((batch) => batch.endOffset <= endOffset);
  if (last === undefined) return;
  const bytes = new Uint8Array(last.endOffset - last.startOffset);
  const count = await file.read(last.startOffset, bytes);
  await file.write(last.startOffset, [bytes.subarray(0, count)]);
}

function tailOf(group: ReplayedGroup): GroupTail {
  const { hardState, mark, confState, confStateIndex, fence, entries } = group;
  const last = entries.at(-1) ?? mark;
  return {
    hardState,
    last: { term: last.term, index: last.index },
    mark,
    confState: confState === undefined ? undefined : { index: confStateIndex, confState },
    fence,
  };
}

function sealedOf({ sequence, scan }: ReadSegment): SealedSegment {
  return { sequence, maxIndex: maxIndexes(scan) };
}

function maxIndexes(scan: SegmentScan | undefined): Map<number, number> {
  const indexes = new Map<number, number>();
  for (const batch of scan?.batches ?? []) {
    for (const { groupId, body } of batch.records) {
      if (body.kind === "entry") indexes.set(groupId, Math.max(indexes.get(groupId) ?? 0, body.entry.index));
    }
  }
  return indexes;
}
