/**
 * How the audit log is written down. One JSON object a line; the last field of each is the BLAKE3, in hexadecimal, of the hash before it and of
 * the line's own text up to that field:
 *
 *   {"sequence":7,"time":"2026-...Z",...,"outcome":"ok","hash":"<64 digits>"}\n
 *   `------------------- body -------------------'
 *   hash = BLAKE3(previous hash, 32 bytes | body, UTF-8)
 *
 * The sequence is the order in which entries were written. The time is that of the entry's making: entries of several threads come a little out of the order
 * of their times, and those that waited for a disk that failed have the times of what they tell.
 *
 * The first line of each file is a header that names the sequence and the hash with which the file goes on, so that the chain is kept across files, and
 * can be checked from any file on after older ones have been removed:
 *
 *   {"format":"skerry-audit/1","sequence":7,"previous":"<64 digits>","time":"...","hash":"<64 digits>"}\n
 */

import { fromHex, toHex } from "../../base/index.ts";
import type { Clock, Hasher } from "../../platform/index.ts";

const TEXT_ENCODER = new TextEncoder();

export const AUDIT_FORMAT = "skerry-audit/1";
/** The hash before the first record. */
export const CHAIN_START = new Uint8Array(32);
/** Longer values are cut: a line has a limit. */
const MAX_FIELD_LENGTH = 1024;
/** No line is longer; a reader need not look further for its end. */
export const MAX_LINE_BYTES = 128 * 1024;
/** Bytes of the lines that are written and synced together. */
export const MAX_BATCH_BYTES = 1024 * 1024;
/** At least what sequence and hash take of a line. */
const PLACE_BYTES = 512;
const MAX_PREPARED_BYTES = MAX_LINE_BYTES - PLACE_BYTES;

/** Something that somebody did or tried to do. Secrets have no place in it. */
export interface AuditEntry {
  readonly requestId: string;
  /** First 8 characters of the key id's fingerprint; undefined: anonymous, or the node itself. */
  readonly keyFingerprint?: string;
  readonly role?: string;
  readonly organization?: string;
  readonly project?: string;
  readonly namespace?: string;
  readonly bucket?: string;
  readonly key?: string;
  readonly operation: string;
  /** "ok" or the code of the refusal. */
  readonly outcome: string;
  readonly sourceAddress?: string;
}

/** The text of a file's first line before its hash. */
export function headerBody(sequence: number, previous: Uint8Array, time: string): string {
  return `{"format":"${AUDIT_FORMAT}","sequence":${sequence},"previous":"${toHex(previous)}","time":"${time}"`;
}

/** Prepares entries as they come, with the time at which they do. */
export class EntryPreparer {
  readonly #clock: Clock;
  #timeMs = Number.NaN;
  /** Many entries have the same. */
  #time = "";

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  prepare(entry: AuditEntry): string {
    const timeMs = this.#clock.wallMs();
    if (timeMs !== this.#timeMs) {
      this.#timeMs = timeMs;
      this.#time = new Date(timeMs).toISOString();
    }
    return prepareEntry(entry, this.#time);
  }
}

/**
 * What an entry says of itself, without what is undefined: `,"time":"...","requestId":"...",...`. It is made where and when the entry is, perhaps on another
 * thread; where it stands in the chain is added when it is written, which a failing disk may put off. No line feed is in it, and it is never too long for a
 * line.
 */
export function prepareEntry(entry: AuditEntry, time: string): string {
  return (
    field("time", time) +
    field("requestId", entry.requestId) +
    field("keyFingerprint", entry.keyFingerprint) +
    field("role", entry.role) +
    field("organization", entry.organization) +
    field("project", entry.project) +
    field("namespace", entry.namespace) +
    field("bucket", entry.bucket) +
    field("key", entry.key) +
    field("operation", entry.operation) +
    field("outcome", entry.outcome) +
    field("sourceAddress", entry.sourceAddress)
  );
}

/** Whether a text that another thread has prepared is fit for a line. */
export function isPrepared(text: string): boolean {
  if (!text.startsWith(',"time":"') || text.includes("\n")) return false;
  return (
    preparedBytesAtMost(text) <= MAX_PREPARED_BYTES || TEXT_ENCODER.encode(text).length <= MAX_PREPARED_BYTES
  );
}

/** The text of an entry's line before its hash: `{"sequence":7,...`. */
export function entryBody(prepared: string, sequence: number): string {
  return `{"sequence":${sequence}${prepared}`;
}

/** Printable ASCII but quotes and backslashes: JSON has it as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** What `JSON.stringify` makes of it, for most values without asking it: there is a line for every request. */
function field(name: string, value: string | undefined): string {
  if (value === undefined) return "";
  const shown = value.length <= MAX_FIELD_LENGTH ? value : `${value.slice(0, MAX_FIELD_LENGTH)}...`;
  return `,"${name}":${PLAIN.test(shown) ? `"${shown}"` : JSON.stringify(shown)}`;
}

/** UTF-8 takes up to three bytes for each unit of a string. */
function preparedBytesAtMost(text: string): number {
  return 3 * text.length;
}

/** At least as many bytes as the prepared entry's line has. */
export function lineBytesAtMost(prepared: string): number {
  return preparedBytesAtMost(prepared) + PLACE_BYTES;
}

function chainHash(previous: Uint8Array, body: string, hasher: Hasher): Uint8Array {
  const bytes = new Uint8Array(previous.length + 3 * body.length);
  bytes.set(previous);
  const { written } = TEXT_ENCODER.encodeInto(body, bytes.subarray(previous.length));
  return hasher.blake3(bytes.subarray(0, previous.length + written));
}

/** A line as it was read. */
export interface ParsedLine {
  readonly sequence: number;
  /** Of a header: the hash that it goes on from. */
  readonly previous: Uint8Array | undefined;
  readonly hash: Uint8Array;
  /** Whether the line's hash is right after `previous`. */
  follows(previous: Uint8Array, hasher: Hasher): boolean;
}

/** A line without its line feed; undefined when it is not one that this format has. */
export function parseLine(line: string): ParsedLine | undefined {
  const end = /,"hash":"([0-9a-f]{64})"\}$/.exec(line);
  const hash = end?.[1] === undefined ? undefined : fromHex(end[1]);
  if (end === null || hash === undefined) return undefined;
  const fields = parseFields(line);
  if (fields === undefined || !Number.isSafeInteger(fields.sequence)) return undefined;
  if (fields.format !== undefined && (fields.format !== AUDIT_FORMAT || typeof fields.previous !== "string"))
    return undefined;
  const previous = fields.format === undefined ? undefined : fromHex(String(fields.previous));
  const body = line.slice(0, end.index);
  return {
    sequence: fields.sequence as number,
    previous,
    hash,
    follows: (before, hasher) => toHex(chainHash(before, body, hasher)) === end[1],
  };
}

function parseFields(line: string): { format?: unknown; sequence?: unknown; previous?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    // Not JSON: not a line of this format.
    return undefined;
  }
}
