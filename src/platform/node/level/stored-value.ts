/**
 * How a row's value lies in LevelDB: followed by the CRC32C, little endian, of the key's UTF-8 bytes and the value.
 *
 *   | value ... | crc32c: 4 bytes |
 *
 * LevelDB as it is bound here does not verify the checksums of its blocks on reads, so that a flipped bit on the disk would otherwise come back
 * as data. With the key in the checksum, a value that turns up under another row's key is found too.
 */

import { crc32c } from "@node-rs/crc32";
import { DiskError } from "../../errors.ts";
import type { StoreChange } from "../../ports.ts";

const CHECKSUM_BYTES = 4;

/** What the puts among the changes store, in one piece of memory; undefined for the others. */
export function storedValues(changes: readonly StoreChange[]): (Uint8Array | undefined)[] {
  let sizeBytes = 0;
  for (const change of changes) if (change.kind === "put") sizeBytes += change.value.length + CHECKSUM_BYTES;
  const memory = new Uint8Array(sizeBytes);
  let at = 0;
  return changes.map((change) => {
    if (change.kind !== "put") return undefined;
    const { key, value } = change;
    const start = at;
    memory.set(value, start);
    at += value.length;
    const checksum = crc32c(value, crc32c(key));
    for (let i = 0; i < CHECKSUM_BYTES; i++) memory[at++] = checksum >>> (8 * i);
    return memory.subarray(start, at);
  });
}

/** Throws `DiskError` "damaged" when the bytes are not those that were written under this key. */
export function decodeStoredValue(key: string, stored: Uint8Array, directory: string): Uint8Array {
  const length = stored.length - CHECKSUM_BYTES;
  if (length < 0)
    throw new DiskError("damaged", directory, "store: a stored value is too short for its checksum");
  const value = new Uint8Array(stored.buffer, stored.byteOffset, length);
  let found = 0;
  for (let i = CHECKSUM_BYTES - 1; i >= 0; i--) found = found * 256 + stored[length + i]!;
  if (found !== crc32c(value, crc32c(key))) {
    throw new DiskError("damaged", directory, "store: a stored value does not match its checksum");
  }
  return value;
}
