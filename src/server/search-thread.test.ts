import { afterAll, expect, it } from "vitest";
import { createPrng, equalBytes } from "../base/index.ts";
import { NodeTimers } from "../platform/node/index.ts";
import { ThreadKernel, ThreadPool } from "../search/index.ts";
import { EVERY_FIELD, randomDocument } from "../search/testing/random-documents.ts";
import { localKernel } from "../search/threads/testing/near-thread.ts";
import { startSearchThread } from "./search-thread.ts";

const NEVER = new AbortController().signal;
const local = localKernel();
const pool = new ThreadPool({ threads: 1, start: startSearchThread, onJob: () => undefined });
const kernel = new ThreadKernel({ local, pool, timers: new NodeTimers() });
afterAll(() => pool.close());

it("a segment that another thread builds is the same", async () => {
  const random = createPrng("thread");
  const documents = Array.from({ length: 500 }, (_, i) => randomDocument(random, BigInt(i)));
  const bytes = await kernel.buildSegment(documents, EVERY_FIELD, NEVER);
  expect(equalBytes(bytes, await local.buildSegment(documents, EVERY_FIELD, NEVER))).toBe(true);
});

it("a thread that is ended is replaced", async () => {
  const random = createPrng("ended");
  const documents = Array.from({ length: 500 }, (_, i) => randomDocument(random, BigInt(i)));
  let thread: ReturnType<typeof startSearchThread> | undefined;
  const mortal = new ThreadPool({
    threads: 1,
    start: () => {
      thread = startSearchThread();
      return thread;
    },
    onJob: () => undefined,
  });
  const fragile = new ThreadKernel({ local, pool: mortal, timers: new NodeTimers() });
  const lost = fragile.buildSegment(documents, EVERY_FIELD, NEVER);
  const refused = expect(lost).rejects.toMatchObject({ code: "unavailable" });
  await thread?.terminate();
  await refused;
  expect((await fragile.buildSegment(documents, EVERY_FIELD, NEVER)).length).toBeGreaterThan(0);
  await mortal.close();
});
