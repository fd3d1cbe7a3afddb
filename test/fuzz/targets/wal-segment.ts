import { readFileSync } from "node:fs";
import { recover } from "../../../src/raft/wal/recover.ts";
import { scanSegment } from "../../../src/raft/wal/scan.ts";
import { decodeHeader, segmentSeed } from "../../../src/raft/wal/segment-header.ts";
import { crc32c, IDENTITY } from "../../../src/raft/wal/testing/wal-harness.ts";
import { broken, type FuzzTarget, textOf } from "../target.ts";

const GOLDEN = new Uint8Array(
  readFileSync(new URL("../../../src/raft/wal/testdata/golden-v1.wal", import.meta.url)),
);
const SEED = segmentSeed(IDENTITY, 1, crc32c);

function recovered(bytes: Uint8Array) {
  const scan = scanSegment(bytes, 1, SEED, crc32c);
  return recover([{ sequence: 1, header: decodeHeader(bytes, crc32c), sizeBytes: bytes.length, scan }]);
}

const whole = recovered(GOLDEN);
const KNOWN = new Set(
  scanSegment(GOLDEN, 1, SEED, crc32c).batches.flatMap(({ records }) =>
    records.map(({ body }) => textOf(body)),
  ),
);

/** A segment of the log as it lies on the disk: nothing that was not written is ever believed. */
export const walSegment: FuzzTarget = {
  name: "wal-segment",
  seeds: () => [GOLDEN, GOLDEN.slice(0, 900)],
  property: (input) => {
    for (const { records } of scanSegment(input, 1, SEED, crc32c).batches) {
      for (const { body } of records)
        if (!KNOWN.has(textOf(body))) broken(`a record that nobody wrote: ${textOf(body)}`);
    }
    const result = recovered(input);
    if (result.kind !== "intact") return result.kind;
    const [group] = [...result.groups.values()];
    const [wanted] = whole.kind === "intact" ? [...whole.groups.values()] : [];
    if ((group?.hardState.term ?? 0) > (wanted?.hardState.term ?? 0)) broken("a term that nobody wrote");
    return `intact, ${result.position.nextBatch - 1} batches`;
  },
  large: [(sizeBytes) => new Uint8Array(sizeBytes).fill(1), (sizeBytes) => repeated(GOLDEN, sizeBytes)],
};

function repeated(bytes: Uint8Array, sizeBytes: number): Uint8Array {
  const all = new Uint8Array(sizeBytes);
  for (let at = 0; at < sizeBytes; at += bytes.length) all.set(bytes.subarray(0, sizeBytes - at), at);
  return all;
}
