/** The same store on a real disk with LevelDB: what the simulated ones promise is what the real ones do. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createNodePlatform } from "../platform/node/index.ts";
import { openSegmentStore } from "./open-store.ts";
import type { SegmentStore } from "./ports.ts";
import { blobIdOf, bytesOf, chunkOf, expectBytes, TEST_IDENTITY } from "./testing/harness.ts";

const platform = createNodePlatform();
let directory: string;
let store: SegmentStore;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "segments-"));
  store = await open();
});

afterEach(async () => {
  await store.close();
  rmSync(directory, { recursive: true });
});

function open(): Promise<SegmentStore> {
  const settings = { segmentBytes: 8 * 1024 * 1024 };
  return openSegmentStore({ ...platform, directory, identity: TEST_IDENTITY, settings });
}

async function expectAll(blobs: readonly number[]): Promise<void> {
  for (const blob of blobs) {
    const { pieces } = await store.read({ blobId: blobIdOf(blob), chunkIndex: 0 }, 0, 1_000_000 + blob);
    expectBytes(pieces, bytesOf(blob, 0, 1_000_000 + blob));
  }
}

test("appends, unlinks, closes, opens, and makes its index again", async () => {
  const blobs = Array.from({ length: 20 }, (_, i) => i);
  await Promise.all(blobs.map((blob) => store.append(chunkOf(blob, 0, 1_000_000 + blob))));
  await expectAll(blobs);
  await store.unlink(blobs.slice(0, 8).map(blobIdOf));
  expect(store.status()).toMatchObject({ writable: true, damaged: 0, segments: 2 });
  await expect(open()).rejects.toMatchObject({ code: "locked" });
  await store.close();
  store = await open();
  await expectAll(blobs.slice(8));
  await store.close();
  rmSync(join(directory, "index"), { recursive: true });
  store = await open();
  await expectAll(blobs.slice(8));
  expect(store.has({ blobId: blobIdOf(0), chunkIndex: 0 })).toBe(false);
  expect(store.status().freeBytes).toBeGreaterThan(0);
});
