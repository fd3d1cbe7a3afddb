import { decodeBatchFile, encodeBatchFile, encodeFrame } from "../../../src/search/batch/batch-file.ts";
import { decodeDeletesFile, encodeDeletesFile } from "../../../src/search/batch/deletes-file.ts";
import {
  decodeTable,
  encodeEntry,
  encodeHead,
  entryOffset,
  tableBytes,
} from "../../../src/search/cache/slab-format.ts";
import { SearchError } from "../../../src/search/errors.ts";
import { RowSet } from "../../../src/search/rows/row-set.ts";
import { type FuzzTarget, refusable, same } from "../target.ts";

/** The same for all bytes, so that what lies behind the checksums is reached. */
const checksum = () => 0;

const document = (id: string) => ({
  id,
  vectors: new Map([["v", Float32Array.of(1, 2)]]),
  sparse: new Map([["s", { indices: Uint32Array.of(1, 9), values: Float32Array.of(1, 2) }]]),
  text: new Map([["t", "text"]]),
  attributes: new Map<string, string | readonly number[]>([
    ["a", "x"],
    ["b", [1, 2.5]],
  ]),
  expiresAtMs: 7,
});

/** Batch files: what is accepted is read the same after it was written again. */
export const searchBatch: FuzzTarget = {
  name: "search-batch",
  dictionary: ["SKYBATCH"],
  seeds: () => [
    encodeBatchFile([encodeFrame({ upserts: [document("a")], deletes: [7n, "b"] })], checksum),
    encodeBatchFile(
      [encodeFrame({ upserts: [], deletes: [] }), encodeFrame({ upserts: [], deletes: ["c"] })],
      checksum,
    ),
  ],
  property: (input) => {
    const decoded = refusable([SearchError], () => decodeBatchFile(input, checksum));
    if (decoded.kind === "refused") return decoded.label;
    const again = decodeBatchFile(encodeBatchFile(decoded.value.map(encodeFrame), checksum), checksum);
    same(again.map(encodeFrame), decoded.value.map(encodeFrame), "a batch file that was written again");
    return "accepted";
  },
};

/** Deletes files, in the same way. */
export const searchDeletes: FuzzTarget = {
  name: "search-deletes",
  dictionary: ["SKYDELET"],
  seeds: () => [
    encodeDeletesFile(RowSet.of(10, [0, 9]), checksum),
    encodeDeletesFile(RowSet.of(100_000, [5, 99_999]), checksum),
  ],
  property: (input) => {
    const decoded = refusable([SearchError], () => decodeDeletesFile(input, checksum));
    if (decoded.kind === "refused") return decoded.label;
    const again = decodeDeletesFile(encodeDeletesFile(decoded.value, checksum), checksum);
    same([...again.toRows()], [...decoded.value.toRows()], "a deletes file that was written again");
    return "accepted";
  },
};

const shape = { slots: 4, slotBytes: 1_000 };

function slabTable(slots: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(tableBytes(shape.slots));
  bytes.set(encodeHead(shape, checksum));
  for (const slot of slots) {
    const entry = { blobId: new Uint8Array(16).fill(slot + 1), block: slot * 7, sealedBytes: 100 + slot };
    bytes.set(encodeEntry(entry, checksum), entryOffset(slot));
  }
  return bytes;
}

/** Tables of the cache on disk: every entry that is taken is that of its slot, and fits into it. */
export const searchCacheTable: FuzzTarget = {
  name: "search-cache-table",
  dictionary: ["SKYCACHE"],
  seeds: () => [slabTable([]), slabTable([1, 2]), slabTable([0, 1, 2, 3]), slabTable([3]).subarray(0, 150)],
  property: (input) => {
    const entries = decodeTable(input, shape, checksum);
    if (entries === undefined) return "refused";
    for (const [slot, entry] of entries.entries()) {
      if (entry === undefined) continue;
      const stored = input.subarray(entryOffset(slot), entryOffset(slot + 1));
      same([...encodeEntry(entry, checksum)], [...stored], "an entry that was written again");
    }
    return `${entries.filter((entry) => entry !== undefined).length} entries`;
  },
};
