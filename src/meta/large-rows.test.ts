import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compareKeys } from "../base/index.ts";
import { ObjectRowSchema, PartRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import type { OrderedStore, StoreRow, StoreSnapshot } from "../platform/index.ts";
import { LevelStores, NodeDisk } from "../platform/node/index.ts";
import { objectKey, partKey, versionKey } from "./keys.ts";
import { LiveStore } from "./live-store.ts";
import type { MetadataView } from "./ports.ts";
import { StateView } from "./view.ts";

const ROWS = 120;
const PARTS = 300;
const BUCKET_ID = 1n;
const UPLOAD_ID = new Uint8Array(16).fill(9);
/** Of a row of a list, at most: what it shows is much less. */
const SUMMARY_BYTES = 512;
/** What one call into the store brings over, and the row with which that is reached. */
const PORTION_BYTES = 512 * 1024;

const root = mkdtempSync(join(tmpdir(), "skerry-rows-"));
let store: OrderedStore;
let largestBytes = 0;

const slices = Array.from({ length: PARTS }, (_, i) => ({
  blobId: new Uint8Array(16).fill(i),
  offset: 0n,
  length: 5_242_880n,
}));
const parts = Array.from({ length: PARTS }, (_, i) => ({
  partNumber: i + 1,
  size: 5_242_880n,
  checksums: [{ name: "SHA256", value: "A".repeat(44) }],
}));

/** Keys that are ASCII and keys that are not: they are decoded in two ways. */
function keyOf(at: number): string {
  return `${at % 2 === 0 ? "key" : "schlüssel"}-${String(at).padStart(4, "0")}`;
}

function objectRow(at: number): Uint8Array {
  const attributes = {
    storageClass: "STANDARD",
    checksumType: "COMPOSITE",
    checksums: [{ name: "SHA256", value: "B".repeat(44) }],
    tags: [{ key: "tag", value: String(at) }],
    userMetadata: [{ name: "note", value: "n".repeat(2_000) }],
    acl: new Uint8Array(10_000),
  };
  const row = { key: keyOf(at), versionId: new Uint8Array(16).fill(at), size: 7n, etag: "etag", attributes };
  return toBinary(ObjectRowSchema, create(ObjectRowSchema, { ...row, slices, parts }));
}

beforeAll(async () => {
  store = await new LevelStores(new NodeDisk()).open(join(root, "state"));
  const changes = Array.from({ length: ROWS }, (_, at) => {
    const value = objectRow(at);
    largestBytes = Math.max(largestBytes, value.length);
    // As a part is that was copied from an object of many.
    const part = { partNumber: at + 1, size: 5n, etag: "part", slices: [...slices, ...slices, ...slices] };
    return [
      { kind: "put", key: objectKey(BUCKET_ID, keyOf(at)), value } as const,
      { kind: "put", key: versionKey(BUCKET_ID, keyOf(at), new Uint8Array(16).fill(at)), value } as const,
      {
        kind: "put",
        key: partKey(UPLOAD_ID, at + 1),
        value: toBinary(PartRowSchema, create(PartRowSchema, part)),
      } as const,
    ];
  });
  await store.write(changes.flat());
});
afterAll(async () => {
  await store.close();
  rmSync(root, { recursive: true });
});

/** Bytes of rows that were given out in each turn of the event loop. */
class Turns {
  readonly bytes: number[] = [0];
  #tick: NodeJS.Immediate | undefined;

  begin(): void {
    this.#tick = setImmediate(() => {
      this.bytes.push(0);
      this.begin();
    });
  }

  end(): void {
    clearImmediate(this.#tick);
  }

  count({ value }: StoreRow): void {
    this.bytes[this.bytes.length - 1]! += value.length;
  }
}

function countedStore(turns: Turns): OrderedStore {
  const reads = (source: OrderedStore | StoreSnapshot) => ({
    get: (key: string) => source.get(key),
    getMany: (keys: readonly string[]) => source.getMany(keys),
    page: async (range: Parameters<StoreSnapshot["page"]>[0]) => {
      const rows = await source.page(range);
      for (const row of rows) turns.count(row);
      return rows;
    },
    scan: async function* (range: Parameters<StoreSnapshot["scan"]>[0]) {
      for await (const row of source.scan(range)) {
        turns.count(row);
        yield row;
      }
    },
  });
  const snapshot = () => {
    const still = store.snapshot();
    return { ...reads(still), close: () => still.close() };
  };
  return { ...(Object.create(store) as OrderedStore), ...reads(store), snapshot };
}

/** What `rows` keep from being collected, in bytes: the memory that the bytes in them are views of. */
function keptBytes(rows: readonly unknown[]): number {
  const buffers = new Set<ArrayBufferLike>();
  const look = (value: unknown): void => {
    if (value instanceof Uint8Array) buffers.add(value.buffer);
    else if (typeof value === "object" && value !== null) Object.values(value).forEach(look);
  };
  rows.forEach(look);
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

const ALL = { prefix: "", limit: ROWS + 1 };
const VERSIONS = { ...ALL, afterKey: "", afterVersionId: undefined };
type Read = (view: MetadataView) => Promise<readonly object[]>;

describe("rows with large manifests cost a list what it shows", () => {
  test.each<[string, Read]>([
    ["objects", (view) => view.objects(BUCKET_ID, { ...ALL, after: "" })],
    ["versions", (view) => view.versions(BUCKET_ID, VERSIONS)],
    ["objects of one moment", (view) => view.still((rows) => rows.objects(BUCKET_ID, { ...ALL, after: "" }))],
    ["versions of one moment", (view) => view.still((rows) => rows.versions(BUCKET_ID, VERSIONS))],
    ["parts of an upload", (view) => view.parts(UPLOAD_ID, { after: 0, limit: ROWS + 1 })],
  ])("%s", async (_what, read) => {
    const turns = new Turns();
    const view = new StateView(new LiveStore(countedStore(turns)), { index: () => 1, timeMs: () => 1 });
    turns.begin();
    const rows = await read(view);
    turns.end();
    expect(rows).toHaveLength(ROWS);
    const totalBytes = turns.bytes.reduce((sum, bytes) => sum + bytes, 0);
    expect(totalBytes).toBeGreaterThan(2 * (PORTION_BYTES + largestBytes));
    expect(Math.max(...turns.bytes)).toBeLessThanOrEqual(PORTION_BYTES + largestBytes);
    expect(keptBytes(rows)).toBeLessThanOrEqual(ROWS * SUMMARY_BYTES);
  });
});

test("a page of several portions is of one moment", async () => {
  const key = objectKey(BUCKET_ID, "zzz");
  let isWritten = false;
  const interrupted: Pick<OrderedStore, "scan"> = {
    scan: async function* (range) {
      for await (const row of store.scan(range)) {
        if (!isWritten) await store.write([{ kind: "put", key, value: objectRow(0) }]);
        isWritten = true;
        yield row;
      }
    },
  };
  const changing = new LiveStore({ ...(Object.create(store) as OrderedStore), ...interrupted });
  const view = new StateView(changing, { index: () => 1, timeMs: () => 1 });
  expect(await view.objects(BUCKET_ID, { ...ALL, after: "" })).toHaveLength(ROWS);
  expect(isWritten).toBe(true);
  await store.write([{ kind: "delete", key }]);
});

test("what lists, lifecycle rules and new wrappings look at is there", async () => {
  const view = new StateView(new LiveStore(store), { index: () => 1, timeMs: () => 1 });
  const rows = await view.objects(BUCKET_ID, { ...ALL, after: "" });
  const keys = Array.from({ length: ROWS }, (_, at) => keyOf(at)).sort(compareKeys);
  expect(rows.map(({ key }) => key)).toEqual(keys);
  for (const row of rows) {
    const { slices: _slices, parts: _parts, attributes, ...shown } = view.object(BUCKET_ID, row.key)!;
    const { headers: _headers, userMetadata: _metadata, acl: _acl, ...shownAttributes } = attributes!;
    expect(row).toMatchObject({ ...shown, attributes: { ...shownAttributes } });
    expect(row).toMatchObject({ slices: [], parts: [], attributes: { userMetadata: [] } });
    expect(row.sliceCount).toBe(PARTS);
  }
});
