import { equalBytes, toHex } from "../../base/index.ts";
import type { Disk, Hasher } from "../../platform/index.ts";
import {
  type AsideFile,
  type AuditFile,
  type FileLine,
  listAsideFiles,
  listAuditFiles,
  readLines,
  readRange,
} from "./files.ts";
import { CHAIN_START, MAX_BATCH_BYTES, type ParsedLine, parseLine } from "./record.ts";
import { isTornBatch } from "./torn-batch.ts";

export type AuditProblemKind =
  /** The line is not one that the log writes. */
  | "malformed"
  /** The line's hash does not follow from the line before it: it, or something before it, was changed, put in or taken out. */
  | "chain-broken"
  /** The hashes follow, and the numbering does not. */
  | "sequence-gap"
  /** The file does not begin with a header, or does not go on where the file before it ended. */
  | "header"
  /** The last line of the last file has no end: a crash while it was written. Nothing that was acknowledged is lost. */
  | "torn-tail"
  /** Records that were put aside, and are not what a crash leaves: they may have been acknowledged, and are not in the chain. The line is the first of them. */
  | "set-aside";

export interface AuditProblem {
  readonly kind: AuditProblemKind;
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
}

export interface AuditReport {
  readonly files: number;
  readonly records: number;
  /** Undefined when there are no records. */
  readonly firstSequence: number | undefined;
  readonly lastSequence: number | undefined;
  /**
   * Of the last line, in hexadecimal. Whoever can write the files can also make a new chain: keep this elsewhere from time to time and compare.
   */
  readonly headHash: string;
  /** Older files have been removed, so that the chain does not begin at its start. */
  readonly isPruned: boolean;
  /** The first few; after a break the check goes on from what the next line says. */
  readonly problems: readonly AuditProblem[];
}

const MAX_PROBLEMS = 100;

/** Reads the whole audit log and checks its chain. Rejects with DiskError when it cannot be read. */
export async function verifyAuditLog(options: {
  readonly disk: Disk;
  readonly directory: string;
  readonly hasher: Hasher;
}): Promise<AuditReport> {
  const files = await listAuditFiles(options.disk, options.directory);
  const check = new ChainCheck(options.hasher);
  for (const [index, file] of files.entries()) {
    await check.file(file, readLines(options.disk, file.path), index === files.length - 1);
  }
  for (const file of await listAsideFiles(options.disk, options.directory)) {
    const line = await firstLostRecord(options.disk, file);
    if (line !== undefined) check.add({ kind: "set-aside", path: file.path, line });
  }
  return check.report(files.length);
}

/** The line of the first record in a file that was put aside; undefined when none is in it, or only those of a batch that a crash tore. */
async function firstLostRecord(disk: Disk, { path, position }: AsideFile): Promise<number | undefined> {
  let number = 0;
  let first: number | undefined;
  let endPosition = 0;
  for await (const line of readLines(disk, path)) {
    number++;
    endPosition = line.endPosition;
    const parsed = line.isComplete ? parseLine(line.text) : undefined;
    if (parsed !== undefined && parsed.previous === undefined) first ??= number;
  }
  if (endPosition === 0 || position === undefined || endPosition > MAX_BATCH_BYTES) return first;
  const isTorn = isTornBatch(await readRange(disk, path, { position: 0, endPosition }), position);
  return isTorn ? undefined : (first ?? 1);
}

class ChainCheck {
  readonly #hasher: Hasher;
  readonly #problems: AuditProblem[] = [];
  #records = 0;
  #firstSequence: number | undefined;
  #lastSequence: number | undefined;
  /** What the next line has to go on from; undefined at the start. */
  #hash: Uint8Array | undefined;
  #nextSequence: number | undefined;
  #isPruned = false;

  constructor(hasher: Hasher) {
    this.#hasher = hasher;
  }

  async file(file: AuditFile, lines: AsyncIterable<FileLine>, isLastFile: boolean): Promise<void> {
    let number = 0;
    for await (const line of lines) {
      number++;
      const report = (kind: AuditProblemKind): void => this.add({ kind, path: file.path, line: number });
      const parsed = line.isComplete ? parseLine(line.text) : undefined;
      if (!line.isComplete && isLastFile) report("torn-tail");
      else if (parsed === undefined) report("malformed");
      else if (number === 1) this.#header(parsed, report);
      else this.#record(parsed, report);
    }
    // A file that a crash left before its header was written says nothing.
    if (number === 0 && !isLastFile) this.add({ kind: "header", path: file.path, line: 1 });
  }

  report(files: number): AuditReport {
    return {
      files,
      records: this.#records,
      firstSequence: this.#firstSequence,
      lastSequence: this.#lastSequence,
      headHash: toHex(this.#hash ?? CHAIN_START),
      isPruned: this.#isPruned,
      problems: this.#problems,
    };
  }

  add(problem: AuditProblem): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }

  #header(line: ParsedLine, report: (kind: AuditProblemKind) => void): void {
    const { previous } = line;
    if (previous === undefined) {
      report("header");
      this.#record(line, report);
      return;
    }
    if (this.#hash === undefined) this.#isPruned = !equalBytes(previous, CHAIN_START);
    else if (!equalBytes(previous, this.#hash) || line.sequence !== this.#nextSequence) report("header");
    if (!line.follows(previous, this.#hasher)) report("chain-broken");
    this.#hash = line.hash;
    this.#nextSequence = line.sequence;
  }

  #record(line: ParsedLine, report: (kind: AuditProblemKind) => void): void {
    if (line.previous !== undefined) report("malformed");
    if (this.#hash !== undefined && !line.follows(this.#hash, this.#hasher)) report("chain-broken");
    else if (this.#nextSequence !== undefined && line.sequence !== this.#nextSequence) report("sequence-gap");
    this.#hash = line.hash;
    this.#nextSequence = line.sequence + 1;
    this.#records++;
    this.#firstSequence ??= line.sequence;
    this.#lastSequence = line.sequence;
  }
}
