/**
 * A small file that is replaced, after a power loss at every sync point, with every choice of what reached the disk: the content before or the one after,
 * whole. See `testing/crash-images.ts`.
 */

import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Disk } from "./index.ts";
import { readSmallFile, replaceFile } from "./index.ts";
import {
  CRASH_TEST_TIMEOUT_MS,
  type CrashSubject,
  type CrashWorld,
  crashBudget,
  type Recovered,
  tryCrashes,
} from "./testing/crash-images.ts";

const DIRECTORY = "/data";
const PATH = `${DIRECTORY}/file`;
/** Longer and shorter ones in turn, from nothing to several sectors. */
const LENGTHS = [100, 3000, 0, 1500, 1, 512, 2000];
/** Of the number of contents. */
const CONTENTS = LENGTHS.map((length, number) => new Uint8Array(length).fill(number + 1));
const NONE = -1;

/** Numbers of contents: from the one that is durable to the one that is being written. */
interface Range {
  readonly from: number;
  readonly to: number;
}

async function contentOf(disk: Disk): Promise<number> {
  const found = await readSmallFile(disk, PATH);
  if (found === undefined) return NONE;
  const number = CONTENTS.findIndex((content) => Buffer.compare(content, found) === 0);
  const digest = createHash("sha256").update(found).digest("hex");
  expect(number, `${found.length} bytes, SHA-256 ${digest}: never written`).toBeGreaterThanOrEqual(0);
  return number;
}

class Script {
  readonly finished: Promise<void>;
  #range: Range = { from: NONE, to: NONE };

  constructor({ machine }: CrashWorld) {
    this.finished = this.#run(machine.boot().platform.disk);
  }

  progress(): Range {
    return this.#range;
  }

  async #run(disk: Disk): Promise<void> {
    await disk.makeDirectory(DIRECTORY);
    await disk.syncDirectory("/");
    for (const [number, content] of CONTENTS.entries()) {
      this.#range = { from: number - 1, to: number };
      await replaceFile(disk, PATH, content);
      this.#range = { from: number, to: number };
    }
  }
}

async function recover({ machine }: CrashWorld): Promise<Recovered<Range>> {
  const { disk } = machine.boot().platform;
  await disk.makeDirectory(DIRECTORY);
  await disk.syncDirectory("/");
  await disk.syncDirectory(DIRECTORY);
  const number = await contentOf(disk);
  return {
    state: { from: number, to: number },
    goOn: async () => {
      const next = (number + 1) % CONTENTS.length;
      await replaceFile(disk, PATH, CONTENTS[next] ?? new Uint8Array(0));
      expect((await disk.list(DIRECTORY)).map(({ name }) => name)).toEqual(["file"]);
      return { from: next, to: next };
    },
  };
}

const subject: CrashSubject<Range, Range> = {
  name: "a file that is replaced",
  run: (world) => new Script(world),
  recover,
  check: (found, { from, to }) => expect([from, to]).toContain(found.from),
  checkStays: (before, after) => expect(after).toEqual(before),
};

test(
  "a file is as before or as it was to be, whatever a power loss leaves of its replacement",
  async () => {
    const counts = await tryCrashes(subject, crashBudget("durable-file", 40));
    expect(counts.triedPoints).toBe(counts.syncPoints);
    expect(counts.images).toBeGreaterThan(50);
  },
  CRASH_TEST_TIMEOUT_MS,
);
