import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { concatBytes, fromHex, toHex } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import { CHECKSUM_SEAL } from "../testing/checksum-seal.ts";
import { openRange, SEALED_BLOCK_BYTES, sealedBlocks, sealedBytes, storedRange } from "./sealed-blob.ts";

/** As released versions write it: the seals' names and places. `UPDATE_GOLDEN=1` writes it: that takes a new version of the format. */
const GOLDEN = new URL("testdata/sealed-blob-v1.json", import.meta.url);
const hasher = new PlainHasher();
const blobHex = "0190163d8694739baea5966c26f8ad91";
/** The bytes in parts that end anywhere. */
function sealedBlob(bytes: Uint8Array): Uint8Array {
  const blob = { blobHex, sizeBytes: bytes.length };
  const parts = [bytes.subarray(0, 7), bytes.subarray(7, 7), bytes.subarray(7)];
  const sealed = concatBytes([...sealedBlocks(blob, parts, CHECKSUM_SEAL)]);
  expect(sealed.length).toBe(sealedBytes(blob, CHECKSUM_SEAL));
  return sealed;
}
const bytesOf = (length: number) => Uint8Array.from({ length }, (_, at) => (at * 31 + (at >> 8)) % 256);

test("a sealed blob is that of format version 1", () => {
  const large = sealedBlob(bytesOf(SEALED_BLOCK_BYTES + 5));
  const written = {
    small: toHex(sealedBlob(bytesOf(9))),
    largeBytes: large.length,
    largeBlake3: toHex(hasher.blake3(large)),
  };
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(GOLDEN, `${JSON.stringify(written, undefined, 1)}\n`);
  const golden = JSON.parse(readFileSync(GOLDEN, "utf8")) as typeof written;
  expect(written).toEqual(golden);
  const stored = fromHex(golden.small) ?? new Uint8Array();
  const opened = openRange({ blobHex, sizeBytes: 9 }, { offset: 2, length: 5 }, stored, CHECKSUM_SEAL);
  expect(toHex(opened)).toBe(toHex(bytesOf(9).slice(2, 7)));
});

describe.each([
  1,
  SEALED_BLOCK_BYTES - 1,
  SEALED_BLOCK_BYTES,
  SEALED_BLOCK_BYTES + 1,
  3 * SEALED_BLOCK_BYTES,
])("a blob of %d bytes", (sizeBytes) => {
  const bytes = bytesOf(sizeBytes);
  const sealed = sealedBlob(bytes);
  const blob = { blobHex, sizeBytes };

  test("opens at every edge of its blocks", () => {
    const edges = [0, 1, SEALED_BLOCK_BYTES - 1, SEALED_BLOCK_BYTES, 2 * SEALED_BLOCK_BYTES, sizeBytes - 1];
    for (const offset of edges.filter((edge) => edge < sizeBytes)) {
      for (const end of [offset + 1, ...edges, sizeBytes].filter(
        (edge) => edge > offset && edge <= sizeBytes,
      )) {
        const range = { offset, length: end - offset };
        const part = storedRange(blob, range, CHECKSUM_SEAL);
        const stored = sealed.slice(part.offset, part.offset + part.length);
        expect(stored.length).toBe(part.length);
        const opened = openRange(blob, range, stored, CHECKSUM_SEAL);
        expect(toHex(hasher.blake3(opened))).toBe(toHex(hasher.blake3(bytes.slice(offset, end))));
      }
    }
  });

  test("does not open as another one, of another size, or in another place", () => {
    const range = { offset: 0, length: 1 };
    for (const other of [
      { ...blob, blobHex: "ff".repeat(16) },
      { ...blob, sizeBytes: sizeBytes + 1 },
    ])
      expect(() => openRange(other, range, sealed, CHECKSUM_SEAL)).toThrow("is not what was written");
    const [first, second] = [
      { offset: 0, length: 1 },
      { offset: SEALED_BLOCK_BYTES, length: 1 },
    ];
    if (sizeBytes <= 2 * SEALED_BLOCK_BYTES) return;
    const part = storedRange(blob, second, CHECKSUM_SEAL);
    const stored = sealed.slice(part.offset, part.offset + part.length);
    expect(() => openRange(blob, first, stored, CHECKSUM_SEAL)).toThrow("is not what was written");
  });
});
