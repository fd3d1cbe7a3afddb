import { assert, Deferred } from "../../base/index.ts";
import { type Disk, DiskError } from "../../platform/index.ts";
import { WalError } from "../errors.ts";
import type { HardState } from "../types.ts";
import { BatchEncoder } from "./batch-encoder.ts";
import { type Crc32c, MAX_GROUPS, MAX_SEGMENT_BYTES, SEGMENT_HEADER_BYTES, segmentName } from "./format.ts";
import { batchEndBytes, type GroupTail, groupHeadBytes, jobBytes, type WalJob } from "./job.ts";
import type { GroupSummary, LogPosition } from "./record.ts";
import {
  createSegment,
  discardUnnamed,
  type NewSegment,
  nameSegment,
  type SegmentFile,
  writeSegment,
} from "./segment-file.ts";
import { segmentSeed, type WalIdentity } from "./segment-header.ts";

/** Jobs that nobody waits for are written anyway when so many have gathered. */
const MAX_LAZY_JOBS = 256;

export interface WalOptions {
  readonly disk: Disk;
  readonly crc32c: Crc32c;
  readonly directory: string;
  readonly identity: WalIdentity;
  readonly segmentBytes: number;
  readonly maxBatchBytes: number;
  /** Called once, after the first error of a write, sync or directory operation. Nothing is written or acknowledged after it. */
  readonly onFatal: (error: unknown) => void;
}

/** Where a log goes on, as `openWal` found or made it. */
export interface WalStart {
  readonly current: SegmentFile;
  /** The next segment, when it is there already. */
  readonly spare: SegmentFile | undefined;
  readonly offset: number;
  readonly nextBatch: number;
  readonly previousCrc: number;
  readonly groups: ReadonlyMap<number, GroupTail>;
  /** Earlier segments that are still there: oldest first, with the greatest index of each group in it. */
  readonly sealed: readonly SealedSegment[];
  /** The same of the current segment. */
  readonly currentMaxIndex: ReadonlyMap<number, number>;
}

export interface SealedSegment {
  readonly sequence: number;
  readonly maxIndex: ReadonlyMap<number, number>;
}

/**
 * The write-ahead log of one node: an ordered stream of jobs. While one batch is being written and synced the next gathers, so that one
 * sync serves all who wait (group commit). The last job of a batch is durable exactly when its first is.
 */
export class Wal {
  readonly #options: WalOptions;
  readonly #encoder: BatchEncoder;
  readonly #groups: Map<number, GroupTail>;
  #current: SegmentFile;
  #seed: number;
  #offset: number;
  #nextBatch: number;
  #previousCrc: number;
  #sealed: SealedSegment[];
  /** Full, and not to be removed: what it repeats of every group is durable in the next segment only with that one's first batch. */
  #full: SealedSegment | undefined;
  #currentMaxIndex: Map<number, number>;
  #durableMarks: Map<number, number>;
  /** Undefined in the end: there was no room for it. */
  #spare: Promise<SegmentFile | undefined>;
  #pending: WalJob[] = [];
  #urgent = 0;
  #running: Promise<void> | undefined;
  #removing: Promise<void> = Promise.resolve();
  #stopped: WalError | undefined;
  readonly #untilStopped = new Deferred<void>();

  constructor(options: WalOptions, start: WalStart) {
    this.#options = options;
    this.#encoder = new BatchEncoder(options.crc32c);
    this.#groups = new Map(start.groups);
    this.#current = start.current;
    this.#seed = segmentSeed(options.identity, start.current.sequence, options.crc32c);
    this.#offset = start.offset;
    this.#nextBatch = start.nextBatch;
    this.#previousCrc = start.previousCrc;
    this.#sealed = [...start.sealed];
    this.#currentMaxIndex = new Map(start.currentMaxIndex);
    this.#durableMarks = new Map([...start.groups].map(([groupId, tail]) => [groupId, tail.mark.index]));
    this.#spare = start.spare === undefined ? this.#makeSpare() : Promise.resolve(start.spare);
    this.#spare.catch((error: unknown) => this.#fail(error));
  }

  /** Segments on disk, the spare not counted. */
  get segmentCount(): number {
    return this.#sealed.length + (this.#full === undefined ? 1 : 2);
  }

  /** Takes a job. After a failure or `close` it does nothing, and no `onDurable` is called: `stopped` tells. */
  append(job: WalJob): void {
    if (this.#stopped !== undefined) return;
    this.#pending.push(job);
    if (job.urgent !== false) this.#urgent++;
    else if (this.#pending.length >= MAX_LAZY_JOBS) this.#urgent++;
    if (this.#urgent > 0) this.#run();
  }

  get stopped(): WalError | undefined {
    return this.#stopped;
  }

  /**
   * Removes the segments whose every entry lies behind its group's durable SnapshotMark. Call it when the job with the mark is durable.
   * Resolves with how many went. An error is fatal.
   */
  async removeObsolete(): Promise<number> {
    const { disk, directory } = this.#options;
    let removed = 0;
    const work = this.#removing.then(async () => {
      while (this.#stopped === undefined && this.#oldestIsObsolete()) {
        const oldest = this.#sealed[0]!;
        await disk.remove(`${directory}/${segmentName(oldest.sequence)}`);
        // One after the other: a hole in the numbering would look like a lost segment.
        await disk.syncDirectory(directory);
        this.#sealed.shift();
        removed++;
      }
    });
    this.#removing = work.catch((error: unknown) => this.#fail(error));
    await this.#removing;
    return removed;
  }

  /** Resolves when everything appended so far is durable, proven by a batch of its own; rejects when the log has stopped. */
  async seal(groupId: number): Promise<void> {
    const sealed = new Promise<void>((resolve) => this.append({ groupId, onDurable: resolve }));
    await Promise.race([sealed, this.#untilStopped.promise]);
    if (this.#stopped !== undefined) throw this.#stopped;
  }

  /** Writes what waits, seals it with an empty batch, and closes the files. */
  async close(): Promise<void> {
    if (this.#stopped === undefined) {
      // The last batch could not be told from a torn one if it were damaged later; a batch behind it is the proof.
      for (const groupId of [...this.#groups.keys()].slice(0, 1)) this.append({ groupId });
      while (this.#running !== undefined) await this.#running;
      this.#stopped ??= new WalError("stopped", "the log is closed");
    } else {
      await this.#running;
    }
    await this.#removing;
    await this.#closeFiles();
  }

  async #closeFiles(): Promise<void> {
    const spare = await this.#spare.catch(() => undefined);
    for (const segment of [this.#current, spare]) {
      // What counts is synced; nothing is lost by a failing close.
      await segment?.file.close().catch(() => undefined);
    }
  }

  #run(): void {
    if (this.#running !== undefined || this.#stopped !== undefined) return;
    this.#running = this.#writeBatches()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#running = undefined;
        if (this.#urgent > 0) this.#run();
      });
  }

  async #writeBatches(): Promise<void> {
    // Lets everything that this turn appends share the first batch.
    await Promise.resolve();
    while (this.#urgent > 0 && this.#stopped === undefined) {
      const jobs = this.#takeBatch();
      await this.#writeBatch(jobs);
      for (const job of jobs) job.onDurable?.();
    }
  }

  #takeBatch(): WalJob[] {
    // A segment holds at least two batches, so that rotation stays rare.
    const maxBytes = Math.min(this.#options.maxBatchBytes, this.#options.segmentBytes / 2);
    let bytes = 0;
    let count = 0;
    for (const job of this.#pending) {
      bytes += jobBytes(job);
      if (count > 0 && bytes > maxBytes) break;
      count++;
    }
    const jobs = this.#pending.splice(0, count);
    // Whoever remains is urgent if any of them is.
    this.#urgent = this.#pending.filter((job) => job.urgent !== false).length;
    return jobs;
  }

  async #writeBatch(jobs: readonly WalJob[]): Promise<void> {
    const jobsBytes = jobs.reduce((sum, job) => sum + jobBytes(job), 0);
    const needed = jobsBytes + batchEndBytes(this.#groups.size + jobs.length);
    const head = this.#offset === SEGMENT_HEADER_BYTES ? this.#headBytes() : 0;
    if (this.#offset + head + needed > this.#current.sizeBytes) await this.#rotate(needed);
    const batch = this.#encode(jobs);
    assert(this.#offset + batch.bytes.length <= this.#current.sizeBytes, "a batch fits its segment");
    await this.#current.file.write(this.#offset, [batch.bytes]);
    await this.#current.file.syncData();
    if (this.#full !== undefined) this.#sealed.push(this.#full);
    this.#full = undefined;
    this.#offset += batch.bytes.length;
    this.#previousCrc = batch.endCrc;
    this.#nextBatch++;
    for (const { groupId, mark } of jobs) {
      if (mark !== undefined) this.#durableMarks.set(groupId, mark.index);
    }
  }

  #headBytes(): number {
    let bytes = 0;
    for (const tail of this.#groups.values()) bytes += groupHeadBytes(tail);
    return bytes;
  }

  #encode(jobs: readonly WalJob[]) {
    const encoder = this.#encoder;
    encoder.begin({
      offset: this.#offset,
      seed: this.#seed,
      batch: this.#nextBatch,
      previousCrc: this.#previousCrc,
    });
    if (this.#offset === SEGMENT_HEADER_BYTES) encodeHead(encoder, this.#groups);
    for (const job of jobs) encodeJob(encoder, this.#tailOf(job.groupId), job, this.#currentMaxIndex);
    return encoder.end(summaries(this.#groups));
  }

  #tailOf(groupId: number): GroupTail {
    let tail = this.#groups.get(groupId);
    if (tail === undefined) {
      assert(this.#groups.size < MAX_GROUPS, "a log has at most MAX_GROUPS groups");
      tail = emptyTail();
      this.#groups.set(groupId, tail);
    }
    return tail;
  }

  async #rotate(neededBytes: number): Promise<void> {
    const full = this.#current;
    const withHead = SEGMENT_HEADER_BYTES + neededBytes + this.#headBytes();
    if (withHead > MAX_SEGMENT_BYTES) throw new WalError("too-large", `a batch of ${neededBytes} bytes`);
    const spare =
      (await this.#spare) ??
      (await createSegment(this.#newSegment(full.sequence + 1, this.#options.segmentBytes)));
    this.#current = withHead <= spare.sizeBytes ? spare : await this.#enlarge(spare, withHead);
    this.#full = { sequence: full.sequence, maxIndex: this.#currentMaxIndex };
    this.#currentMaxIndex = new Map();
    this.#seed = segmentSeed(this.#options.identity, this.#current.sequence, this.#options.crc32c);
    this.#offset = SEGMENT_HEADER_BYTES;
    await full.file.close().catch(() => undefined);
    this.#prepareSpare();
  }

  /** A batch that is larger than a segment gets a segment of its size, in the place of the spare one. */
  async #enlarge(spare: SegmentFile, sizeBytes: number): Promise<SegmentFile> {
    await spare.file.close();
    return createSegment(this.#newSegment(spare.sequence, sizeBytes));
  }

  #prepareSpare(): void {
    this.#spare = this.#makeSpare();
    this.#spare.catch((error: unknown) => this.#fail(error));
  }

  /** Undefined: the disk is full. Nobody needs the segment yet; it is made when it is needed, and only if that fails too the log stops. */
  async #makeSpare(): Promise<SegmentFile | undefined> {
    const spare = this.#newSegment(this.#current.sequence + 1, this.#options.segmentBytes);
    try {
      await writeSegment(spare);
    } catch (error) {
      if (!(error instanceof DiskError && error.code === "no-space")) throw error;
      await discardUnnamed(spare);
      return undefined;
    }
    return nameSegment(spare);
  }

  #newSegment(sequence: number, sizeBytes: number): NewSegment {
    const { disk, directory, identity, crc32c } = this.#options;
    const header = { ...identity, sequence, reset: false };
    const isGivenUp = () => this.#stopped !== undefined;
    return { disk, directory, crc32c, sizeBytes, header, isGivenUp };
  }

  #oldestIsObsolete(): boolean {
    const oldest = this.#sealed[0];
    if (oldest === undefined) return false;
    for (const [groupId, maxIndex] of oldest.maxIndex) {
      if (maxIndex > (this.#durableMarks.get(groupId) ?? 0)) return false;
    }
    return true;
  }

  #fail(error: unknown): void {
    if (this.#stopped !== undefined) return;
    const why = error instanceof Error ? error.message : String(error);
    this.#stopped = new WalError("stopped", `the log stopped after an error: ${why}`, { cause: error });
    this.#pending = [];
    this.#urgent = 0;
    this.#untilStopped.resolve();
    this.#options.onFatal(error);
  }
}

/** A group of which the log knows nothing. */
export function emptyTail(): GroupTail {
  return {
    hardState: { term: 0, vote: 0, commit: 0 },
    last: { term: 0, index: 0 },
    mark: { term: 0, index: 0, reset: false, bootstrap: false },
    confState: undefined,
    fence: undefined,
  };
}

/** Everything that must be known when the segments before are gone. */
export function encodeHead(encoder: BatchEncoder, groups: ReadonlyMap<number, GroupTail>): void {
  for (const [groupId, tail] of groups) {
    encoder.snapshotMark(groupId, { ...tail.mark, reset: false });
    if (tail.confState !== undefined) {
      encoder.confState(groupId, tail.confState.index, tail.confState.confState);
    }
    if (tail.fence !== undefined) encoder.fence(groupId, tail.fence);
    encoder.hardState(groupId, tail.hardState);
  }
}

/** Adds a job to the batch and to what is known of its group. */
export function encodeJob(
  encoder: BatchEncoder,
  tail: GroupTail,
  job: WalJob,
  maxIndex: Map<number, number>,
): void {
  const { groupId, hardState, fence, mark, confState, entries = [] } = job;
  // Before the entries: an entry of a term must never be durable when the term is not.
  if (hardState !== undefined) {
    assertForward(tail.hardState, hardState);
    tail.hardState = hardState;
    encoder.hardState(groupId, hardState);
  }
  if (fence !== undefined) {
    tail.fence = fence;
    encoder.fence(groupId, fence);
  }
  if (mark !== undefined) {
    assert(
      mark.reset || (mark.index >= tail.mark.index && mark.index <= tail.last.index),
      "a mark moves forward, inside the log",
    );
    tail.mark = mark;
    if (mark.reset) tail.last = { term: mark.term, index: mark.index };
    encoder.snapshotMark(groupId, mark);
  }
  if (confState !== undefined) {
    tail.confState = confState;
    encoder.confState(groupId, confState.index, confState.confState);
  }
  const first = entries[0];
  if (first === undefined) return;
  assert(first.index > tail.mark.index && first.index <= tail.last.index + 1, "entries continue the log");
  if (first.index <= tail.last.index) encoder.truncateTo(groupId, first.index - 1);
  for (const entry of entries) encoder.entry(groupId, entry);
  const last = entries.at(-1) ?? first;
  assert(last.index === first.index + entries.length - 1, "entries of a job are consecutive");
  tail.last = { term: last.term, index: last.index };
  maxIndex.set(groupId, Math.max(maxIndex.get(groupId) ?? 0, last.index));
}

function assertForward(before: HardState, after: HardState): void {
  assert(after.term >= before.term, "a term never goes back");
  assert(
    after.term > before.term || before.vote === 0 || after.vote === before.vote,
    "a vote is given once a term",
  );
}

export function summaries(groups: ReadonlyMap<number, GroupTail>): GroupSummary[] {
  return [...groups].map(([groupId, tail]) => ({
    groupId,
    last: tail.last satisfies LogPosition,
    term: tail.hardState.term,
    vote: tail.hardState.vote,
  }));
}
