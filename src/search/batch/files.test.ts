import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createPrng, fromHex, toHex } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import { SearchError } from "../errors.ts";
import { encodeDocument } from "../model/encode-document.ts";
import { RowSet } from "../rows/row-set.ts";
import { randomDocument, randomId } from "../testing/random-documents.ts";
import { type BatchFrame, decodeBatchFile, encodeBatchFile, encodeFrame } from "./batch-file.ts";
import { decodeDeletesFile, encodeDeletesFile } from "./deletes-file.ts";

const hasher = new PlainHasher();
const checksum = (bytes: Uint8Array) => hasher.crc32c(bytes);
/** As released versions write them. `UPDATE_GOLDEN=1` writes it: that takes a new version of the format. */
const GOLDEN = new URL("testdata/files-v1.json", import.meta.url);

function frames(seed: string): readonly BatchFrame[] {
  const prng = createPrng(seed);
  return Array.from({ length: prng.between(1, 4) }, () => ({
    upserts: Array.from({ length: prng.below(4) }, () => randomDocument(prng, randomId(prng))),
    deletes: Array.from({ length: prng.below(4) }, () => randomId(prng)),
  }));
}

const plain = ({ upserts, deletes }: BatchFrame) => ({
  upserts: upserts.map((document) => toHex(encodeDocument(document))),
  deletes,
});

const batchFile = (seed: string) => encodeBatchFile(frames(seed).map(encodeFrame), checksum);

function rows(seed: string): RowSet {
  const prng = createPrng(seed);
  const size = prng.between(1, 5_000);
  const some = Array.from({ length: prng.between(1, 200) }, () => prng.below(size));
  return RowSet.of(size, some);
}

/** The error's code, or "none". */
function codeOf(decode: () => unknown): string {
  try {
    decode();
    return "none";
  } catch (error) {
    return error instanceof SearchError ? error.code : `${error}`;
  }
}

describe.each(Array.from({ length: 20 }, (_, at) => `files-${at}`))("seed %s", (seed) => {
  test("what was written is read", () => {
    expect(decodeBatchFile(batchFile(seed), checksum).map(plain)).toEqual(frames(seed).map(plain));
    const deleted = rows(seed);
    const read = decodeDeletesFile(encodeDeletesFile(deleted, checksum), checksum);
    expect([read.size, read.toRows()]).toEqual([deleted.size, deleted.toRows()]);
  });

  test("no changed, cut or longer file is taken for a whole one", () => {
    const prng = createPrng(`${seed}-damage`);
    for (const [bytes, decode] of [
      [batchFile(seed), decodeBatchFile],
      [encodeDeletesFile(rows(seed), checksum), decodeDeletesFile],
    ] as const) {
      for (let i = 0; i < 50; i++) {
        const damaged = bytes.slice();
        const at = prng.below(bytes.length);
        damaged[at] = (damaged[at] ?? 0) ^ (1 << prng.below(8));
        expect(codeOf(() => decode(damaged, checksum))).toBe("data-damaged");
        expect(codeOf(() => decode(bytes.slice(0, at), checksum))).toBe("data-damaged");
      }
      const longer = new Uint8Array(bytes.length + 1);
      longer.set(bytes);
      expect(codeOf(() => decode(longer, checksum))).toBe("data-damaged");
    }
  });
});

test("files are those of format version 1", () => {
  const written = {
    batch: toHex(batchFile("golden")),
    deletes: toHex(encodeDeletesFile(rows("golden"), checksum)),
  };
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(GOLDEN, `${JSON.stringify(written, undefined, 1)}\n`);
  const golden = JSON.parse(readFileSync(GOLDEN, "utf8")) as typeof written;
  expect(written).toEqual(golden);
  expect(decodeBatchFile(fromHex(golden.batch)!, checksum).map(plain)).toEqual(frames("golden").map(plain));
});

test("a file of a later version is refused as such", () => {
  const batch = batchFile("later");
  batch[8] = 2;
  new DataView(batch.buffer).setUint32(16, checksum(batch.subarray(0, 16)), true);
  expect(codeOf(() => decodeBatchFile(batch, checksum))).toBe("format-too-new");
});
