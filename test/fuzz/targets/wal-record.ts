import { readFileSync } from "node:fs";
import { SEGMENT_HEADER_BYTES } from "../../../src/raft/wal/format.ts";
import { nextOffset } from "../../../src/raft/wal/record.ts";
import { recover } from "../../../src/raft/wal/recover.ts";
import { scanSegment } from "../../../src/raft/wal/scan.ts";
import { decodeHeader, encodeHeader, segmentSeed } from "../../../src/raft/wal/segment-header.ts";
import { crc32c, IDENTITY } from "../../../src/raft/wal/testing/wal-harness.ts";
import { broken, type FuzzTarget } from "../target.ts";

const GOLDEN = new Uint8Array(
  readFileSync(new URL("../../../src/raft/wal/testdata/golden-v1.wal", import.meta.url)),
);
const SEED = segmentSeed(IDENTITY, 1, crc32c);
const HEADER = encodeHeader({ ...IDENTITY, sequence: 1, reset: false }, crc32c);

/** Walks the records by their lengths and makes every checksum right, so that what lies behind the checksums is reached. */
function withChecksums(records: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(SEGMENT_HEADER_BYTES + Math.ceil(records.length / 8) * 8);
  bytes.set(HEADER);
  bytes.set(records, SEGMENT_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  for (let offset = SEGMENT_HEADER_BYTES; offset + 8 <= bytes.length; ) {
    const length = view.getUint32(offset + 4, true);
    if (length < 40 || length > bytes.length - offset) break;
    view.setUint32(offset, crc32c(bytes.subarray(offset + 4, offset + length), (SEED ^ offset) >>> 0), true);
    offset += Math.ceil(length / 8) * 8;
  }
  return bytes;
}

/** Records whose checksums are right and whose content is anything: read as what makes sense or not at all, in any order. */
export const walRecord: FuzzTarget = {
  name: "wal-record",
  seeds: () => [GOLDEN.slice(SEGMENT_HEADER_BYTES, 1600), GOLDEN.slice(SEGMENT_HEADER_BYTES, 700)],
  property: (input) => {
    const bytes = withChecksums(input);
    const scan = scanSegment(bytes, 1, SEED, crc32c);
    let count = 0;
    for (const { records } of scan.batches) {
      for (const record of records) {
        count++;
        if (nextOffset(record) > bytes.length) broken("a record that goes beyond its segment");
      }
    }
    const header = decodeHeader(bytes, crc32c);
    const recovery = recover([{ sequence: 1, header, sizeBytes: bytes.length, scan }]);
    if (recovery.kind === "intact") {
      for (const { entries, mark, hardState } of recovery.groups.values()) {
        entries.forEach(({ index }, i) => {
          if (index !== mark.index + 1 + i) broken("entries that are not consecutive");
        });
        if (hardState.commit > (entries.at(-1)?.index ?? mark.index))
          broken("a commit behind the end of the log");
      }
    }
    return `${recovery.kind}, ${Math.min(count, 6)} records`;
  },
};
