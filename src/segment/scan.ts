/** Reads what a segment file holds: by its footer when it is sealed, record by record when it is not. Decides nothing and changes nothing. */

import type { DiskFile, Hasher } from "../platform/index.ts";
import { SegmentError } from "./errors.ts";
import { decodeEntries, decodeTrailer, entriesOf, type SegmentEntry, TRAILER_BYTES } from "./footer.ts";
import { type DecodedHeader, decodeHeader, HEADER_BYTES } from "./header.ts";
import {
  claimedHeaderBytes,
  decodeRecord,
  PREFIX_BYTES,
  RECORD_ALIGN_BYTES,
  recordBytes,
  type SegmentRecord,
} from "./record.ts";

/** Bytes read at a time while hopping from header to header: many where records are small, few where most of it would be data. */
const SMALL_HOP_BYTES = 64 * 1024;
const LARGE_HOP_BYTES = 4 * 1024;
/** Bytes read at a time while looking for the next record after a damaged one. */
const SEARCH_BYTES = 1024 * 1024;

export interface Region {
  readonly offset: number;
  readonly lengthBytes: number;
}

export type SegmentContents =
  | {
      readonly kind: "sealed";
      readonly header: DecodedHeader;
      readonly salt: Uint8Array;
      readonly entries: readonly SegmentEntry[];
      readonly footerPosition: number;
    }
  | {
      readonly kind: "unsealed";
      readonly header: DecodedHeader;
      /** Undefined when the header block is damaged and nobody else knows it: then there are no records. */
      readonly salt: Uint8Array | undefined;
      readonly sizeBytes: number;
      /** Records with whole headers; their data has not been looked at. */
      readonly records: readonly ScannedRecord[];
      /** Where a footer lies that is not whole, or has no trailer: everything before it is durable. */
      readonly footerPosition: number | undefined;
    };

export interface ScannedRecord {
  readonly position: number;
  readonly end: number;
  readonly groupStart: number;
  readonly entries: readonly SegmentEntry[];
}

export interface InspectOptions {
  readonly hasher: Hasher;
  /** The salt as the index knows it, for a file whose header block is damaged. */
  readonly knownSalt?: Uint8Array | undefined;
}

/** Rejects with `DiskError`, or with SegmentError "unknown-version" when any part was written by a newer version. */
export async function inspectSegment(file: DiskFile, options: InspectOptions): Promise<SegmentContents> {
  const { hasher } = options;
  const sizeBytes = await file.sizeBytes();
  const header = decodeHeader(hasher, await readUpTo(file, 0, HEADER_BYTES));
  if (header.kind === "unknown-version") {
    throw new SegmentError("unknown-version", `${file.path} has version ${header.version}`);
  }
  const trailer = decodeTrailer(
    hasher,
    await readUpTo(file, Math.max(0, sizeBytes - TRAILER_BYTES), TRAILER_BYTES),
  );
  if (trailer !== undefined && trailer.footerPosition < sizeBytes) {
    const { footerPosition, salt } = trailer;
    const entries = await readFooter(file, { hasher, salt, footerPosition, sizeBytes });
    if (entries !== undefined) return { kind: "sealed", header, salt, entries, footerPosition };
    const { records } = await scanRecords(file, { hasher, salt, end: footerPosition });
    return { kind: "unsealed", header, salt, sizeBytes, records, footerPosition };
  }
  const salt = header.kind === "header" ? header.header.salt : options.knownSalt;
  const nothing = { records: [], footerPosition: undefined };
  const scanned = salt === undefined ? nothing : await scanRecords(file, { hasher, salt, end: sizeBytes });
  return { kind: "unsealed", header, salt, sizeBytes, ...scanned };
}

/** All records of a segment that has been sealed, in order; undefined when some of them cannot be told. */
export function allEntries(contents: SegmentContents): readonly SegmentEntry[] | undefined {
  if (contents.kind === "sealed") return contents.entries;
  const { records, footerPosition } = contents;
  const isComplete = footerPosition !== undefined && gaps(records, footerPosition).length === 0;
  return isComplete ? records.flatMap((record) => record.entries) : undefined;
}

/** The regions between records, from the first possible record to `end`. */
export function gaps(records: readonly ScannedRecord[], end: number): Region[] {
  const found: Region[] = [];
  let position = HEADER_BYTES;
  for (const record of [...records, { position: end, end }]) {
    if (record.position > position) found.push({ offset: position, lengthBytes: record.position - position });
    position = Math.max(position, record.end);
  }
  return found;
}

async function readFooter(
  file: DiskFile,
  where: { hasher: Hasher; salt: Uint8Array; footerPosition: number; sizeBytes: number },
): Promise<SegmentEntry[] | undefined> {
  const { hasher, salt, footerPosition, sizeBytes } = where;
  const bytes = await readUpTo(file, footerPosition, sizeBytes - TRAILER_BYTES - footerPosition);
  const record = decodeRecord(hasher, bytes, salt, footerPosition);
  if (record?.kind !== "footer" || recordBytes(record) !== bytes.length) return undefined;
  return decodeEntries(record.list, footerPosition);
}

/**
 * All records with whole headers before a footer that end at or before `end`. Where there is none, the next is looked for at every multiple of 8: the salt
 * and the position in each record make it sure that what is found is one.
 */
export async function scanRecords(
  file: DiskFile,
  where: { readonly hasher: Hasher; readonly salt: Uint8Array; readonly end: number },
): Promise<{ readonly records: ScannedRecord[]; readonly footerPosition: number | undefined }> {
  const { end } = where;
  const window = new Window(file, end);
  const records: ScannedRecord[] = [];
  let position = HEADER_BYTES;
  let readBytes = SMALL_HOP_BYTES;
  while (position + PREFIX_BYTES <= end) {
    const record = await recordAt(window, position, where, readBytes);
    const next = record === undefined ? position + RECORD_ALIGN_BYTES : position + recordBytes(record);
    if (record === undefined || next > end) {
      readBytes = SEARCH_BYTES;
      position += RECORD_ALIGN_BYTES;
      // In the window nothing has to wait: hop over what cannot be a record's begin.
      while (position + PREFIX_BYTES <= end && window.cannotBegin(position, where.salt))
        position += RECORD_ALIGN_BYTES;
      continue;
    }
    if (record.kind === "footer") return { records, footerPosition: position };
    const { groupStart } = record;
    records.push({ position, end: next, groupStart, entries: entriesOf(record) });
    readBytes = next - position > SMALL_HOP_BYTES / 2 ? LARGE_HOP_BYTES : SMALL_HOP_BYTES;
    position = next;
  }
  return { records, footerPosition: undefined };
}

async function recordAt(
  window: Window,
  position: number,
  where: { readonly hasher: Hasher; readonly salt: Uint8Array },
  readBytes: number,
): Promise<SegmentRecord | undefined> {
  const prefix = await window.at(position, PREFIX_BYTES, readBytes);
  const length = claimedHeaderBytes(prefix, where.salt, position);
  if (length === undefined) return undefined;
  const record = decodeRecord(where.hasher, await window.at(position, length, length), where.salt, position);
  if (record?.kind === "unsupported") {
    throw new SegmentError(
      "unknown-version",
      `${window.path} has a record with unknown flags at ${position}`,
    );
  }
  return record;
}

/** A sliding window over a file. */
class Window {
  readonly #file: DiskFile;
  readonly #end: number;
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(file: DiskFile, end: number) {
    this.#file = file;
    this.#end = end;
  }

  get path(): string {
    return this.#file.path;
  }

  /** Bytes from `position` on, at least `length` of them unless the end comes first. Reads `readBytes` when they are not at hand. */
  async at(position: number, length: number, readBytes: number): Promise<Uint8Array> {
    const offset = position - this.#start;
    const wanted = Math.min(length, this.#end - position);
    if (offset < 0 || offset + wanted > this.#bytes.length) {
      const count = Math.min(Math.max(length, readBytes), this.#end - position);
      this.#bytes = await readUpTo(this.#file, position, count);
      this.#start = position;
      return this.#bytes;
    }
    return this.#bytes.subarray(offset);
  }

  /** True when the bytes at hand show that no record begins at `position`; false when that is not known. */
  cannotBegin(position: number, salt: Uint8Array): boolean {
    const offset = position - this.#start;
    if (offset < 0 || offset + PREFIX_BYTES > this.#bytes.length) return false;
    if (this.#bytes[offset + 8] !== salt[0] || this.#bytes[offset + 9] !== salt[1]) return true;
    return claimedHeaderBytes(this.#bytes.subarray(offset), salt, position) === undefined;
  }
}

/** Fewer bytes only at the end of the file. */
export async function readUpTo(file: DiskFile, position: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  const count = await file.read(position, bytes);
  return count === length ? bytes : bytes.subarray(0, count);
}
