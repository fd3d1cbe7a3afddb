import { expect, test } from "vitest";
import { ChunkIndex } from "./chunk-index.ts";
import { MemoryIndexStore } from "./memory-index-store.ts";
import { BLOB_ID_OFFSET, chunkRecordBytes } from "./record.ts";
import { blobIdOf, StoreHarness } from "./testing/harness.ts";
import { followAcknowledged, searchAcknowledged } from "./unreadable-headers.ts";

test("records that follow each other are found by their rows, or by the blob ids that they name", async () => {
  const harness = new StoreHarness("unreadable headers");
  const { disk } = harness.boot.platform;
  const events = { onWriteError: () => {}, onDamage: () => {} };
  const index = new ChunkIndex(new MemoryIndexStore(), events);
  const [length, recordBytes] = [3000, chunkRecordBytes(3000)];
  const file = await harness.run(disk.open("/segment", "create"));
  for (const blob of [1, 2, 3]) {
    const position = blob * recordBytes;
    index.put(
      { blobId: blobIdOf(blob), chunkIndex: 7 },
      { segmentId: 1, position, length, quarantined: false },
    );
    await harness.run(file.write(position + BLOB_ID_OFFSET, [blobIdOf(blob === 3 ? 99 : blob)]));
  }
  const elsewhere = { segmentId: 2, position: recordBytes, length, quarantined: false };
  index.put({ blobId: blobIdOf(4), chunkIndex: 0 }, elsewhere);
  const gaps = [{ offset: recordBytes, lengthBytes: 3 * recordBytes }];
  const sizeBytes = 4 * recordBytes;
  const options = { file, index, segmentId: 1, gaps, sizeBytes };
  const [searched, followed] = await harness.run(
    Promise.all([searchAcknowledged(options), followAcknowledged(options)]),
  );
  expect(searched.map(({ position }) => position / recordBytes)).toEqual([1, 2, 3]);
  expect(followed).toEqual(searched.slice(0, 2));
  const [first] = gaps;
  const shorter = { ...options, gaps: [{ ...first!, lengthBytes: 10 }], sizeBytes: 3 * recordBytes };
  const found = await harness.run(searchAcknowledged(shorter));
  expect(found.map(({ position }) => position / recordBytes)).toEqual([1, 3]);
});
