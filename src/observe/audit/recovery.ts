import { assert, equalBytes } from "../../base/index.ts";
import type { Disk, Hasher } from "../../platform/index.ts";
import { type AuditFile, listAuditFiles, readLines } from "./files.ts";
import { CHAIN_START, parseLine } from "./record.ts";

/** Where the log goes on after a start. */
export interface AuditTail {
  /** The file to go on writing, up to `position`; undefined: begin a new one. */
  readonly file: AuditFile | undefined;
  readonly position: number;
  readonly nextSequence: number;
  readonly hash: Uint8Array;
  /** Bytes after `position` that no acknowledged record can be among, and that are in the way. */
  readonly strayBytes: number;
  /** There is damage that a crash does not explain; it stays where it is. */
  readonly isDamaged: boolean;
  /** Files that hold not even a header: a crash while they were begun. */
  readonly emptyFiles: readonly AuditFile[];
}

const FRESH: Omit<AuditTail, "emptyFiles"> = {
  file: undefined,
  position: 0,
  nextSequence: 1,
  hash: CHAIN_START,
  strayBytes: 0,
  isDamaged: false,
};

/**
 * Finds the end of the chain. A crash leaves at most one batch, of `maxBatchBytes`, that was written and not acknowledged: what does not follow the
 * chain within that distance of the end is such a batch. Anything else is damage.
 */
export async function findTail(options: {
  readonly disk: Disk;
  readonly directory: string;
  readonly hasher: Hasher;
  readonly maxBatchBytes: number;
}): Promise<AuditTail> {
  const files = [...(await listAuditFiles(options.disk, options.directory))];
  const emptyFiles: AuditFile[] = [];
  for (let file = files.pop(); file !== undefined; file = files.pop()) {
    const end = await followChain(options.disk, file, options.hasher);
    if (end === undefined) {
      emptyFiles.push(file);
      continue;
    }
    const strayBytes = end.sizeBytes - end.position;
    assert(strayBytes >= 0, "the chain of an audit file ends within the file");
    const isDamaged = strayBytes > options.maxBatchBytes;
    return {
      ...end,
      file: isDamaged ? undefined : file,
      strayBytes: isDamaged ? 0 : strayBytes,
      isDamaged,
      emptyFiles,
    };
  }
  return { ...FRESH, emptyFiles };
}

interface ChainEnd {
  readonly position: number;
  readonly sizeBytes: number;
  readonly nextSequence: number;
  readonly hash: Uint8Array;
}

/** Undefined when the file does not begin with a header. */
async function followChain(disk: Disk, file: AuditFile, hasher: Hasher): Promise<ChainEnd | undefined> {
  let end: { position: number; nextSequence: number; hash: Uint8Array } | undefined;
  let isIntact = true;
  let sizeBytes = 0;
  for await (const line of readLines(disk, file.path)) {
    sizeBytes = line.endPosition;
    const parsed = line.isComplete && isIntact ? parseLine(line.text) : undefined;
    const isHeader = end === undefined;
    const previous = end?.hash ?? parsed?.previous;
    const follows: boolean =
      parsed !== undefined &&
      previous !== undefined &&
      (parsed.previous !== undefined) === isHeader &&
      parsed.follows(previous, hasher) &&
      (end === undefined || parsed.sequence === end.nextSequence);
    if (parsed === undefined || !follows) isIntact = false;
    else
      end = {
        position: line.endPosition,
        nextSequence: isHeader ? parsed.sequence : parsed.sequence + 1,
        hash: parsed.hash,
      };
  }
  assert(end === undefined || !equalBytes(end.hash, CHAIN_START), "a chain's hash is not its start");
  return end && { ...end, sizeBytes };
}
