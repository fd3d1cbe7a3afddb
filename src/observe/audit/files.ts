import { concatBytes } from "../../base/index.ts";
import type { Disk } from "../../platform/index.ts";
import { MAX_LINE_BYTES } from "./record.ts";

const READ_BYTES = 1024 * 1024;
const FILE_NAME = /^audit-(\d{16})\.jsonl$/;
const ASIDE_NAME = /^audit-\d{16}\.jsonl\.(?:aside|stray-(\d+))(?:-\d+)?$/;

/** Files are named after the sequence of their first record, so that their names sort as they were written. */
export function auditFileName(sequence: number): string {
  return `audit-${String(sequence).padStart(16, "0")}.jsonl`;
}

export interface AuditFile {
  readonly path: string;
  readonly firstSequence: number;
}

/** Oldest first. */
export async function listAuditFiles(disk: Disk, directory: string): Promise<readonly AuditFile[]> {
  const files: AuditFile[] = [];
  for (const { name, kind } of await disk.list(directory)) {
    const match = FILE_NAME.exec(name);
    if (kind === "file" && match !== null)
      files.push({ path: `${directory}/${name}`, firstSequence: Number(match[1]) });
  }
  return files;
}

/** What a start has put aside, under a name that no other file has. */
export interface AsideFile {
  readonly path: string;
  /** Of what was cut off behind a chain: where that ended in its file. Undefined: a whole file. */
  readonly position: number | undefined;
}

export async function listAsideFiles(disk: Disk, directory: string): Promise<readonly AsideFile[]> {
  const files: AsideFile[] = [];
  for (const { name, kind } of await disk.list(directory)) {
    const match = ASIDE_NAME.exec(name);
    if (kind === "file" && match !== null)
      files.push({
        path: `${directory}/${name}`,
        position: match[1] === undefined ? undefined : Number(match[1]),
      });
  }
  return files;
}

/** A path that no file has: this one, or one with a number behind it. */
export async function freePath(disk: Disk, path: string): Promise<string> {
  let free = path;
  for (let number = 2; await disk.exists(free); number++) free = `${path}-${number}`;
  return free;
}

/** What stands in a file from `position` to its end at `endPosition`. */
export async function readRange(
  disk: Disk,
  path: string,
  range: { readonly position: number; readonly endPosition: number },
): Promise<Uint8Array> {
  const file = await disk.open(path, "read");
  try {
    const bytes = new Uint8Array(range.endPosition - range.position);
    return bytes.subarray(0, await file.read(range.position, bytes));
  } finally {
    await file.close();
  }
}

export interface FileLine {
  /** Without the line feed. */
  readonly text: string;
  /** Where the next line begins. */
  readonly endPosition: number;
  /** False for bytes at the end of the file that no line feed follows. */
  readonly isComplete: boolean;
}

/** The lines of a file in order. A line that is longer than any that is written comes in pieces, none of which parses. */
export async function* readLines(disk: Disk, path: string): AsyncGenerator<FileLine> {
  const file = await disk.open(path, "read");
  try {
    let rest: Uint8Array = new Uint8Array(0);
    let restPosition = 0;
    for (;;) {
      const buffer = new Uint8Array(READ_BYTES);
      const count = await file.read(restPosition + rest.length, buffer);
      const bytes = concatBytes([rest, buffer.subarray(0, count)]);
      let start = 0;
      for (let end = endOfLine(bytes, start); end >= 0; end = endOfLine(bytes, start)) {
        const isComplete = bytes[end] === 0x0a;
        const next = isComplete ? end + 1 : end;
        yield {
          text: decode(bytes.subarray(start, end)),
          endPosition: restPosition + next,
          isComplete: true,
        };
        start = next;
      }
      rest = bytes.subarray(start);
      restPosition += start;
      if (count === 0) break;
    }
    if (rest.length > 0)
      yield { text: decode(rest), endPosition: restPosition + rest.length, isComplete: false };
  } finally {
    await file.close();
  }
}

/** Where the line that begins at `start` ends: at its line feed, or where it has become too long; -1: not in these bytes. */
function endOfLine(bytes: Uint8Array, start: number): number {
  const feed = bytes.indexOf(0x0a, start);
  if (feed >= 0) return feed;
  return bytes.length - start > MAX_LINE_BYTES ? start + MAX_LINE_BYTES : -1;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
