/**
 * The file that says which store is the live one. One line:
 *
 *   "skerry-state 1 " | generation, decimal | " " | CRC32C of what stands before that space, 8 hexadecimal digits | "\n"
 *
 * It is replaced as a whole: written beside, synced, renamed over, and the directory synced.
 */

import { type Disk, DiskError, type Hasher } from "../../platform/index.ts";
import { StateStoreError } from "../errors.ts";

const NAME = "CURRENT";
const TEMPORARY_NAME = "CURRENT.tmp";
/** No line is longer. */
const MAX_BYTES = 256;

/** The generation of the live store; undefined when there is no file. Throws StateStoreError "damaged". */
export async function readCurrent(
  disk: Disk,
  hasher: Hasher,
  directory: string,
): Promise<number | undefined> {
  const path = `${directory}/${NAME}`;
  if (!(await disk.exists(path))) return undefined;
  const file = await disk.open(path, "read");
  try {
    const bytes = new Uint8Array(MAX_BYTES);
    const length = await file.read(0, bytes);
    return parse(new TextDecoder().decode(bytes.subarray(0, length)), hasher);
  } finally {
    await file.close();
  }
}

function parse(line: string, hasher: Hasher): number {
  const match = /^(skerry-state 1 ([1-9][0-9]{0,14})) ([0-9a-f]{8})\n$/.exec(line);
  if (match?.[1] === undefined || checksum(hasher, match[1]) !== match[3]) {
    throw new StateStoreError("damaged", "the file that names the live state store is damaged");
  }
  return Number(match[2]);
}

/** Durable when it resolves; a crash on the way leaves the old file or the new one. */
export async function writeCurrent(
  disk: Disk,
  hasher: Hasher,
  directory: string,
  generation: number,
): Promise<void> {
  const text = `skerry-state 1 ${generation}`;
  const temporary = `${directory}/${TEMPORARY_NAME}`;
  await removeIfPresent(disk, temporary);
  const file = await disk.open(temporary, "create");
  try {
    await file.write(0, [new TextEncoder().encode(`${text} ${checksum(hasher, text)}\n`)]);
    await file.syncData();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, `${directory}/${NAME}`);
  await disk.syncDirectory(directory);
}

function checksum(hasher: Hasher, text: string): string {
  return hasher.crc32c(new TextEncoder().encode(text)).toString(16).padStart(8, "0");
}

async function removeIfPresent(disk: Disk, path: string): Promise<void> {
  try {
    await disk.remove(path);
  } catch (error) {
    if (!(error instanceof DiskError && error.code === "not-found")) throw error;
  }
}
