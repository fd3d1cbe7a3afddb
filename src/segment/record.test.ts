import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../base/index.ts";
import { blockChecksums } from "./checksums.ts";
import { decodeEntries, decodeTrailer, encodeEntries, encodeTrailer, type SegmentEntry } from "./footer.ts";
import { decodeHeader, encodeHeader, HEADER_BYTES } from "./header.ts";
import {
  decodeCheckpoint,
  decodeChunkRow,
  decodeIdentity,
  decodeSegmentRow,
  encodeCheckpoint,
  encodeChunkRow,
  encodeIdentity,
  encodeSegmentRow,
  segmentKey,
} from "./index-rows.ts";
import { BLOCK_BYTES, CHUNK_BYTES } from "./ports.ts";
import { decodeRecord, encodeRecord, recordBytes, type SegmentRecord } from "./record.ts";
import { hasher } from "./testing/harness.ts";

const SALT = Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]);
const position = fc.nat({ max: 2 ** 30 }).map((n) => 8 * n);
const blobId = fc.uint8Array({ minLength: 16, maxLength: 16 });
const id = fc.nat({ max: 2 ** 40 });

const chunk = fc
  .record({ blobId, chunkIndex: fc.nat(), length: fc.integer({ min: 1, max: CHUNK_BYTES }), supersedes: id })
  .map((fields) => {
    const blockChecksums = new Uint8Array(4 * Math.ceil(fields.length / BLOCK_BYTES)).fill(fields.length);
    return { kind: "chunk", position: 0, groupStart: 0, ...fields, blockChecksums } as const;
  });
const tombstone = fc
  .record({
    blobId,
    kills: fc.array(fc.record({ segmentId: id, chunks: fc.nat(), bytes: id }), { maxLength: 20 }),
  })
  .map((fields) => ({ kind: "tombstone", position: 0, groupStart: 0, ...fields }) as const);
const record: fc.Arbitrary<SegmentRecord> = fc
  .tuple(fc.oneof(chunk, tombstone), position, fc.nat())
  .map(([fields, at, back]) => ({ ...fields, position: at, groupStart: Math.max(0, at - back) }));

describe("records", () => {
  test("come back as they were written", () => {
    fc.assert(
      fc.property(record, (written) => {
        const bytes = encodeRecord(hasher, SALT, written);
        expect(bytes.length % 8).toBe(0);
        expect(decodeRecord(hasher, bytes, SALT, written.position)).toEqual(written);
        const dataBytes = written.kind === "chunk" ? Math.ceil(written.length / 8) * 8 : 0;
        expect(recordBytes(written)).toBe(bytes.length + dataBytes);
      }),
    );
  });

  test("are not taken from another place or another segment", () => {
    fc.assert(
      fc.property(record, (written) => {
        const bytes = encodeRecord(hasher, SALT, written);
        expect(decodeRecord(hasher, bytes, SALT, written.position + 8)).toBeUndefined();
        expect(decodeRecord(hasher, bytes, SALT.toReversed(), written.position)).toBeUndefined();
      }),
    );
  });

  test("one changed or missing byte is noticed", () => {
    fc.assert(
      fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, at, change) => {
        const bytes = encodeRecord(hasher, SALT, written);
        const padding = bytes.length - lengthWithCrc(written);
        const damaged = bytes.slice();
        damaged[at % (bytes.length - padding)]! ^= change;
        expect(decodeRecord(hasher, damaged, SALT, written.position)).toBeUndefined();
        expect(
          decodeRecord(hasher, bytes.subarray(0, at % (bytes.length - 7)), SALT, written.position),
        ).toBeUndefined();
      }),
    );
  });

  test("flags of a later version are a reason to stop", () => {
    const written: SegmentRecord = {
      kind: "tombstone",
      position: 8,
      groupStart: 8,
      blobId: new Uint8Array(16),
      kills: [],
    };
    const bytes = encodeRecord(hasher, SALT, written);
    bytes[5] = 1;
    new DataView(bytes.buffer).setUint32(64, hasher.crc32c(bytes.subarray(0, 64)), true);
    expect(decodeRecord(hasher, bytes, SALT, 8)).toEqual({ kind: "unsupported", position: 8, groupStart: 8 });
  });

  test("any bytes are a record or none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void decodeRecord(hasher, bytes, SALT, 0)),
    );
  });
});

function lengthWithCrc(written: SegmentRecord): number {
  return (
    64 +
    (written.kind === "chunk"
      ? written.blockChecksums.length
      : written.kind === "tombstone"
        ? written.kills.length * 24
        : 0) +
    4
  );
}

describe("footers", () => {
  const entry: fc.Arbitrary<SegmentEntry> = fc.oneof(
    fc.record({
      kind: fc.constant("chunk" as const),
      blobId,
      chunkIndex: fc.nat(),
      length: fc.integer({ min: 1, max: CHUNK_BYTES }),
      position,
      supersedes: id,
    }),
    fc.record({
      kind: fc.constant("kill" as const),
      blobId,
      position,
      segmentId: id,
      chunks: fc.nat(),
      bytes: id,
    }),
  );

  test("entries come back as they were written, and lie before the footer", () => {
    fc.assert(
      fc.property(fc.array(entry), (entries) => {
        const list = encodeEntries(entries);
        expect(decodeEntries(list, 2 ** 40)).toEqual(entries);
        if (entries.length > 0) expect(decodeEntries(list, entries[0]!.position)).toBeUndefined();
      }),
    );
  });

  test("entries of an unknown kind or an impossible length are refused", () => {
    const good = {
      kind: "chunk",
      blobId: new Uint8Array(16),
      chunkIndex: 0,
      length: 5,
      position: 8,
      supersedes: 0,
    } as const;
    const kind = encodeEntries([good]);
    kind[16] = 3;
    expect(decodeEntries(kind, 100)).toBeUndefined();
    expect(decodeEntries(encodeEntries([{ ...good, length: CHUNK_BYTES + 1 }]), 100)).toBeUndefined();
  });

  test("trailers", () => {
    const bytes = encodeTrailer(hasher, SALT, 12_345);
    expect(decodeTrailer(hasher, bytes)).toEqual({ footerPosition: 12_345, salt: SALT });
    for (let i = 0; i < bytes.length; i++) {
      const damaged = bytes.slice();
      damaged[i]! ^= 0x10;
      expect(decodeTrailer(hasher, damaged)).toBeUndefined();
    }
  });
});

describe("header blocks", () => {
  const header = {
    segmentId: 2 ** 40,
    salt: SALT,
    createdMs: 1_767_225_600_000,
    identity: { clusterId: "c".repeat(63), incarnation: "i", diskId: "ü" },
  };

  test("come back as they were written", () => {
    expect(decodeHeader(hasher, encodeHeader(hasher, header))).toEqual({ kind: "header", header });
  });

  test("of a later version are named, damaged ones are not taken for one", () => {
    const later = encodeHeader(hasher, header);
    new DataView(later.buffer).setUint16(8, 2, true);
    expect(decodeHeader(hasher, later)).toEqual({ kind: "damaged" });
    new DataView(later.buffer).setUint32(
      HEADER_BYTES - 4,
      hasher.crc32c(later.subarray(0, HEADER_BYTES - 4)),
      true,
    );
    expect(decodeHeader(hasher, later)).toEqual({ kind: "unknown-version", version: 2 });
    expect(decodeHeader(hasher, new Uint8Array(HEADER_BYTES))).toEqual({ kind: "damaged" });
    expect(decodeHeader(hasher, later.subarray(0, 100))).toEqual({ kind: "damaged" });
  });
});

describe("index rows", () => {
  test("come back as they were written", () => {
    const row = { segmentId: 5, position: 2 ** 33, length: 77, quarantined: true };
    expect(decodeChunkRow(encodeChunkRow(row))).toEqual(row);
    const figures = {
      segmentId: 9,
      salt: SALT,
      state: "sealed" as const,
      endPosition: 4096,
      liveChunks: 1,
      liveBytes: 2 ** 35,
      deadBytes: 3,
      kills: new Set([1, 7]),
    };
    expect(decodeSegmentRow(segmentKey(9), encodeSegmentRow(figures))).toEqual(figures);
    const checkpoint = { nextSegmentId: 10, segmentId: 9, position: 4096 };
    expect(decodeCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint);
    const identity = { clusterId: "c", incarnation: "i", diskId: "d" };
    expect(decodeIdentity(encodeIdentity(identity))).toEqual(identity);
  });

  test("any bytes are a row or none", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        decodeChunkRow(bytes);
        decodeSegmentRow(segmentKey(1), bytes);
        decodeCheckpoint(bytes);
        decodeIdentity(bytes);
      }),
    );
    expect(decodeIdentity(new TextEncoder().encode('{"version":2,"clusterId":"c"}'))).toBeUndefined();
  });
});

describe("block checksums", () => {
  test("do not depend on how the bytes are cut", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 300_000 }), fc.array(fc.nat()), (length, cuts) => {
        const bytes = new Uint8Array(length).map((_, i) => i * 31 + (i >> 9));
        const at = [0, ...cuts.map((cut) => cut % (length + 1)), length].sort((a, b) => a - b);
        const pieces = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
        const expected: Uint8Array[] = [];
        for (let start = 0; start < length; start += BLOCK_BYTES) {
          const crc = new Uint8Array(4);
          new DataView(crc.buffer).setUint32(
            0,
            hasher.crc32c(bytes.subarray(start, start + BLOCK_BYTES)),
            true,
          );
          expected.push(crc);
        }
        expect(blockChecksums(hasher, pieces, length)).toEqual(concatBytes(expected));
      }),
      { numRuns: 50 },
    );
  });
});
