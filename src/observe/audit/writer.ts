import { assert, toHex } from "../../base/index.ts";
import {
  type Clock,
  type Disk,
  type DiskFile,
  type Hasher,
  makeDurableDirectory,
} from "../../platform/index.ts";
import { auditFileName, freePath, listAuditFiles } from "./files.ts";
import { AuditLines } from "./lines.ts";
import { MAX_BATCH_BYTES } from "./record.ts";
import { type AuditTail, findTail } from "./recovery.ts";

export interface AuditWriterOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly hasher: Hasher;
  readonly clock: Clock;
  /** A file that would become larger is followed by a new one. */
  readonly maxFileBytes: number;
  /** The oldest files beyond this many are removed. */
  readonly maxFiles: number;
}

/** The files of the audit log and the chain through them. One call at a time. */
export class AuditWriter {
  readonly #options: AuditWriterOptions;
  readonly #lines: AuditLines;
  #file: DiskFile | undefined;
  /** Of the file. */
  #firstSequence: number;
  /** Everything before it is durable; what is after it is not acknowledged. */
  #position: number;
  #nextSequence: number;
  #hash: Uint8Array;
  /** A write failed: there may be a part of it behind #position. */
  #isDirty = false;
  /** The present file has its name, and a crash may take it away. */
  #isNameUnsynced = false;

  private constructor(options: AuditWriterOptions, tail: AuditTail) {
    this.#options = options;
    this.#lines = new AuditLines(options.hasher);
    this.#firstSequence = tail.file?.firstSequence ?? tail.nextSequence;
    this.#position = tail.position;
    this.#nextSequence = tail.nextSequence;
    this.#hash = tail.hash;
  }

  /** Goes on where the log ends. Rejects with DiskError. */
  static async open(
    options: AuditWriterOptions,
  ): Promise<{ readonly writer: AuditWriter; readonly tail: AuditTail }> {
    const { disk, directory } = options;
    await makeDurableDirectory(disk, directory);
    const tail = await findTail(options);
    for (const { path } of tail.emptyFiles) await disk.rename(path, await freePath(disk, `${path}.aside`));
    const writer = new AuditWriter(options, tail);
    if (tail.file === undefined) await writer.#rotate();
    else {
      writer.#file = await disk.open(tail.file.path, "read-write");
      if (tail.strayBytes > 0) await writer.#setAside(writer.#file, tail.strayBytes);
    }
    return { writer, tail };
  }

  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Of the last durable line, in hexadecimal. */
  get headHash(): string {
    return toHex(this.#hash);
  }

  /** Appends the prepared entries, together at most MAX_BATCH_BYTES, and resolves when they are durable. Rejects with DiskError: none of them counts. */
  async append(entries: readonly string[]): Promise<void> {
    this.#chain(entries);
    const isTooLarge = this.#position + this.#lines.bytes.length > this.#options.maxFileBytes;
    // Another file would have the name of one that has no records yet.
    if (isTooLarge && this.#nextSequence > this.#firstSequence) {
      await this.#rotate();
      this.#chain(entries);
    }
    const { bytes, hash } = this.#lines;
    assert(bytes.length <= MAX_BATCH_BYTES, "a batch of audit entries is within its limit");
    const file = this.#file;
    assert(file !== undefined, "the audit log has a file to write to");
    if (this.#isNameUnsynced) await this.#syncName();
    if (this.#isDirty) await file.truncate(this.#position);
    this.#isDirty = true;
    await file.write(this.#position, [bytes]);
    await file.syncData();
    this.#isDirty = false;
    this.#position += bytes.length;
    this.#nextSequence += entries.length;
    this.#hash = hash;
  }

  async close(): Promise<void> {
    const file = this.#file;
    if (file === undefined) return;
    // If this fails too, the next start sets aside what is left.
    if (this.#isDirty) await file.truncate(this.#position).catch(() => undefined);
    await file.close();
  }

  #chain(entries: readonly string[]): void {
    this.#lines.begin(this.#hash);
    let sequence = this.#nextSequence;
    for (const entry of entries) this.#lines.add(entry, sequence++);
  }

  /** Begins the next file. When that fails, the present one stays, and the next append tries again. */
  async #rotate(): Promise<void> {
    const { disk, directory, clock } = this.#options;
    const before = this.#file;
    if (before !== undefined && this.#isDirty) {
      // Nothing may be left behind the chain in a file that is not the last.
      await before.truncate(this.#position);
      await before.syncData();
      this.#isDirty = false;
    }
    const path = `${directory}/${auditFileName(this.#nextSequence)}`;
    // A rename that failed was carried out all the same: a header is all that it holds.
    if (await disk.exists(path)) await disk.rename(path, await freePath(disk, `${path}.aside`));
    this.#lines.begin(this.#hash);
    this.#lines.addHeader(this.#nextSequence, clock.wallMs());
    const { bytes, hash } = this.#lines;
    this.#file = await this.#begin(path, bytes);
    this.#firstSequence = this.#nextSequence;
    this.#position = bytes.length;
    this.#hash = hash;
    this.#isNameUnsynced = true;
    await before?.close();
    await this.#syncName();
    await this.#prune();
  }

  /** A file gets its name when its first bytes are durable, so that there are no files without a header. */
  async #begin(path: string, bytes: Uint8Array): Promise<DiskFile> {
    const { disk } = this.#options;
    const unfinished = `${path}.new`;
    if (await disk.exists(unfinished)) await disk.remove(unfinished);
    const file = await disk.open(unfinished, "create");
    try {
      await file.write(0, [bytes]);
      await file.syncData();
      await disk.rename(unfinished, path);
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }

  async #syncName(): Promise<void> {
    await this.#options.disk.syncDirectory(this.#options.directory);
    this.#isNameUnsynced = false;
  }

  async #prune(): Promise<void> {
    const { disk, directory, maxFiles } = this.#options;
    const files = await listAuditFiles(disk, directory);
    for (const { path } of files.slice(0, Math.max(0, files.length - maxFiles))) await disk.remove(path);
  }

  /** Keeps what a crash left behind the chain's end in a file of its own, and cuts it off. */
  async #setAside(file: DiskFile, sizeBytes: number): Promise<void> {
    const { disk, directory } = this.#options;
    const stray = new Uint8Array(sizeBytes);
    await file.read(this.#position, stray);
    const path = await freePath(disk, `${file.path}.stray-${this.#position}`);
    const aside = await this.#begin(path, stray);
    await aside.close();
    await disk.syncDirectory(directory);
    await file.truncate(this.#position);
    await file.syncData();
  }
}
