import { expect, it } from "vitest";
import { createPrng } from "../../../base/index.ts";
import { PlainHasher } from "../../../platform/node/plain-hasher.ts";
import { EVERY_FIELD, randomDocument } from "../../testing/random-documents.ts";
import { plainKernels } from "../../vector/kernels/plain.ts";
import { MemoryReader } from "../../vector/testing/memory-reader.ts";
import { BLOCK_BYTES } from "./blocks.ts";
import { buildSegment } from "./build-segment.ts";
import { Container } from "./container.ts";
import { damagedSections } from "./verify-segment.ts";

const checksum = new PlainHasher();

it("names every section that a damaged block is in, whichever block it is", async () => {
  const random = createPrng("verify");
  const documents = Array.from({ length: 120 }, (_, i) => randomDocument(random, BigInt(i)));
  const prng = createPrng("verify");
  const bytes = await buildSegment({
    documents,
    schema: EVERY_FIELD,
    kernels: plainKernels(),
    checksum,
    prng,
  });
  expect(await damagedSections(new MemoryReader(bytes), checksum)).toEqual([]);
  const container = await Container.open(new MemoryReader(bytes), checksum);
  const known = new Set([...container.sections()].map(({ kind, field }) => `${kind} ${field}`));
  const named = new Set<string>();
  for (let at = 100; at < bytes.length; at += BLOCK_BYTES) {
    const damaged = bytes.slice();
    damaged[at] = damaged[at]! ^ 1;
    try {
      const found = await damagedSections(new MemoryReader(damaged), checksum);
      expect(found.length).toBeGreaterThan(0);
      for (const { kind, field } of found) named.add(`${kind} ${field}`);
    } catch (error) {
      // Blocks that the table of contents is read with.
      expect(error).toMatchObject({ code: "data-damaged" });
      expect(at).toBeGreaterThan(bytes.length - 5 * BLOCK_BYTES);
    }
  }
  for (const name of named) expect(known).toContain(name);
  expect(named).toContain("documents ");
});
