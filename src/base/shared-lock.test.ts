import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { SharedLock } from "./shared-lock.ts";

const THREADS = 3;
const TIMES = 20_000;
/** Adds to a number in two steps that only the lock keeps together. */
const COUNTING = `
  const { workerData } = require("node:worker_threads");
  import(workerData.module).then(({ SharedLock }) => {
    const { words } = workerData;
    const lock = new SharedLock(words, 0);
    for (let times = 0; times < ${TIMES}; times++) {
      lock.lock();
      const before = words[1];
      for (let i = 0; i < times % 50; i++) words[2] = i;
      words[1] = before + 1;
      lock.unlock();
    }
  });
`;

describe("a lock of several threads", () => {
  test("is held by one of them at a time, and no one waits for ever", async () => {
    const words = new Int32Array(new SharedArrayBuffer(12));
    const workerData = { module: new URL("./shared-lock.ts", import.meta.url).href, words };
    const workers = Array.from(
      { length: THREADS },
      () => new Worker(COUNTING, { eval: true, execArgv: [], workerData }),
    );
    const codes = await Promise.all(workers.map((worker) => once(worker, "exit")));
    expect(codes).toEqual(workers.map(() => [0]));
    expect(words[1]).toBe(THREADS * TIMES);
    expect(words[0]).toBe(0);
  });

  test("that is never let go of, because its holder was killed, stops who waits for it", () => {
    const words = new Int32Array(new SharedArrayBuffer(4));
    new SharedLock(words, 0).lock();
    const maxSleeps = 2;
    expect(() => new SharedLock(words, 0, maxSleeps).lock()).toThrow("lets go of it");
  });
});
