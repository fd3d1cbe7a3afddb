import { blockChecksums } from "../../../src/segment/checksums.ts";
import { SegmentError } from "../../../src/segment/errors.ts";
import { decodeEntries, encodeEntries, entriesOf } from "../../../src/segment/footer.ts";
import { claimedHeaderBytes, decodeRecord, encodeRecord } from "../../../src/segment/record.ts";
import { hasher } from "../../../src/segment/testing/harness.ts";
import { broken, type FuzzTarget, refusable, same } from "../target.ts";

const SALT = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const POSITION = 8192;
const PLACE = { position: POSITION, groupStart: 4096, blobId: new Uint8Array(16).fill(7) };
const CHUNK = {
  ...PLACE,
  kind: "chunk",
  chunkIndex: 3,
  length: 70_000,
  blockChecksums: blockChecksums(hasher, [new Uint8Array(70_000)], 70_000),
  supersedes: 1,
} as const;
const TOMBSTONE = { ...PLACE, kind: "tombstone", kills: [{ segmentId: 1, chunks: 2, bytes: 500 }] } as const;
const FOOTER = {
  kind: "footer",
  position: POSITION,
  groupStart: POSITION,
  list: encodeEntries([CHUNK, TOMBSTONE].flatMap((record) => entriesOf(record))),
} as const;

/** The header of a record with its checksum made right: accepted only as it would be written. */
export const segmentRecord: FuzzTarget = {
  name: "segment-record",
  seeds: () => [CHUNK, TOMBSTONE, FOOTER].map((record) => encodeRecord(hasher, SALT, record)),
  property: (input) => {
    const claimed = refusable([SegmentError], () => claimedHeaderBytes(input, SALT, POSITION));
    if (claimed.kind === "refused") return claimed.label;
    if (claimed.value === undefined) return "no record";
    if (claimed.value > 256 * 1024 * 1024) broken(`a header of ${claimed.value} bytes is asked for`);
    const bytes = new Uint8Array(Math.min(claimed.value, 64 * 1024));
    bytes.set(input.subarray(0, bytes.length));
    for (const end of possibleEnds(bytes)) {
      const copy = bytes.slice();
      new DataView(copy.buffer).setUint32(end, hasher.crc32c(copy.subarray(0, end)), true);
      const record = decodeRecord(hasher, copy, SALT, POSITION);
      if (record === undefined) continue;
      if (record.kind === "unsupported") return "unsupported";
      const again = decodeRecord(hasher, encodeRecord(hasher, SALT, record), SALT, POSITION);
      same(again, record, "a record that was written again");
      if (record.kind === "footer") checkFooter(record.list);
      return record.kind;
    }
    return "not whole";
  },
};

/** The checksum stands behind the list, wherever that ends. */
function* possibleEnds(bytes: Uint8Array): Generator<number> {
  for (let end = bytes.length - 4; end >= 64 && end > bytes.length - 16; end -= 4) yield end;
}

function checkFooter(list: Uint8Array): void {
  const entries = decodeEntries(list, 2 ** 40);
  if (entries !== undefined) same(encodeEntries(entries), list, "the entries of a footer");
}
