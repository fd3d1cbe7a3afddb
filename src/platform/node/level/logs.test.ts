import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32c } from "@node-rs/crc32";
import type { ClassicLevel } from "classic-level";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createPrng } from "../../../base/index.ts";
import { DiskError } from "../../errors.ts";
import type { Disk, DiskFile, OrderedStore } from "../../ports.ts";
import { NodeDisk } from "../disk.ts";
import { recordsOf } from "./log-format.ts";
import { LevelStore } from "./store.ts";
import { LevelStores } from "./stores.ts";

const BATCHES = 60;
const BLOCK_BYTES = 32_768;
/** Of random damage. Any number gives another one. */
const SEED = 20_261_123;

let root: string;
let directory: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "skerry-level-"));
  directory = join(root, "store");
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

const open = (): Promise<OrderedStore> => new LevelStores(new NodeDisk()).open(directory);
const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const keyOf = (batch: number): string => `row-${String(batch).padStart(4, "0")}`;

/** Batches of two rows each, in one log: which batch was the last, and a row of up to 5 KB of its own. Returns the path of the log. */
async function writeBatches(): Promise<string> {
  const store = await open();
  for (let batch = 0; batch < BATCHES; batch++) {
    const value = new Uint8Array(1 + ((batch * 977) % 5000)).fill(batch);
    await store.write([
      { kind: "put", key: keyOf(batch), value },
      { kind: "put", key: "last", value: text(String(batch)) },
    ]);
  }
  await store.close();
  const [log, ...others] = logs();
  expect(others).toEqual([]);
  return log!;
}

function logs(): string[] {
  const names = readdirSync(directory).filter((name) => name.endsWith(".log"));
  return names.sort().map((name) => join(directory, name));
}

const numberOf = (log: string): number => Number(/(\d+)\.log$/.exec(log)?.[1]);
const logNumbered = (number: number): string => join(directory, `${String(number).padStart(6, "0")}.log`);

/** How many batches a store has that is opened now. It has all rows of those, and none of others. */
async function batchesFound(): Promise<number> {
  const store = await open();
  const keys: string[] = [];
  for await (const { key } of store.scan({ gte: "row-", lt: "row." })) keys.push(key);
  const last = store.get("last");
  await store.close();
  expect(keys).toEqual(keys.map((_, batch) => keyOf(batch)));
  expect(last && new TextDecoder().decode(last)).toBe(
    keys.length === 0 ? undefined : String(keys.length - 1),
  );
  return keys.length;
}

/** A log as LevelDB writes it. */
function logOf(records: readonly Uint8Array[]): Uint8Array {
  const parts: Uint8Array[] = [];
  let at = 0;
  const add = (part: Uint8Array): void => {
    parts.push(part);
    at += part.length;
  };
  for (const record of records) {
    let rest = record;
    for (let isFirst = true; isFirst || rest.length > 0; isFirst = false) {
      const left = BLOCK_BYTES - (at % BLOCK_BYTES);
      if (left < 7) add(new Uint8Array(left));
      const room = BLOCK_BYTES - (at % BLOCK_BYTES) - 7;
      const piece = rest.subarray(0, room);
      rest = rest.subarray(piece.length);
      const type = isFirst ? (rest.length === 0 ? 1 : 2) : rest.length === 0 ? 4 : 3;
      const checked = Buffer.concat([Uint8Array.of(type), piece]);
      const header = Buffer.alloc(6);
      const checksum = crc32c(checked);
      header.writeUInt32LE((((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0, 0);
      header.writeUInt16LE(piece.length, 4);
      add(header);
      add(checked);
    }
  }
  return Buffer.concat(parts);
}

describe("the logs of LevelDB", () => {
  it("are read record by record, as they were written", async () => {
    const bytes = readFileSync(await writeBatches());
    const records = [...recordsOf(bytes)];
    expect(records).toHaveLength(BATCHES);
    expect(records.at(-1)?.end).toBe(bytes.length);
    expect(Buffer.compare(bytes, logOf(records.map(({ data }) => data)))).toBe(0);
  });

  it("are read in order, where there are two", async () => {
    const log = await writeBatches();
    const records = [...recordsOf(readFileSync(log))].map(({ data }) => data);
    writeFileSync(log, logOf(records.slice(0, 20)));
    writeFileSync(logNumbered(numberOf(log) + 1), logOf(records.slice(20)));
    expect(await batchesFound()).toBe(BATCHES);
  });

  it("count up to the end of the first that has lost some, whatever the second one has", async () => {
    const log = await writeBatches();
    const records = [...recordsOf(readFileSync(log))].map(({ data }) => data);
    // A power loss has taken the last batch of the log that was full and closed, and not the synced ones behind it.
    writeFileSync(log, logOf(records.slice(0, 19)));
    writeFileSync(logNumbered(numberOf(log) + 1), logOf(records.slice(20)));
    expect(await batchesFound()).toBe(19);
    // It goes on from there, and finds the same the next time.
    const store = await open();
    await store.write([
      { kind: "put", key: keyOf(19), value: text("new") },
      { kind: "put", key: "last", value: text("19") },
    ]);
    await store.close();
    expect(await batchesFound()).toBe(20);
  });

  it("count up to a hole within one", async () => {
    const log = await writeBatches();
    const bytes = readFileSync(log);
    const ends = [...recordsOf(bytes)].map(({ end }) => end);
    bytes.fill(0, ends[30]! + 10, ends[30]! + 20);
    writeFileSync(log, bytes);
    expect(await batchesFound()).toBe(31);
  });

  it("count up to their torn end", async () => {
    const log = await writeBatches();
    const ends = [...recordsOf(readFileSync(log))].map(({ end }) => end);
    truncateSync(log, ends[40]! + 3);
    expect(await batchesFound()).toBe(41);
  });

  it(`give a beginning of what was written, whatever is missing (seed ${SEED})`, async () => {
    const prng = createPrng(SEED);
    const log = await writeBatches();
    const written = join(root, "written");
    cpSync(directory, written, { recursive: true });
    const whole = readFileSync(log);
    const records = [...recordsOf(whole)];
    for (let round = 0; round < 40; round++) {
      rmSync(directory, { recursive: true });
      cpSync(written, directory, { recursive: true });
      const split = prng.below(BATCHES + 1);
      const halves = [records.slice(0, split), records.slice(split)].map((some) =>
        Buffer.from(logOf(some.map(({ data }) => data))),
      );
      // Sectors that did not reach the disk, anywhere in both.
      for (const half of halves) {
        for (let lost = prng.below(3); lost > 0 && half.length > 0; lost--) {
          const sector = prng.below(Math.ceil(half.length / 512)) * 512;
          half.subarray(sector, sector + 512).fill(0);
        }
      }
      writeFileSync(log, halves[0]!);
      writeFileSync(logNumbered(numberOf(log) + 1), halves[1]!);
      const isWhole = Buffer.compare(Buffer.concat(halves.map(bodyOf)), bodyOf(whole)) === 0;
      const found = await batchesFound();
      expect(found === BATCHES, `round ${round}`).toBe(isWhole);
    }
  });

  it("do not count where their rows are in tables", async () => {
    const log = await writeBatches();
    writeFileSync(logNumbered(numberOf(log) - 1), new Uint8Array(100).fill(7));
    expect(await batchesFound()).toBe(BATCHES);
  });

  it("are looked at once more before anything is cut: whoever had the store open was perhaps just writing", async () => {
    const log = await writeBatches();
    const disk = new NodeDisk();
    let isWriting = true;
    const shorter = new Proxy(disk, {
      get(target, name) {
        const value: unknown = Reflect.get(target, name, target);
        if (name !== "open") return typeof value === "function" ? value.bind(target) : value;
        return async (...args: Parameters<Disk["open"]>): Promise<DiskFile> => {
          const file = await target.open(...args);
          if (args[0] !== log || !isWriting) return file;
          isWriting = false;
          const sizeBytes = (await file.sizeBytes()) - 3;
          return Object.assign(file, { sizeBytes: () => Promise.resolve(sizeBytes) });
        };
      },
    });
    await (await new LevelStores(shorter).open(directory)).close();
    expect(isWriting).toBe(false);
    expect(await batchesFound()).toBe(BATCHES);
  });

  it("are left alone while somebody has the store open", async () => {
    const store = await open();
    await store.write([{ kind: "put", key: "k", value: text("v") }]);
    const torn = logNumbered(numberOf(logs()[0]!) + 1);
    writeFileSync(torn, new Uint8Array(100).fill(7));
    await expect(open()).rejects.toMatchObject({ code: "locked" });
    expect(readFileSync(torn)).toHaveLength(100);
    await store.close();
  });
});

/** Its batches, one after the other. */
function bodyOf(log: Uint8Array): Buffer {
  return Buffer.concat([...recordsOf(log)].map(({ data }) => data));
}

/** A disk that tells which files and directories were synced. */
function watched(disk: Disk): { readonly disk: Disk; readonly synced: string[] } {
  const synced: string[] = [];
  const watchedFile = (file: DiskFile): DiskFile =>
    new Proxy(file, {
      get(target, name) {
        if (name === "syncData") synced.push(file.path);
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  return {
    synced,
    disk: new Proxy(disk, {
      get(target, name) {
        if (name === "open")
          return async (...args: Parameters<Disk["open"]>) => watchedFile(await target.open(...args));
        if (name === "syncDirectory") {
          return (path: string) => {
            synced.push(path);
            return target.syncDirectory(path);
          };
        }
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? value.bind(target) : value;
      },
    }),
  };
}

describe("a write to LevelDB", () => {
  const row = { kind: "put", key: "k", value: text("v") } as const;

  it("with a sync makes the logs durable that LevelDB has closed, and the name of the one that it writes to", async () => {
    const { disk, synced } = watched(new NodeDisk());
    const store = await new LevelStores(disk).open(directory);
    const closed = logNumbered(numberOf(logs()[0]!) - 1);
    writeFileSync(closed, "full");
    synced.length = 0;
    await store.write([row]);
    expect(synced).toEqual([]);
    await store.write([row], { sync: true });
    expect(synced).toEqual([closed, directory]);
    rmSync(closed);
    synced.length = 0;
    await store.write([row], { sync: true });
    expect(synced).toEqual([]);
    await store.close();
  });

  it("is refused once one has failed, also one that was asked for before, until the store is opened again", async () => {
    let calls = 0;
    const failing = {
      batch: () => ({
        put: () => undefined,
        del: () => undefined,
        write: () => {
          calls++;
          return Promise.reject(new Error("IO error: 000003.log: No space left on device"));
        },
      }),
      clear: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
    const store = new LevelStore(
      failing as unknown as ClassicLevel<string, Uint8Array>,
      directory,
      new NodeDisk(),
    );
    const outcomes = await Promise.allSettled([store.write([row]), store.write([row]), store.clear({})]);
    for (const outcome of outcomes) {
      expect(
        outcome.status === "rejected" && outcome.reason instanceof DiskError && outcome.reason.code,
      ).toBe("no-space");
    }
    await expect(store.write([row], { sync: true })).rejects.toThrow("must be opened again");
    expect(calls).toBe(1);
    await store.close();
  });
});
