/**
 * A segment file as version 1 writes it, kept in `testdata/`: it must be read for as long as version 1 is. Never write it again; a change
 * of the format is a new version with a golden file of its own. Made with SKERRY_WRITE_GOLDEN=1.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { toHex } from "../base/index.ts";
import { SegmentError } from "./errors.ts";
import { SEGMENT_VERSION } from "./header.ts";
import { inspectSegment } from "./scan.ts";
import {
  blobIdOf,
  bytesOf,
  chunkOf,
  expectBytes,
  hasher,
  SEGMENTS,
  StoreHarness,
} from "./testing/harness.ts";

const GOLDEN = new URL(`./testdata/segment-v${SEGMENT_VERSION}.seg`, import.meta.url);
const FILE = "0000000000000001.seg";

/** Two chunks of one blob, one of another, a tombstone, sealed. */
async function writeGolden(): Promise<Uint8Array> {
  const harness = new StoreHarness("golden", { idleSealMs: 1000 });
  const store = await harness.open();
  await harness.run(Promise.all([store.append(chunkOf(1, 0, 70_000)), store.append(chunkOf(1, 1, 13))]));
  await harness.run(store.append(chunkOf(2, 0, 100)));
  await harness.run(store.unlink([blobIdOf(2)]));
  await harness.simulation.runFor(2000);
  const file = await harness.run(harness.boot.platform.disk.open(`${SEGMENTS}/${FILE}`, "read"));
  const bytes = new Uint8Array(await harness.run(file.sizeBytes()));
  await harness.run(file.read(0, bytes));
  return bytes;
}

async function openWith(bytes: Uint8Array): Promise<StoreHarness> {
  const harness = new StoreHarness("reader", {});
  const { disk } = harness.boot.platform;
  await harness.run(disk.makeDirectory(SEGMENTS));
  const file = await harness.run(disk.open(`${SEGMENTS}/${FILE}`, "create"));
  await harness.run(file.write(0, [bytes]));
  return harness;
}

if (process.env["SKERRY_WRITE_GOLDEN"] === "1" && !existsSync(GOLDEN))
  writeFileSync(GOLDEN, await writeGolden());
const golden = new Uint8Array(readFileSync(GOLDEN));

describe("the golden segment of version 1", () => {
  test("is what this code writes", async () => {
    const written = await writeGolden();
    expect(written.length).toBe(golden.length);
    const differs = written.findIndex((byte, i) => byte !== golden[i]);
    expect(differs, "first byte that differs").toBe(-1);
  });

  test("is read: records, chunks and what is gone", async () => {
    const harness = await openWith(golden);
    const file = await harness.run(harness.boot.platform.disk.open(`${SEGMENTS}/${FILE}`, "read"));
    const contents = await harness.run(inspectSegment(file, { hasher }));
    expect(contents).toMatchObject({
      kind: "sealed",
      header: {
        kind: "header",
        header: { segmentId: 1, identity: { clusterId: "c1", incarnation: "i1", diskId: "d1" } },
      },
    });
    if (contents.kind !== "sealed") return;
    const entries = contents.entries.map((entry) => [
      entry.kind,
      toHex(entry.blobId).slice(-2),
      entry.position,
      entry.kind === "chunk" ? entry.length : entry.bytes,
    ]);
    expect(entries).toEqual([
      ["chunk", "01", 4096, 70_000],
      ["chunk", "01", 74_176, 13],
      ["chunk", "02", 74_264, 100],
      ["kill", "02", 74_440, 100],
    ]);
    const store = await harness.open();
    const whole = await harness.run(store.read({ blobId: blobIdOf(1), chunkIndex: 0 }, 0, 70_000));
    expectBytes(whole.pieces, bytesOf(1, 0, 70_000));
    expect(store.has({ blobId: blobIdOf(1), chunkIndex: 1 })).toBe(true);
    expect(store.has({ blobId: blobIdOf(2), chunkIndex: 0 })).toBe(false);
    expect(harness.damage).toEqual([]);
  });

  test("of a later version is refused, and left as it is", async () => {
    const later = golden.slice();
    const view = new DataView(later.buffer);
    view.setUint16(8, SEGMENT_VERSION + 1, true);
    view.setUint32(4092, hasher.crc32c(later.subarray(0, 4092)), true);
    const harness = await openWith(later);
    await expect(harness.open()).rejects.toMatchObject({ code: "unknown-version" });
    expect(harness.machine.volume.files()).toContainEqual({
      path: `${SEGMENTS}/${FILE}`,
      sizeBytes: golden.length,
    });
  });
});

describe("recovery of any file", () => {
  test("cut anywhere: everything before the cut is served", async () => {
    const { prng } = new StoreHarness("cuts").simulation;
    for (let run = 0; run < 60; run++) {
      const end = prng.below(golden.length);
      const harness = await openWith(golden.subarray(0, end));
      const store = await harness.open();
      expect(store.has({ blobId: blobIdOf(1), chunkIndex: 0 }), `cut at ${end}`).toBe(end >= 74_176);
      expect(store.has({ blobId: blobIdOf(1), chunkIndex: 1 }), `cut at ${end}`).toBe(end >= 74_264);
      await harness.run(store.append(chunkOf(5, 0, 1000)));
      await harness.run(store.close());
    }
  });

  test("changed anywhere, in many places: opens or says why not, and never serves other bytes", {
    timeout: 60_000,
  }, async () => {
    const seed = process.env["SKERRY_TEST_SEED"] ?? "recovery";
    const { prng } = new StoreHarness(seed).simulation;
    for (let run = 0; run < 150; run++) {
      const bytes = golden.slice(0, prng.chance(0.5) ? golden.length : prng.below(golden.length));
      for (let change = prng.below(8); change >= 0; change--) mutate(bytes, prng);
      const harness = await openWith(bytes);
      try {
        const store = await harness.open();
        for (const [chunkIndex, length] of [
          [0, 70_000],
          [1, 13],
        ] as const) {
          const reading = harness.run(store.read({ blobId: blobIdOf(1), chunkIndex }, 0, length));
          const found = await reading.catch((error: unknown) => error);
          if (found instanceof SegmentError) expect(["damaged", "not-found"]).toContain(found.code);
          else expectBytes((await reading).pieces, bytesOf(1, chunkIndex, length), `seed ${seed} run ${run}`);
        }
        await harness.run(store.append(chunkOf(5, 0, 1000)));
        await harness.run(store.close());
      } catch (error) {
        expect(error, `seed ${seed} run ${run}`).toBeInstanceOf(SegmentError);
      }
    }
  });
});

function mutate(bytes: Uint8Array, prng: { below(bound: number): number }): void {
  if (bytes.length === 0) return;
  const at = prng.below(bytes.length);
  const end = Math.min(bytes.length, at + 1 + prng.below(64));
  const from = prng.below(bytes.length);
  switch (prng.below(4)) {
    case 0:
      bytes[at]! ^= 1 << prng.below(8);
      return;
    case 1:
      bytes.fill(0, at, end);
      return;
    case 2:
      bytes.fill(prng.below(256), at, end);
      return;
    default:
      bytes.copyWithin(at, from, from + (end - at));
  }
}
