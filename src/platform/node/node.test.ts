import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { diskSuite } from "../testing/disk-suite.ts";
import { hasherSuite } from "../testing/hasher-suite.ts";
import { randomSuite } from "../testing/random-suite.ts";
import { storeSuite } from "../testing/store-suite.ts";
import { timeSuite } from "../testing/time-suite.ts";
import {
  LevelStores,
  NodeClock,
  NodeDisk,
  NodeHasher,
  NodeRandom,
  NodeTimers,
  PlainHasher,
} from "./index.ts";

const root = mkdtempSync(join(tmpdir(), "skerry-platform-"));
const hasher = new NodeHasher();

afterAll(async () => {
  await hasher.close();
  rmSync(root, { recursive: true });
});

/** In real time things happen by themselves. */
const run = <T>(promise: Promise<T>): Promise<T> => promise;
const emptyDirectory = (): string => mkdtempSync(join(root, "t-"));

timeSuite("node", () => ({ clock: new NodeClock(), timers: new NodeTimers(), run }));
randomSuite("node", () => new NodeRandom());
diskSuite("node", async () => ({ disk: new NodeDisk(), directory: emptyDirectory(), run }));
storeSuite("node", async () => ({
  stores: new LevelStores(new NodeDisk()),
  directory: emptyDirectory(),
  run,
}));
hasherSuite("node, off the thread", () => hasher);
hasherSuite("node, on the thread", () => new PlainHasher());
