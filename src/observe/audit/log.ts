import { BoundedQueue, Deferred, InvariantViolation } from "../../base/index.ts";
import type { Clock, Disk, Hasher, Timers } from "../../platform/index.ts";
import type { Logger } from "../logger.ts";
import type { Metrics } from "../metrics.ts";
import { type AuditEntry, EntryPreparer, isPrepared, lineBytesAtMost, MAX_BATCH_BYTES } from "./record.ts";
import { AuditWriter } from "./writer.ts";

/** Entries that wait to be written; further ones are lost, which is counted and recorded. */
const MAX_QUEUED_ENTRIES = 10_000;
/** Room in a batch for an entry of the log about itself. */
const NOTE_BYTES = 1024;
const RETRY_MS = 1000;
/** When nobody waits for them, entries gather for so long before they are written and synced together. */
const GATHER_MS = 10;
const DEFAULT_MAX_FILE_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_FILES = 64;

export interface AuditLogOptions {
  readonly disk: Disk;
  /** Absolute; created when it does not exist. */
  readonly directory: string;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /**
   * When an entry cannot be written. "report": requests go on, entries wait and are tried again, and the failure is logged and shown. "block":
   * `record` rejects, so that what is not on record does not happen.
   */
  readonly whenItFails: "report" | "block";
  readonly maxFileBytes?: number;
  readonly maxFiles?: number;
}

export interface AuditStatus {
  readonly isHealthy: boolean;
  readonly lastError: string | undefined;
  readonly queued: number;
  /** Entries that are lost for good. */
  readonly lost: number;
  readonly nextSequence: number;
  /** To be compared with a later `verifyAuditLog`. */
  readonly headHash: string;
}

/** Where entries go: the log, or the way to it from another thread. */
export interface AuditSink {
  /** Undefined: nobody can wait for it here. */
  record(entry: AuditEntry): Promise<void> | undefined;
}

/** The entry is not on record. */
export class AuditUnavailable extends Error {
  constructor(options?: { readonly cause?: unknown }) {
    super("the audit log cannot be written", options);
    this.name = "AuditUnavailable";
  }
}

interface Waiting {
  /** The entry, prepared. */
  readonly text: string;
  /** Undefined: nobody waits for it; failures are counted and shown. */
  readonly written: Deferred<void> | undefined;
}

/**
 * The audit log of a node: who did what, in a chain of hashes. Entries are written in the order of `record` and synced in groups: while one group is on
 * its way, the next gathers.
 */
export class AuditLog implements AuditSink {
  readonly #options: AuditLogOptions;
  readonly #writer: AuditWriter;
  readonly #preparer: EntryPreparer;
  readonly #queue = new BoundedQueue<Waiting>(MAX_QUEUED_ENTRIES);
  #running: Promise<void> | undefined;
  readonly #closing = new AbortController();
  #lastError: string | undefined;
  #lost = 0;
  /** Lost since the last entry that says so. */
  #lostUnrecorded = 0;

  private constructor(options: AuditLogOptions, writer: AuditWriter) {
    this.#options = options;
    this.#writer = writer;
    this.#preparer = new EntryPreparer(options.clock);
    options.metrics.auditHealthy.set(1);
  }

  /** Rejects with DiskError when the log cannot be opened. What a crash left at its end is set aside, damage is left where it is, and the log says so itself. */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const { maxFileBytes = DEFAULT_MAX_FILE_BYTES, maxFiles = DEFAULT_MAX_FILES } = options;
    const { writer, tail } = await AuditWriter.open({ ...options, maxFileBytes, maxFiles });
    const log = new AuditLog(options, writer);
    if (tail.damagedFiles.length > 0) {
      options.logger.error("the audit log is damaged; it goes on in a new file", {
        files: tail.damagedFiles.map(({ path }) => path),
      });
      await writer.append([log.#note("audit.damaged", "goes on in a new file")]);
    } else if (tail.strayBytes > 0) {
      options.logger.warn("the audit log had an unfinished end", { strayBytes: tail.strayBytes });
      await writer.append([log.#note("audit.recovered", `${tail.strayBytes} bytes set aside`)]);
    }
    return log;
  }

  /** Resolves when the entry is durable ("block"), or at once ("report"). Rejects with AuditUnavailable ("block" only). */
  async record(entry: AuditEntry): Promise<void> {
    const written = this.#options.whenItFails === "block" ? new Deferred<void>() : undefined;
    const isTaken = this.#take({ text: this.#preparer.prepare(entry), written });
    if (written === undefined) return;
    if (!isTaken) throw new AuditUnavailable();
    await written.promise;
  }

  /** Entries of another thread, prepared there. Nobody waits for them, whatever `whenItFails` says. */
  recordPrepared(texts: readonly string[]): void {
    for (const text of texts) {
      if (isPrepared(text)) this.#take({ text, written: undefined });
      else this.#lose(1, "failed");
    }
  }

  /** So many entries of another thread did not come here: the log says so, as of its own. */
  recordLost(count: number): void {
    this.#lose(count, "dropped");
  }

  status(): AuditStatus {
    return {
      isHealthy: this.#lastError === undefined,
      lastError: this.#lastError,
      queued: this.#queue.size,
      lost: this.#lost,
      nextSequence: this.#writer.nextSequence,
      headHash: this.#writer.headHash,
    };
  }

  /** Writes what is queued, and what was lost, if that goes, and closes. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    if (this.#lostUnrecorded > 0) await this.#run();
    await this.#writer.close();
  }

  #take(waiting: Waiting): boolean {
    const isTaken = !this.#closing.signal.aborted && this.#queue.push(waiting);
    if (!isTaken) this.#lose(1, "dropped");
    else this.#running ??= this.#run();
    return isTaken;
  }

  async #run(): Promise<void> {
    try {
      let retry: Waiting[] | undefined;
      while (retry !== undefined || this.#queue.size > 0 || this.#lostUnrecorded > 0) {
        if (this.#options.whenItFails === "report" || this.#queue.size === 0) await this.#pause(GATHER_MS);
        const batch: Waiting[] = retry ?? this.#nextBatch();
        retry = undefined;
        if (await this.#write(batch)) continue;
        if (this.#options.whenItFails === "block" || this.#closing.signal.aborted) {
          this.#giveUp(batch);
          // What is lost is told with the next entry, or when the log closes.
          if (this.#queue.size === 0) break;
        } else {
          if (batch.length > 0) retry = batch;
          await this.#pause(RETRY_MS);
        }
      }
    } finally {
      this.#running = undefined;
    }
  }

  /** Ends early when the log closes. */
  #pause(delayMs: number): Promise<void> {
    return this.#options.timers.sleep(delayMs, this.#closing.signal).catch(() => undefined);
  }

  #nextBatch(): Waiting[] {
    const batch: Waiting[] = [];
    let bytes = NOTE_BYTES;
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      bytes += lineBytesAtMost(next.text);
      if (bytes > MAX_BATCH_BYTES) break;
      this.#queue.shift();
      batch.push(next);
    }
    return batch;
  }

  async #write(batch: readonly Waiting[]): Promise<boolean> {
    const lost = this.#lostUnrecorded;
    const entries = batch.map(({ text }) => text);
    if (lost > 0) entries.unshift(this.#note("audit.lost", `${lost} entries`));
    try {
      await this.#writer.append(entries);
    } catch (error) {
      this.#failed(error);
      return false;
    }
    this.#lostUnrecorded -= lost;
    this.#options.metrics.auditRecords.add(entries.length, { outcome: "written" });
    this.#options.metrics.auditHealthy.set(1);
    this.#lastError = undefined;
    for (const { written } of batch) written?.resolve();
    return true;
  }

  #failed(error: unknown): void {
    if (error instanceof InvariantViolation) throw error;
    const message = error instanceof Error ? error.message : String(error);
    if (this.#lastError === undefined)
      this.#options.logger.error("the audit log cannot be written", { error });
    this.#lastError = message;
    this.#options.metrics.auditHealthy.set(0);
  }

  #giveUp(batch: readonly Waiting[]): void {
    this.#lose(batch.length, "failed");
    for (const { written } of batch) written?.reject(new AuditUnavailable({ cause: this.#lastError }));
  }

  #lose(count: number, outcome: "failed" | "dropped"): void {
    this.#lost += count;
    this.#lostUnrecorded += count;
    this.#options.metrics.auditRecords.add(count, { outcome });
    // No other entry may come for long.
    if (!this.#closing.signal.aborted) this.#running ??= this.#run();
  }

  /** An entry of the log about itself. */
  #note(operation: string, outcome: string): string {
    return this.#preparer.prepare({ requestId: "", operation, outcome });
  }
}
