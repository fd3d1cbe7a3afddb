import { decodeHeader, encodeHeader } from "../../../src/raft/wal/segment-header.ts";
import { crc32c, IDENTITY } from "../../../src/raft/wal/testing/wal-harness.ts";
import { type FuzzTarget, same } from "../target.ts";

const CRC_AT = 252;

/** The header block of a log segment, with its checksum made right: what is accepted is written the same again. */
export const walHeader: FuzzTarget = {
  name: "wal-header",
  maxBytes: 256,
  seeds: () => [true, false].map((reset) => encodeHeader({ ...IDENTITY, sequence: 42, reset }, crc32c)),
  property: (input) => {
    const bytes = new Uint8Array(256);
    bytes.set(input);
    new DataView(bytes.buffer).setUint32(CRC_AT, crc32c(bytes.subarray(0, CRC_AT)), true);
    const decoded = decodeHeader(bytes, crc32c);
    if (decoded.kind !== "header") return decoded.kind;
    const again = decodeHeader(encodeHeader(decoded.header, crc32c), crc32c);
    same(again, decoded, "a header that was written again");
    return "header";
  },
};
