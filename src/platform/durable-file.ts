import { DiskError } from "./errors.ts";
import type { Disk } from "./ports.ts";

const MAX_SMALL_FILE_BYTES = 256 * 1024;

/**
 * Makes `bytes` the content of a file that is there or not, in a directory that is there. Durable when it resolves. After a crash on the way, and
 * when it rejects with a `DiskError`, the file is as before or has the new content, whole; beside it `<path>.new` may be left, which the next
 * replacement removes. Who owns the file replaces it once at a time. `path` is absolute.
 */
export async function replaceFile(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const replacement = `${path}.new`;
  // Not written over: what is left there may be longer, or may be read by others than its owner.
  await removeIfPresent(disk, replacement);
  const file = await disk.open(replacement, "create");
  try {
    await file.write(0, [bytes]);
    await file.syncData();
  } finally {
    await file.close();
  }
  await disk.rename(replacement, path);
  await disk.syncDirectory(path.slice(0, path.lastIndexOf("/")) || "/");
}

/**
 * The content of a file that `replaceFile` writes; undefined when there is none. Of one that is longer than 256 KiB only so much: no checksum
 * fits that. Who must never see the content before it, after a power loss, syncs the directory first: a process that was killed may have renamed
 * the file and not have come to that. Rejects with a `DiskError`.
 */
export async function readSmallFile(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  const file = await unlessMissing(disk.open(path, "read"));
  if (file === undefined) return undefined;
  try {
    const bytes = new Uint8Array(Math.min(await file.sizeBytes(), MAX_SMALL_FILE_BYTES));
    return bytes.subarray(0, await file.read(0, bytes));
  } finally {
    await file.close();
  }
}

/** Removes a file; one that does not exist is fine. Durable after `syncDirectory`. Rejects with a `DiskError`. */
export async function removeIfPresent(disk: Disk, path: string): Promise<void> {
  await unlessMissing(disk.remove(path));
}

async function unlessMissing<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof DiskError && error.code === "not-found") return undefined;
    throw error;
  }
}
