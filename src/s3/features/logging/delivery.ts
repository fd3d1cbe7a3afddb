/**
 * Delivers the access logs of the buckets, on each node for the requests that it answered: records are held in memory, and put into the target bucket as
 * objects after a while. Best effort, as S3's own: a node that is killed loses what it has not delivered.
 */

import type { Owner } from "../../../access/index.ts";
import type { BodySource, ObjectStore } from "../../../object/index.ts";
import type { Clock, Random } from "../../../platform/index.ts";
import { type BucketLogging, logKey } from "./document.ts";
import { mayDeliver } from "./permission.ts";

export interface AccessLogsOptions {
  readonly store: ObjectStore;
  readonly clock: Pick<Clock, "wallMs">;
  readonly random: Random;
  readonly region: string;
  /** How often what was gathered is delivered. */
  readonly intervalMs: number;
  /** Records that are held; what does not fit is dropped, and counted. */
  readonly bufferBytes: number;
  /** "delivered": lines in an object; the others are lines that are gone. */
  readonly onRecords: (outcome: "delivered" | "refused" | "dropped", count: number) => void;
}

/** A line of a bucket's log, and where it belongs. */
export interface AccessLogRecord {
  readonly source: { readonly bucket: string; readonly ownerId: string };
  readonly logging: BucketLogging;
  readonly line: string;
}

/** Records of one source for one target. */
interface Batch extends Omit<AccessLogRecord, "line"> {
  readonly lines: string[];
  bytes: number;
  readonly firstEventMs: number;
  /** Since the first attempt to put it: another attempt writes the same object again, so that no record is there twice. */
  key?: string;
}

const LINE_OVERHEAD_BYTES = 1;

/** Also a worker for the runtime of `background`. */
export class AccessLogs {
  readonly name = "access-logs";
  readonly idleMs: number;
  readonly #options: AccessLogsOptions;
  #batches = new Map<string, Batch>();
  #heldBytes = 0;

  constructor(options: AccessLogsOptions) {
    this.#options = options;
    this.idleMs = options.intervalMs;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  take({ source, logging, line }: AccessLogRecord): void {
    const bytes = Buffer.byteLength(line, "utf8") + LINE_OVERHEAD_BYTES;
    if (this.#heldBytes + bytes > this.#options.bufferBytes) {
      this.#options.onRecords("dropped", 1);
      return;
    }
    const batch = this.#batchFor(source, logging, this.#options.clock.wallMs());
    batch.lines.push(line);
    batch.bytes += bytes;
    this.#heldBytes += bytes;
  }

  /** Of events by day, a day is a batch. */
  #batchFor(source: Batch["source"], logging: BucketLogging, nowMs: number): Batch {
    const day = new Date(nowMs).toISOString().slice(0, 10);
    const name = JSON.stringify([source, logging, day]);
    const known = this.#batches.get(name);
    if (known !== undefined) return known;
    const batch = { source, logging, lines: [], bytes: 0, firstEventMs: nowMs };
    this.#batches.set(name, batch);
    return batch;
  }

  /** Delivers all that is held. What cannot be written now is kept, as far as there is room; what may not be written is dropped. */
  async runUnit(signal: AbortSignal): Promise<"idle"> {
    const batches = [...this.#batches.values()];
    this.#batches = new Map();
    let failure: Error | undefined;
    for (const batch of batches) {
      try {
        await this.#deliver(batch, signal);
        this.#heldBytes -= batch.bytes;
      } catch (error) {
        failure ??= error instanceof Error ? error : new Error(String(error));
        this.#keep(batch);
      }
    }
    if (failure !== undefined) throw failure;
    return "idle";
  }

  #keep(batch: Batch): void {
    const name = JSON.stringify([
      "kept",
      batch.source,
      batch.logging,
      batch.firstEventMs,
      batch.lines.length,
    ]);
    this.#batches.set(name, batch);
  }

  async #deliver(batch: Batch, signal: AbortSignal): Promise<void> {
    const { store, clock, random, region, onRecords } = this.#options;
    const { source, logging, lines, firstEventMs } = batch;
    const { targetBucket: bucket, targetPrefix } = logging;
    const time = { firstEventMs, deliveryMs: clock.wallMs() };
    batch.key ??= logKey(logging, { ...source, region }, time, random.bytes(8));
    const { key } = batch;
    const target = store.bucketAccess(bucket);
    const mayBePut =
      target !== undefined &&
      target.ownerId === source.ownerId &&
      [key, targetPrefix].some((name) => mayDeliver({ ...target, bucket }, source, name));
    if (!mayBePut) {
      onRecords("refused", lines.length);
      return;
    }
    const owner: Owner = (await store.headBucket(bucket)).owner;
    await store.putObject({
      bucket,
      key,
      body: bodyOf(`${lines.join("\n")}\n`),
      attributes: {
        contentType: "text/plain",
        headers: new Map(),
        userMetadata: new Map(),
        storageClass: "STANDARD",
      },
      owner,
      signal,
    });
    onRecords("delivered", lines.length);
  }
}

function bodyOf(text: string): BodySource {
  const bytes = new TextEncoder().encode(text);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    yield bytes;
  }
  return { sizeBytes: bytes.length, bytes: pieces(), expected: {} };
}
