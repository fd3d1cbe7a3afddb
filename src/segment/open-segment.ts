import { assert } from "../base/index.ts";
import { type Clock, type Disk, DiskError, type Hasher, type Random } from "../platform/index.ts";
import { ignoreDiskError } from "./errors.ts";
import { segmentsDirectory } from "./file-names.ts";
import { encodeEntries, encodeTrailer, type SegmentEntry, TRAILER_BYTES } from "./footer.ts";
import { encodeHeader, HEADER_BYTES, SALT_BYTES, type SegmentIdentity } from "./header.ts";
import { encodeRecord, footerRecordBytes, MAX_SEGMENT_RECORDS } from "./record.ts";
import type { HeldFile, SegmentFiles } from "./segment-files.ts";

export interface SegmentPlace {
  readonly disk: Disk;
  readonly files: SegmentFiles;
  readonly directory: string;
  readonly identity: SegmentIdentity;
  readonly hasher: Hasher;
  readonly random: Random;
  readonly clock: Clock;
}

/** What recovery found of a segment that can be appended to. */
export interface Resumable {
  readonly segmentId: number;
  readonly salt: Uint8Array;
  readonly position: number;
  readonly entries: SegmentEntry[];
}

/**
 * The segment that is being appended to. Calls must not overlap.
 *
 * Invariant: everything before `position` is durable; what lies behind it counts for nothing.
 */
export class OpenSegment {
  readonly segmentId: number;
  readonly salt: Uint8Array;
  /** Of all records so far, for the footer. */
  readonly entries: SegmentEntry[];
  readonly #place: SegmentPlace;
  readonly #held: HeldFile;
  #position: number;
  #usable = true;

  private constructor(place: SegmentPlace, held: HeldFile, from: Resumable) {
    this.segmentId = from.segmentId;
    this.salt = from.salt;
    this.entries = from.entries;
    this.#place = place;
    this.#held = held;
    this.#position = from.position;
  }

  /** A new file, durable with its directory entry before this resolves. Rejects with `DiskError`. */
  static async create(place: SegmentPlace, segmentId: number): Promise<OpenSegment> {
    const { files, disk, directory, hasher, identity } = place;
    const salt = place.random.bytes(SALT_BYTES);
    const createdMs = Math.max(0, Math.floor(place.clock.wallMs()));
    const held = await files.hold(segmentId, "create");
    try {
      await held.file.write(0, [encodeHeader(hasher, { segmentId, salt, createdMs, identity })]);
      await held.file.syncData();
      await disk.syncDirectory(segmentsDirectory(directory));
    } catch (error) {
      held.release();
      files.forget(segmentId);
      // Best effort: recovery removes a segment without a header.
      await disk.remove(held.file.path).catch(ignoreDiskError);
      throw error;
    }
    return new OpenSegment(place, held, { segmentId, salt, position: HEADER_BYTES, entries: [] });
  }

  static async resume(place: SegmentPlace, from: Resumable): Promise<OpenSegment> {
    return new OpenSegment(place, await place.files.hold(from.segmentId, "read-write"), from);
  }

  get position(): number {
    return this.#position;
  }

  /** False after a failure that leaves open what the file holds behind `position`. */
  get usable(): boolean {
    return this.#usable;
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  /** Whether so much more fits, with the footer that it makes necessary. */
  fits(bytes: number, entries: number, segmentBytes: number): boolean {
    const count = this.entries.length + entries;
    const end = this.#position + bytes + footerRecordBytes(count) + TRAILER_BYTES;
    return count <= MAX_SEGMENT_RECORDS && end <= segmentBytes;
  }

  /** Resolves when the parts are durable behind `position`. Rejects with `DiskError`; then none of them counts. */
  async append(parts: readonly Uint8Array[]): Promise<void> {
    assert(this.#usable, "a segment is not appended to after a failure");
    try {
      await this.#held.file.write(this.#position, parts);
    } catch (error) {
      await this.#takeBack(isNoSpace(error));
      throw error;
    }
    try {
      await this.#held.file.syncData();
    } catch (error) {
      // The kernel may have marked pages clean that never reached the disk: a later sync would prove nothing about them.
      await this.#takeBack(false);
      throw error;
    }
  }

  /** Takes in what has been appended, in the same turn in which the index does: a checkpoint sees both or neither. */
  advance(bytes: number, entries: readonly SegmentEntry[]): void {
    this.#position += bytes;
    for (const entry of entries) this.entries.push(entry);
  }

  /** Writes the footer. Rejects with `DiskError`. */
  async seal(): Promise<void> {
    const { hasher } = this.#place;
    const position = this.#position;
    const list = encodeEntries(this.entries);
    const footer = encodeRecord(hasher, this.salt, { kind: "footer", position, groupStart: position, list });
    await this.append([footer, encodeTrailer(hasher, this.salt, position)]);
    this.advance(footer.length + TRAILER_BYTES, []);
  }

  release(): void {
    this.#held.release();
  }

  async #takeBack(mayGoOn: boolean): Promise<void> {
    this.#usable = false;
    try {
      await this.#held.file.truncate(this.#position);
      this.#usable = mayGoOn;
    } catch (error) {
      ignoreDiskError(error);
    }
  }
}

function isNoSpace(error: unknown): boolean {
  return error instanceof DiskError && error.code === "no-space";
}
