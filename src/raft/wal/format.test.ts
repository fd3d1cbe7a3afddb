import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BatchEncoder } from "./batch-encoder.ts";
import { SEGMENT_HEADER_BYTES, segmentName, sequenceOf } from "./format.ts";
import type { GroupTail } from "./job.ts";
import { recover } from "./recover.ts";
import { scanSegment } from "./scan.ts";
import { decodeHeader, encodeHeader, segmentSeed } from "./segment-header.ts";
import { GOLDEN_CHANGE, GOLDEN_CONF_STATE, GOLDEN_JOBS } from "./testing/golden.ts";
import { crc32c, entry, GROUP, IDENTITY } from "./testing/wal-harness.ts";
import { emptyTail, encodeJob, summaries } from "./wal.ts";

const SEGMENT_BYTES = 2048;

/** The golden segment as the code of today writes it. */
function writeSegment(): Uint8Array {
  const segment = new Uint8Array(SEGMENT_BYTES);
  segment.set(encodeHeader({ ...IDENTITY, sequence: 1, reset: false }, crc32c));
  const encoder = new BatchEncoder(crc32c);
  const groups = new Map<number, GroupTail>([[GROUP, emptyTail()]]);
  const seed = segmentSeed(IDENTITY, 1, crc32c);
  let [offset, previousCrc] = [SEGMENT_HEADER_BYTES, 0];
  for (const [i, job] of GOLDEN_JOBS.entries()) {
    encoder.begin({ offset, seed, batch: i + 1, previousCrc });
    encodeJob(encoder, groups.get(GROUP) as GroupTail, job, new Map());
    const batch = encoder.end(summaries(groups));
    segment.set(batch.bytes, offset);
    offset += batch.bytes.length;
    previousCrc = batch.endCrc;
  }
  return segment;
}

function recoverBytes(bytes: Uint8Array) {
  const scan = scanSegment(bytes, 1, segmentSeed(IDENTITY, 1, crc32c), crc32c);
  return recover([{ sequence: 1, header: decodeHeader(bytes, crc32c), sizeBytes: bytes.length, scan }]);
}

describe("a log that version 1 has written", () => {
  const golden = new Uint8Array(readFileSync(new URL("./testdata/golden-v1.wal", import.meta.url)));

  test("is written the same today, byte for byte", () => {
    expect(Buffer.from(writeSegment()).equals(golden)).toBe(true);
  });

  test("says today what it said then", () => {
    const recovery = recoverBytes(golden);
    expect(recovery.kind).toBe("intact");
    if (recovery.kind !== "intact") return;
    expect(recovery.groups.get(GROUP)).toEqual({
      hardState: { term: 2 ** 40 + 5, vote: 2, commit: 12 },
      mark: { term: 2, index: 11, reset: false, bootstrap: true },
      confState: GOLDEN_CONF_STATE,
      confStateIndex: 10,
      fence: { term: 1, index: 9 },
      entries: [GOLDEN_CHANGE, entry(13, 2, ""), entry(14, 2 ** 40 + 5)],
    });
    expect(recovery.cuts).toEqual([]);
  });
});

describe("the header of a segment", () => {
  const header = { ...IDENTITY, sequence: 42, reset: true };

  test("is read as it was written", () => {
    expect(decodeHeader(encodeHeader(header, crc32c), crc32c)).toEqual({ kind: "header", header });
  });

  test("of a later version is told from damage", () => {
    const bytes = encodeHeader(header, crc32c);
    new DataView(bytes.buffer).setUint32(8, 2, true);
    expect(decodeHeader(bytes, crc32c)).toEqual({ kind: "damaged" });
    new DataView(bytes.buffer).setUint32(252, crc32c(bytes.subarray(0, 252)), true);
    expect(decodeHeader(bytes, crc32c)).toEqual({ kind: "unknown-version", version: 2 });
  });

  test("refuses an identity that does not fit", () => {
    expect(() => encodeHeader({ ...header, clusterId: "x".repeat(65) }, crc32c)).toThrow(RangeError);
  });

  test("in a file's name", () => {
    expect(sequenceOf(segmentName(17))).toBe(17);
    expect(sequenceOf("17.wal")).toBeUndefined();
    expect(sequenceOf("0000000000000017.tmp")).toBeUndefined();
  });
});

describe("whatever the bytes are", () => {
  const whole = writeSegment();
  const known = new Set(
    GOLDEN_JOBS.flatMap((job) => job.entries ?? []).map((known) =>
      JSON.stringify([known.index, known.term, [...known.data]]),
    ),
  );

  function check(bytes: Uint8Array): void {
    const recovery = recoverBytes(bytes);
    if (recovery.kind !== "intact") return;
    for (const group of recovery.groups.values()) {
      for (const found of group.entries) {
        expect(known).toContain(JSON.stringify([found.index, found.term, [...found.data]]));
      }
    }
  }

  test("reading random ones throws nothing and finds nothing", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), (noise) => {
        const bytes = noise.slice();
        expect(recoverBytes(bytes).kind).not.toBe("intact");
        const behindHeader = new Uint8Array(SEGMENT_HEADER_BYTES + noise.length);
        behindHeader.set(whole.subarray(0, SEGMENT_HEADER_BYTES));
        behindHeader.set(noise, SEGMENT_HEADER_BYTES);
        expect(recoverBytes(behindHeader).kind).toBe("empty");
      }),
    );
  });

  test("flipped bits, zeroed, doubled and shifted pieces invent no entry", () => {
    const at = fc.nat(SEGMENT_BYTES - 1);
    const piece = fc.record({
      from: at,
      to: at,
      length: fc.nat(300),
      kind: fc.constantFrom("zero", "copy", "flip"),
    });
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), (changes) => {
        const bytes = whole.slice();
        for (const { from, to, length, kind } of changes) {
          if (kind === "zero") bytes.fill(0, from, from + length);
          else if (kind === "copy") bytes.copyWithin(to, from, from + length);
          else bytes[from] = (bytes[from] as number) ^ (1 << (length % 8));
        }
        check(bytes);
      }),
      { numRuns: 500 },
    );
  });

  test("cut short anywhere: what is left is a prefix", () => {
    for (let length = 0; length < whole.length; length += 8) {
      const bytes = whole.slice();
      bytes.fill(0, length);
      check(bytes);
      expect(recoverBytes(bytes).kind, `cut at ${length}`).not.toBe(
        length < SEGMENT_HEADER_BYTES ? "intact" : "damaged",
      );
    }
  });
});
