import { describe, expect, it } from "vitest";
import { concatBytes, createPrng, equalBytes } from "../../base/index.ts";
import { NodeTimers } from "../../platform/node/index.ts";
import { RowSet } from "../rows/row-set.ts";
import { EVERY_FIELD, randomDocument } from "../testing/random-documents.ts";
import { localKernel, NearThread } from "./testing/near-thread.ts";
import { ThreadKernel } from "./thread-kernel.ts";
import { type JobOutcome, MAX_WAITING_JOBS, ThreadPool } from "./thread-pool.ts";

const NEVER = new AbortController().signal;

function world(threads: number, answers: () => boolean = () => true) {
  const started: NearThread[] = [];
  const outcomes: JobOutcome[] = [];
  const pool = new ThreadPool({
    threads,
    start: () => {
      const thread = new NearThread(answers());
      started.push(thread);
      return thread;
    },
    onJob: (outcome) => outcomes.push(outcome),
  });
  const kernel = new ThreadKernel({ local: localKernel(), pool, timers: new NodeTimers() });
  return { started, outcomes, pool, kernel };
}

/** Enough that it goes to a thread. */
function documents(seed: string | number, count = 500, firstId = 0) {
  const random = createPrng(seed);
  return Array.from({ length: count }, (_, i) => randomDocument(random, BigInt(firstId + i)));
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((wake) => setImmediate(wake));
}

describe("a kernel with threads", () => {
  it("builds and merges the same bytes as one without", async () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    const local = localKernel();
    const { kernel, outcomes, pool } = world(2);
    const files = async (from: typeof kernel | typeof local) =>
      Promise.all(
        [0, 1, 2].map(async (part) => {
          const count = [600, 20, 500][part]!;
          const bytes = await from.buildSegment(
            documents(`${seed}/${part}`, count, part * 1000),
            EVERY_FIELD,
            NEVER,
          );
          const dropped = createPrng(`${seed}/dropped ${part}`);
          const rows = Array.from({ length: count }, (_, row) => row).filter(() => dropped.chance(0.2));
          return { bytes, deleted: RowSet.of(count, rows) };
        }),
      );
    const [expected, built] = await Promise.all([files(local), files(kernel)]);
    for (const [part, { bytes }] of built.entries())
      expect(equalBytes(bytes, expected[part]!.bytes)).toBe(true);
    const how = { schema: EVERY_FIELD, nowMs: random.below(2000) };
    const whole = await local.mergeSegments(expected, how, NEVER);
    const merged = await kernel.mergeSegments(built, how, NEVER);
    expect(equalBytes(concatBytes(merged.parts!), concatBytes(whole.parts!))).toBe(true);
    expect([merged.rowCount, merged.places]).toEqual([whole.rowCount, whole.places]);
    // The sets are still used after the merge; the files are not.
    expect(built.map(({ deleted }) => deleted)).toEqual(expected.map(({ deleted }) => deleted));
    expect(built.map(({ bytes }) => bytes.length)).toEqual([0, 0, 0]);
    // The small one was built here.
    expect(outcomes).toEqual(["ok", "ok", "ok"]);
    await pool.close();
  });

  it("has every document removed as well", async () => {
    const { kernel, pool } = world(1);
    const bytes = await kernel.buildSegment(documents("gone"), EVERY_FIELD, NEVER);
    const sources = [{ bytes, deleted: RowSet.full(500) }];
    const merged = await kernel.mergeSegments(sources, { schema: EVERY_FIELD, nowMs: 0 }, NEVER);
    expect(merged.parts).toBeUndefined();
    expect(merged.places).toEqual([new Uint32Array(500)]);
    await pool.close();
  });

  it("says what is wrong as one without does, and goes on", async () => {
    const { kernel, outcomes, pool } = world(1);
    const bytes = await kernel.buildSegment(documents("damage"), EVERY_FIELD, NEVER);
    const damaged = bytes.slice();
    damaged[100] = damaged[100]! ^ 1;
    const how = { schema: EVERY_FIELD, nowMs: 0 };
    const merge = (file: Uint8Array) =>
      kernel.mergeSegments([{ bytes: file, deleted: RowSet.empty(500) }], how, NEVER);
    await expect(merge(damaged)).rejects.toMatchObject({ name: "SearchError", code: "data-damaged" });
    expect((await merge(bytes)).rowCount).toBeGreaterThan(0);
    expect(outcomes).toEqual(["ok", "refused", "ok"]);
    await pool.close();
  });
});

describe("a job", () => {
  it("that nobody wants any more ends with the caller's reason, and its thread takes the next one", async () => {
    const { kernel, started, outcomes, pool } = world(1);
    const caller = new AbortController();
    const unwanted = kernel.buildSegment(documents("unwanted", 1500), EVERY_FIELD, caller.signal);
    unwanted.catch(() => undefined);
    await expect.poll(() => started[0]?.received.some((m) => m.kind === "documents" && m.isLast)).toBe(true);
    caller.abort(new Error("enough"));
    await expect(unwanted).rejects.toThrow("enough");
    await kernel.buildSegment(documents("next"), EVERY_FIELD, NEVER);
    expect([started.length, outcomes]).toEqual([1, ["cancelled", "ok"]]);
    await pool.close();
  });

  it("that is given up while it is handed over, or while it waits, leaves nothing behind", async () => {
    const { kernel, started, outcomes, pool } = world(1);
    const caller = new AbortController();
    const { signal } = caller;
    const half = pool.run(async (post) => {
      post({ kind: "build", schema: EVERY_FIELD });
      await new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
      );
    }, signal);
    const waits = kernel.buildSegment(documents("waits"), EVERY_FIELD, signal);
    const next = kernel.buildSegment(documents("next"), EVERY_FIELD, NEVER);
    for (const given of [half, waits]) given.catch(() => undefined);
    await turns(2);
    caller.abort(new Error("enough"));
    await expect(half).rejects.toThrow("enough");
    await expect(waits).rejects.toThrow("enough");
    expect((await next).length).toBeGreaterThan(0);
    expect([started.length, pool.waiting, outcomes.toSorted()]).toEqual([
      2,
      0,
      ["cancelled", "cancelled", "ok"],
    ]);
    await pool.close();
  });

  it("whose thread ends is refused as what may be tried again, and another thread does the next one", async () => {
    const { kernel, started, outcomes, pool } = world(1, () => started.length > 0);
    const lost = kernel.buildSegment(documents("lost"), EVERY_FIELD, NEVER);
    const next = kernel.buildSegment(documents("next"), EVERY_FIELD, NEVER);
    lost.catch(() => undefined);
    await turns(5);
    started[0]?.crash(new Error("out of memory"));
    await expect(lost).rejects.toMatchObject({ code: "unavailable", cause: { message: "out of memory" } });
    expect((await next).length).toBeGreaterThan(0);
    expect([started.length, outcomes]).toEqual([2, ["failed", "ok"]]);
    await pool.close();
  });

  it("waits with so many others and not more", async () => {
    const { kernel, outcomes, pool } = world(1, () => false);
    const all = documents("many");
    const jobs = Array.from({ length: 1 + MAX_WAITING_JOBS }, () =>
      kernel.buildSegment(all, EVERY_FIELD, NEVER),
    );
    for (const job of jobs) job.catch(() => undefined);
    await turns(1);
    expect([pool.busy, pool.waiting]).toEqual([1, MAX_WAITING_JOBS]);
    await expect(kernel.buildSegment(all, EVERY_FIELD, NEVER)).rejects.toMatchObject({
      code: "overloaded",
      details: { most: MAX_WAITING_JOBS, retryAfterMs: 1000 },
    });
    expect(outcomes).toEqual(["busy"]);
    await pool.close();
    for (const job of jobs) await expect(job).rejects.toMatchObject({ code: "unavailable" });
    await expect(kernel.buildSegment(all, EVERY_FIELD, NEVER)).rejects.toMatchObject({ code: "unavailable" });
    expect([pool.busy, pool.waiting]).toEqual([0, 0]);
  });

  it("is refused when no thread can be started", async () => {
    const pool = new ThreadPool({
      threads: 1,
      start: () => {
        throw new Error("no memory for a thread");
      },
      onJob: () => undefined,
    });
    await expect(pool.run(() => Promise.resolve(), NEVER)).rejects.toThrow("no memory for a thread");
    expect([pool.busy, pool.waiting]).toEqual([0, 0]);
  });
});
