import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareKeys } from "../../base/index.ts";
import { DiskError } from "../errors.ts";
import type { OrderedStore, ScanRange, StoreChange, StoreOpener, StoreRow } from "../ports.ts";

/** An opener with an empty directory to work in, and a way to let what it does happen. */
export interface StoresUnderTest {
  readonly stores: StoreOpener;
  /** Absolute; need not exist. */
  readonly directory: string;
  run<T>(promise: Promise<T>): Promise<T>;
}

const value = (text: string): Uint8Array => new TextEncoder().encode(text);
const put = (key: string, content = key): StoreChange => ({ kind: "put", key, value: value(content) });
const remove = (key: string): StoreChange => ({ kind: "delete", key });

async function collect(rows: AsyncIterable<StoreRow>): Promise<StoreRow[]> {
  const all: StoreRow[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

async function keysOf(rows: AsyncIterable<StoreRow>): Promise<string[]> {
  return (await collect(rows)).map(({ key }) => key);
}

/** What `StoreOpener`, `OrderedStore` and `StoreSnapshot` promise. */
export function storeSuite(name: string, create: () => Promise<StoresUnderTest>): void {
  describe(`${name}: OrderedStore`, () => {
    reading(create);
    isolation(create);
    lifecycle(create);
    model(create);
  });
}

type Create = () => Promise<StoresUnderTest>;

function reading(create: Create): void {
  it("gives back what was put, until it is deleted", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    await run(store.write([put("a", "1"), put("b", ""), put("c", "3"), remove("c"), remove("never")]));
    expect(store.get("a")).toEqual(value("1"));
    expect(store.get("b")).toEqual(value(""));
    expect(store.get("c")).toBeUndefined();
    expect(await run(store.getMany(["b", "x", "a"]))).toEqual([value(""), undefined, value("1")]);
    expect(await run(store.getMany([]))).toEqual([]);
    await run(store.write([put("a", "2"), remove("b")], { sync: true }));
    expect(store.get("a")).toEqual(value("2"));
    expect(store.get("b")).toBeUndefined();
    await run(store.write([]));
    await run(store.close());
  });

  it("keeps values apart from the caller's arrays", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    const bytes = Uint8Array.of(1, 2, 3);
    await run(store.write([{ kind: "put", key: "k", value: bytes }]));
    bytes.fill(9);
    const found = store.get("k");
    expect(found).toEqual(Uint8Array.of(1, 2, 3));
    expect(found?.constructor).toBe(Uint8Array);
    await run(store.close());
  });

  it("takes values on shared memory and views into larger ones", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(5);
    await run(store.write([{ kind: "put", key: "k", value: shared.subarray(2, 5) }]));
    expect(store.get("k")).toEqual(Uint8Array.of(5, 5, 5));
    await run(store.close());
  });

  it("orders keys by their UTF-8 bytes, astral characters above all others", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    const ordered = [
      "",
      "\u0000",
      "A",
      "a",
      "aa",
      "a\uffff",
      "b",
      "\u00e9",
      "\ud7ff",
      "\ue000",
      "\uffff",
      "\u{10000}",
      "\u{10ffff}",
    ];
    await run(store.write([...ordered].reverse().map((key) => put(key))));
    expect(await run(keysOf(store.scan({})))).toEqual(ordered);
    expect(await run(keysOf(store.scan({ reverse: true })))).toEqual([...ordered].reverse());
    expect(await run(keysOf(store.scan({ gt: "\uffff" })))).toEqual(["\u{10000}", "\u{10ffff}"]);
    for (const key of ordered) expect(store.get(key)).toEqual(value(key));
    await run(store.close());
  });

  it("finds long keys of characters of several bytes, each its own value", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    const keys = [];
    for (let length = 0; length < 300; length++)
      keys.push("a".repeat(length), `${"a".repeat(length)}\u65e5`, `${"a".repeat(length)}\u{1f600}`);
    await run(store.write(keys.map((key) => put(key))));
    for (const key of keys) expect(new TextDecoder().decode(store.get(key))).toBe(key);
    await run(store.close());
  });

  it("scans ranges with every kind of bound, both ways, with a limit", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    await run(store.write(["a", "b", "c", "d", "e"].map((key) => put(key))));
    const cases: [ScanRange, string][] = [
      [{}, "abcde"],
      [{ gte: "b" }, "bcde"],
      [{ gt: "b" }, "cde"],
      [{ lt: "d" }, "abc"],
      [{ lte: "d" }, "abcd"],
      [{ gte: "b", lt: "d" }, "bc"],
      [{ gt: "a", lte: "bb" }, "b"],
      [{ gte: "b", gt: "b" }, "cde"],
      [{ gte: "c", gt: "b" }, "cde"],
      [{ lte: "d", lt: "c" }, "ab"],
      [{ gte: "d", lt: "b" }, ""],
      [{ gte: "bb", lte: "bc" }, ""],
      [{ limit: 2 }, "ab"],
      [{ limit: 0 }, ""],
      [{ reverse: true, limit: 2 }, "ed"],
      [{ gt: "a", lt: "e", reverse: true }, "dcb"],
      [{ gte: "z", reverse: true }, ""],
      [{ lt: "a", reverse: true }, ""],
      [{ lte: "a", reverse: true }, "a"],
    ];
    for (const [range, expected] of cases) {
      expect((await run(keysOf(store.scan(range)))).join(""), JSON.stringify(range)).toBe(expected);
      const page = await run(store.page({ limit: 100, ...range }));
      expect(page.map(({ key }) => key).join(""), JSON.stringify(range)).toBe(expected);
    }
    await run(store.close());
  });

  it("pages and scans more rows than one call brings", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    const keys = Array.from({ length: 5000 }, (_, i) => String(i).padStart(6, "0"));
    await run(store.write(keys.map((key) => ({ kind: "put", key, value: new Uint8Array(300).fill(1) }))));
    expect(await run(keysOf(store.scan({})))).toEqual(keys);
    const page = await run(store.page({ gt: "000999", limit: 3500 }));
    expect(page.map(({ key }) => key)).toEqual(keys.slice(1000, 4500));
    await run(store.close());
  });

  it("refuses keys that are not well formed, and limits that are none", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    await expect(run(store.write([put("\ud800")]))).rejects.toThrow(
      "a key of a store is well-formed Unicode",
    );
    await expect(run(store.page({ limit: -1 }))).rejects.toThrow("a scan's limit is a whole number");
    await run(store.close());
  });

  it("clears exactly the range", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    await run(store.write(["a", "b", "c", "d"].map((key) => put(key))));
    await run(store.clear({ gt: "a", lte: "c" }));
    expect(await run(keysOf(store.scan({})))).toEqual(["a", "d"]);
    await run(store.clear({}));
    expect(await run(keysOf(store.scan({})))).toEqual([]);
    await run(store.write([put("")]));
    await run(store.clear({ gt: "" }));
    expect(await run(keysOf(store.scan({})))).toEqual([""]);
    await run(store.clear({}));
    expect(await run(keysOf(store.scan({})))).toEqual([]);
    await run(store.close());
  });
}

function isolation(create: Create): void {
  it("a scan shows the store as it was when it was asked for", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    await run(store.write([put("a", "1"), put("b", "1")]));
    const scan = store.scan({});
    const page = store.page({ limit: 10 });
    await run(store.write([put("a", "2"), remove("b"), put("c", "2")]));
    expect(await run(collect(scan))).toEqual([
      { key: "a", value: value("1") },
      { key: "b", value: value("1") },
    ]);
    expect((await run(page)).map(({ key }) => key)).toEqual(["a", "b"]);
    await run(store.close());
  });

  it("a scan may be left early", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    await run(store.write([put("a"), put("b")]));
    const first = async (): Promise<string | undefined> => {
      for await (const { key } of store.scan({})) return key;
      return undefined;
    };
    expect(await run(first())).toBe("a");
    await run(store.close());
  });

  it("a snapshot does not change while the store goes on", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    await run(store.write([put("a", "1"), put("b", "1")]));
    const snapshot = store.snapshot();
    await run(store.write([put("a", "2"), remove("b"), put("c", "2")]));
    expect(snapshot.get("a")).toEqual(value("1"));
    expect(snapshot.get("b")).toEqual(value("1"));
    expect(snapshot.get("c")).toBeUndefined();
    expect(await run(snapshot.getMany(["c", "b", "a"]))).toEqual([undefined, value("1"), value("1")]);
    expect(await run(snapshot.getMany([]))).toEqual([]);
    expect(await run(keysOf(snapshot.scan({})))).toEqual(["a", "b"]);
    expect((await run(snapshot.page({ reverse: true, limit: 5 }))).map(({ key }) => key)).toEqual(["b", "a"]);
    expect(store.get("a")).toEqual(value("2"));
    await run(snapshot.close());
    await run(store.close());
  });

  it("no reader sees a part of a batch", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
    const writes = Array.from({ length: 20 }, (_, round) =>
      store.write(keys.map((key) => put(key, `${round}`))),
    );
    const pages: Promise<readonly StoreRow[]>[] = [];
    for (const write of writes) pages.push(write.then(() => store.page({ limit: 1000 })));
    for (const rows of await run(Promise.all(pages))) {
      expect(rows).toHaveLength(200);
      expect(new Set(rows.map((row) => new TextDecoder().decode(row.value))).size).toBe(1);
    }
    await run(store.close());
  });
}

function lifecycle(create: Create): void {
  it("refuses a second open of the same directory with locked, and frees it on close", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    const error = await run(stores.open(directory)).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(DiskError);
    expect((error as DiskError).code).toBe("locked");
    await run(store.close());
    const again = await run(stores.open(directory));
    await run(again.close());
  });

  it("that all open as shared is read by all, until the last of them closes it", async () => {
    const { stores, directory, run } = await create();
    const isShared = true;
    const first = await run(stores.open(directory, { isShared }));
    const second = await run(stores.open(directory, { isShared }));
    await run(first.write([put("a", "1")]));
    expect(second.get("a")).toEqual(value("1"));
    const before = second.snapshot();
    await run(first.write([put("a", "2")]));
    expect(before.get("a")).toEqual(value("1"));
    await run(before.close());
    await expect(run(stores.open(directory))).rejects.toMatchObject({ code: "locked" });
    await run(first.close());
    expect(second.get("a")).toEqual(value("2"));
    await expect(run(stores.open(directory))).rejects.toMatchObject({ code: "locked" });
    await run(second.close());
    const alone = await run(stores.open(directory));
    await expect(run(stores.open(directory, { isShared }))).rejects.toMatchObject({ code: "locked" });
    await run(alone.close());
  });

  it("is there again after it was closed, in a directory with missing parents too", async () => {
    const { stores, directory, run } = await create();
    const nested = `${directory}/x/y`;
    const store = await run(stores.open(nested));
    await run(store.write([put("a")]));
    await run(store.close());
    const again = await run(stores.open(nested));
    expect(again.get("a")).toEqual(value("a"));
    await run(again.close());
  });

  it("refuses everything once closed with io", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    await run(store.close());
    expect(() => store.get("a")).toThrow(DiskError);
    await expect(run(store.write([put("a")]))).rejects.toThrow(DiskError);
    await expect(run(store.page({ limit: 1 }))).rejects.toThrow(DiskError);
    await expect(run(store.getMany(["a"]))).rejects.toThrow(DiskError);
    expect(() => store.scan({})).toThrow(DiskError);
  });
}

/** Characters that sort differently by bytes and by UTF-16 units, so that short keys meet all cases. */
const KEY = fc
  .array(fc.constantFrom("a", "b", "\u00e9", "\ue000", "\uffff", "\u{10000}"), { maxLength: 3 })
  .map((units) => units.join(""));

function model(create: Create): void {
  it("behaves as a sorted map does", async () => {
    const { stores, directory, run } = await create();
    const store = await run(stores.open(directory));
    const change = fc.oneof(
      fc.record({ kind: fc.constant("put" as const), key: KEY, value: fc.uint8Array({ maxLength: 4 }) }),
      fc.record({ kind: fc.constant("delete" as const), key: KEY }),
    );
    const range = fc.record(
      { gte: KEY, gt: KEY, lt: KEY, lte: KEY, reverse: fc.boolean(), limit: fc.nat(6) },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { maxLength: 20 }), { maxLength: 5 }),
        fc.array(range, { maxLength: 5 }),
        async (batches, ranges) => {
          await run(store.clear({}));
          const expected = new Map<string, Uint8Array>();
          for (const batch of batches) {
            await run(store.write(batch));
            for (const { key, ...rest } of batch) {
              if (rest.kind === "put") expected.set(key, rest.value);
              else expected.delete(key);
            }
          }
          await sameRows(store, expected, [{}, ...ranges], run);
        },
      ),
      { numRuns: 60 },
    );
    await run(store.close());
  });
}

async function sameRows(
  store: OrderedStore,
  expected: ReadonlyMap<string, Uint8Array>,
  ranges: readonly ScanRange[],
  run: StoresUnderTest["run"],
): Promise<void> {
  for (const range of ranges) {
    const { gte, gt, lt, lte } = range;
    const rows = [...expected]
      .map(([key, content]) => ({ key, value: content }))
      .filter(({ key }) => gte === undefined || compareKeys(key, gte) >= 0)
      .filter(({ key }) => gt === undefined || compareKeys(key, gt) > 0)
      .filter(({ key }) => lt === undefined || compareKeys(key, lt) < 0)
      .filter(({ key }) => lte === undefined || compareKeys(key, lte) <= 0)
      .sort((a, b) => compareKeys(a.key, b.key));
    if (range.reverse === true) rows.reverse();
    expect(await run(collect(store.scan(range)))).toEqual(rows.slice(0, range.limit));
  }
  for (const [key, content] of expected) expect(store.get(key)).toEqual(content);
}
