import { type Disk, readSmallFile, removeIfPresent, replaceFile } from "../../platform/index.ts";

/** Holds how often Raft was started on the log, in decimal digits and a line feed. */
const COUNT_FILE = "starts";

/** 0 for none, and for what is not a count: such a log is not the one that its node speaks of. `directory`: of the log. Rejects with a DiskError. */
export async function readStartCount(disk: Disk, directory: string): Promise<number> {
  const bytes = await readSmallFile(disk, `${directory}/${COUNT_FILE}`);
  const text = new TextDecoder().decode(bytes);
  return /^[1-9][0-9]{0,14}\n$/.test(text) ? Number(text) : 0;
}

/** Durable when it resolves; a crash on the way leaves the old count or the new one. Rejects with a DiskError. */
export async function writeStartCount(disk: Disk, directory: string, count: number): Promise<void> {
  await replaceFile(disk, `${directory}/${COUNT_FILE}`, new TextEncoder().encode(`${count}\n`));
}

/** From now on the log counts as one that was never started. Durable when it resolves. Rejects with a DiskError. */
export async function forgetStartCount(disk: Disk, directory: string): Promise<void> {
  await removeIfPresent(disk, `${directory}/${COUNT_FILE}`);
  await disk.syncDirectory(directory);
}
