/**
 * The file that says which store is the live one. One line:
 *
 *   "skerry-state 1 " | generation, decimal | " " | CRC32C of what stands before that space, 8 hexadecimal digits | "\n"
 */

import { type Disk, type Hasher, readSmallFile, replaceFile } from "../../platform/index.ts";
import { StateStoreError } from "../errors.ts";

const NAME = "CURRENT";

/** The generation of the live store; undefined when there is no file. Throws StateStoreError "damaged". */
export async function readCurrent(
  disk: Disk,
  hasher: Hasher,
  directory: string,
): Promise<number | undefined> {
  const bytes = await readSmallFile(disk, `${directory}/${NAME}`);
  return bytes && parse(new TextDecoder().decode(bytes), hasher);
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
  const line = `${text} ${checksum(hasher, text)}\n`;
  await replaceFile(disk, `${directory}/${NAME}`, new TextEncoder().encode(line));
}

function checksum(hasher: Hasher, text: string): string {
  return hasher.crc32c(new TextEncoder().encode(text)).toString(16).padStart(8, "0");
}
