import type { Disk } from "../../ports.ts";
import { recordsOf } from "./log-format.ts";
import { liveLogsFrom } from "./manifest.ts";
import { readAll } from "./whole-file.ts";

/** In front of what a batch changes: the number of its first change (8 bytes) and how many there are (4), little endian. */
const BATCH_HEADER_BYTES = 12;
const LOG_NAME = /^(\d+)\.log$/;

/** A piece of the logs that is not to be read. */
export interface LogCut {
  readonly path: string;
  /** What stays of it, in bytes. */
  readonly keepBytes: number;
}

/**
 * What LevelDB would read behind a hole of its logs, when it opens this directory. It goes on behind records that are not there, and behind a log that has lost its end: it syncs
 * only the log that it writes to at the moment, and closes a full one without a sync, so that a power loss can take batches and leave later ones. A store keeps its batches in order:
 * behind the first that is missing none counts. Nobody may have the store open; nothing is changed. Rejects with a `DiskError`.
 */
export async function cutsOf(disk: Disk, directory: string): Promise<readonly LogCut[]> {
  const from = await liveLogsFrom(disk, directory);
  if (from === undefined) return [];
  const cuts: LogCut[] = [];
  let next: bigint | undefined;
  for (const { number, path } of await logsOf(disk, directory)) {
    if (number < from) continue;
    const log = await readAll(disk, path);
    const whole = cuts.length === 0 ? wholeBatches(log, next) : { endBytes: 0, next };
    if (whole.endBytes < log.length) cuts.push({ path, keepBytes: whole.endBytes });
    next = whole.next;
  }
  return cuts;
}

/** Durable when it resolves. Rejects with a `DiskError`; the rest is found again the next time. */
export async function applyCuts(disk: Disk, cuts: readonly LogCut[]): Promise<void> {
  for (const { path, keepBytes } of cuts) {
    const file = await disk.open(path, "read-write");
    try {
      await file.truncate(keepBytes);
      await file.syncData();
    } finally {
      await file.close();
    }
  }
}

/** The logs of a LevelDB directory, in the order in which they were begun, live ones or not. Rejects with a `DiskError`. */
export async function logsOf(
  disk: Disk,
  directory: string,
): Promise<readonly { readonly number: number; readonly path: string }[]> {
  const entries = await disk.list(directory);
  return entries
    .flatMap(({ name }) => {
      const number = LOG_NAME.exec(name)?.[1];
      return number === undefined ? [] : [{ number: Number(number), path: `${directory}/${name}` }];
    })
    .sort((a, b) => a.number - b.number);
}

/** How far a log has batches without a gap, of which the first has the number `expected`, if that is known; and the number of the next batch. */
function wholeBatches(
  log: Uint8Array,
  expected: bigint | undefined,
): { readonly endBytes: number; readonly next: bigint | undefined } {
  let next = expected;
  let endBytes = 0;
  for (const { end, data } of recordsOf(log)) {
    if (data.length < BATCH_HEADER_BYTES) break;
    const header = new DataView(data.buffer, data.byteOffset, BATCH_HEADER_BYTES);
    const first = header.getBigUint64(0, true);
    if (next !== undefined && first !== next) break;
    next = first + BigInt(header.getUint32(8, true));
    endBytes = end;
  }
  return { endBytes, next };
}
