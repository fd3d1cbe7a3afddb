import { expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import { EVERY_FIELD, randomDocument } from "../testing/random-documents.ts";
import { openSegment } from "../unit/segment/segment-unit.ts";
import { plainKernels } from "../vector/kernels/plain.ts";
import { MemoryReader } from "../vector/testing/memory-reader.ts";
import { LocalKernel } from "./local-kernel.ts";

it("writes segments as their format says, with checksums that know the places of their blocks", async () => {
  const hasher = new PlainHasher();
  const vectors = plainKernels();
  const kernel = new LocalKernel({
    clock: { monotonicMs: () => 0, wallMs: () => 0 },
    timers: {
      after: () => ({ cancel: () => undefined }),
      endOfTurn: (action) => queueMicrotask(action),
      sleep: () => Promise.resolve(),
    },
    vectors,
    hasher,
  });
  const random = createPrng("kernel");
  const documents = Array.from({ length: 100 }, (_, i) => randomDocument(random, BigInt(i)));
  const bytes = await kernel.buildSegment(documents, EVERY_FIELD, new AbortController().signal);
  const open = {
    name: "segment",
    reader: new MemoryReader(bytes),
    schema: EVERY_FIELD,
    kernels: vectors,
    checksum: hasher,
  };
  expect((await openSegment(open)).rowCount).toBe(100);
  expect((await kernel.openSegment("segment", new MemoryReader(bytes), EVERY_FIELD)).rowCount).toBe(100);
});
