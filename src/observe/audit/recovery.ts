import { assert, equalBytes } from "../../base/index.ts";
import type { Disk, Hasher } from "../../platform/index.ts";
import { type AuditFile, listAuditFiles, readLines, readRange } from "./files.ts";
import { CHAIN_START, MAX_BATCH_BYTES, type ParsedLine, parseLine } from "./record.ts";
import { isTornBatch } from "./torn-batch.ts";

/** Where the log goes on after a start. */
export interface AuditTail {
  /** The file to go on writing, up to `position`; undefined: begin a new one. */
  readonly file: AuditFile | undefined;
  readonly position: number;
  readonly nextSequence: number;
  readonly hash: Uint8Array;
  /** Bytes after `position` that no acknowledged record can be among, and that are in the way. */
  readonly strayBytes: number;
  /** Their damage is not what a crash leaves; they stay as they are, and the log goes on in a new file behind all sequences that they show. */
  readonly damagedFiles: readonly AuditFile[];
  /** Files that hold not even a header: a crash while they were begun. */
  readonly emptyFiles: readonly AuditFile[];
}

interface TailOptions {
  readonly disk: Disk;
  readonly directory: string;
  readonly hasher: Hasher;
}

/**
 * Finds the end of the chain. A crash leaves at most one batch that was written and not acknowledged, perhaps in parts. Anything else
 * behind the chain's end is damage, and what is there may have been acknowledged.
 */
export async function findTail(options: TailOptions): Promise<AuditTail> {
  const files = [...(await listAuditFiles(options.disk, options.directory))];
  const damagedFiles: AuditFile[] = [];
  const emptyFiles: AuditFile[] = [];
  let greatestSequence = 0;
  for (let file = files.pop(); file !== undefined; file = files.pop()) {
    const content = await readChain(options.disk, file, options.hasher);
    if (!content.hasLines) {
      emptyFiles.push(file);
      continue;
    }
    const { end } = content;
    const isDamaged = end === undefined || !(await isExplained(options, file, end, content.sizeBytes));
    if (isDamaged) {
      damagedFiles.push(file);
      greatestSequence = Math.max(greatestSequence, content.greatestSequence);
    }
    // Without a header it says nothing of the chain: the file before it does.
    if (end === undefined) continue;
    const { position, nextSequence, hash } = end;
    if (damagedFiles.length > 0) return { ...beginNew(greatestSequence, hash), damagedFiles, emptyFiles };
    return {
      file,
      position,
      nextSequence,
      hash,
      strayBytes: content.sizeBytes - position,
      damagedFiles,
      emptyFiles,
    };
  }
  return { ...beginNew(greatestSequence, CHAIN_START), damagedFiles, emptyFiles };
}

function beginNew(
  greatestSequence: number,
  hash: Uint8Array,
): Omit<AuditTail, "damagedFiles" | "emptyFiles"> {
  return { file: undefined, position: 0, nextSequence: greatestSequence + 1, hash, strayBytes: 0 };
}

async function isExplained(
  { disk }: TailOptions,
  { path }: AuditFile,
  { position }: ChainEnd,
  sizeBytes: number,
): Promise<boolean> {
  assert(position <= sizeBytes, "the chain of an audit file ends within the file");
  if (position === sizeBytes) return true;
  if (sizeBytes - position > MAX_BATCH_BYTES) return false;
  return isTornBatch(await readRange(disk, path, { position, endPosition: sizeBytes }), position);
}

interface ChainEnd {
  readonly position: number;
  readonly nextSequence: number;
  readonly hash: Uint8Array;
}

interface ChainContent {
  readonly sizeBytes: number;
  readonly hasLines: boolean;
  /** Undefined when the file does not begin with a header. */
  readonly end: ChainEnd | undefined;
  /** Of the lines also behind the chain's end, and no less than the file's name says. */
  readonly greatestSequence: number;
}

async function readChain(disk: Disk, file: AuditFile, hasher: Hasher): Promise<ChainContent> {
  let end: ChainEnd | undefined;
  let isIntact = true;
  let hasLines = false;
  let sizeBytes = 0;
  let greatestSequence = file.firstSequence;
  for await (const line of readLines(disk, file.path)) {
    sizeBytes = line.endPosition;
    hasLines ||= line.isComplete;
    const parsed = line.isComplete ? parseLine(line.text) : undefined;
    if (parsed === undefined || !isIntact || !follows(parsed, end, hasher)) isIntact = false;
    else
      end = {
        position: line.endPosition,
        nextSequence: end === undefined ? parsed.sequence : parsed.sequence + 1,
        hash: parsed.hash,
      };
    // A changed digit does not count: each line takes a byte at least.
    if (parsed !== undefined && parsed.sequence <= file.firstSequence + line.endPosition)
      greatestSequence = Math.max(greatestSequence, parsed.sequence);
  }
  assert(end === undefined || !equalBytes(end.hash, CHAIN_START), "a chain's hash is not its start");
  return { sizeBytes, hasLines, end, greatestSequence };
}

/** Whether the line goes on from what ends there, or begins a file. */
function follows(line: ParsedLine, end: ChainEnd | undefined, hasher: Hasher): boolean {
  if (end === undefined) return line.previous !== undefined && line.follows(line.previous, hasher);
  return line.previous === undefined && line.sequence === end.nextSequence && line.follows(end.hash, hasher);
}
