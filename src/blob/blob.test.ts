import { createHash } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { describe, expect, it, vi } from "vitest";
import { Deferred } from "../base/index.ts";
import type { NewBlob } from "../gen/skerry/meta/v1/commands_pb.js";
import { type BlobRow, BlobRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { NodeClock, NodeHasher, NodeTimers } from "../platform/node/index.ts";
import { CHUNK_BYTES, type ChunkData } from "../segment/index.ts";
import {
  type BlobStore,
  type ChunkTarget,
  type ChunkTargets,
  type ClusterBlobStoreOptions,
  createClusterBlobStore,
} from "./index.ts";
import { MemoryTargets } from "./testing/memory-targets.ts";

const hasher = new NodeHasher();
const INLINE_BYTES = 1024;

function storeOver(
  targets: ChunkTargets,
  options: Partial<
    Pick<ClusterBlobStoreOptions, "stragglerMs" | "bufferBudgetBytes" | "readBudgetBytes" | "findBlob">
  > = {},
): BlobStore {
  let next = 0;
  return createClusterBlobStore({
    targets,
    hasher,
    clock: new NodeClock(),
    timers: new NodeTimers(),
    newBlobId: () => {
      const id = new Uint8Array(16);
      id[15] = next++;
      return id;
    },
    inlineBytes: INLINE_BYTES,
    bufferBudgetBytes: options.bufferBudgetBytes ?? 64 * 1024 * 1024,
    stragglerMs: options.stragglerMs ?? 50,
    ...(options.readBudgetBytes !== undefined && { readBudgetBytes: options.readBudgetBytes }),
    ...(options.findBlob && { findBlob: options.findBlob }),
  });
}

function pattern(sizeBytes: number): Uint8Array {
  const bytes = new Uint8Array(sizeBytes);
  for (let index = 0; index < sizeBytes; index++) bytes[index] = (index * 31 + (index >> 8)) & 0xff;
  return bytes;
}

async function* pieces(bytes: Uint8Array, pieceBytes: number): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

function rowOf(blob: NewBlob): BlobRow {
  const { $typeName: _, ...rest } = blob;
  return create(BlobRowSchema, rest);
}

async function readAll(store: BlobStore, blob: NewBlob, offset: number, length: number): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for await (const piece of store.read(rowOf(blob), offset, length, new AbortController().signal))
    read.push(piece);
  return Buffer.concat(read);
}

function write(
  store: BlobStore,
  bytes: Uint8Array,
  options: { sizeBytes?: number; signal?: AbortSignal } = {},
) {
  return store.write({
    sizeBytes: options.sizeBytes ?? bytes.length,
    bytes: pieces(bytes, 65_537),
    digests: ["md5"],
    signal: options.signal ?? new AbortController().signal,
  });
}

describe("a blob that was written", () => {
  const sizes = [
    0,
    1,
    INLINE_BYTES,
    INLINE_BYTES + 1,
    65_536,
    CHUNK_BYTES - 1,
    CHUNK_BYTES,
    CHUNK_BYTES + 1,
    9_000_001,
  ];
  it.each(sizes)("of %i bytes reads back the same and has the MD5 of its bytes", async (sizeBytes) => {
    const targets = new MemoryTargets([1, 2, 3], 2);
    const store = storeOver(targets);
    const bytes = pattern(sizeBytes);
    const { blob, digests } = await write(store, bytes);
    expect(Buffer.from(digests[0] ?? []).toString("hex")).toBe(createHash("md5").update(bytes).digest("hex"));
    if (blob === undefined) {
      expect(sizeBytes).toBe(0);
      return;
    }
    expect(blob.isInline).toBe(sizeBytes <= INLINE_BYTES);
    expect(blob.chunks.map((chunk) => chunk.nodeIds.length)).toEqual(blob.chunks.map(() => 3));
    expect(Buffer.compare(await readAll(store, blob, 0, sizeBytes), bytes)).toBe(0);
  });

  it("reads any range", async () => {
    const store = storeOver(new MemoryTargets([1], 1));
    const bytes = pattern(2 * CHUNK_BYTES + 12_345);
    const blob = (await write(store, bytes)).blob!;
    const ranges = [
      [0, 1],
      [CHUNK_BYTES - 1, 2],
      [CHUNK_BYTES + 5, 1_048_576],
      [1_048_575, 3],
      [bytes.length - 1, 1],
      [12_345, 2 * CHUNK_BYTES],
    ] as const;
    for (const [offset, length] of ranges) {
      const read = await readAll(store, blob, offset, length);
      expect(Buffer.compare(read, bytes.subarray(offset, offset + length))).toBe(0);
    }
  });
});

describe("writing with a node that does not keep up", () => {
  const bytes = pattern(CHUNK_BYTES + 1);

  it("goes on without a failed node when the others are a quorum", async () => {
    const targets = new MemoryTargets([1, 2, 3], 2);
    targets.behaviour.set(3, { write: "io" });
    const { blob } = await write(storeOver(targets), bytes);
    expect(blob?.chunks.map((chunk) => chunk.nodeIds)).toEqual([
      [1n, 2n],
      [1n, 2n],
    ]);
  });

  it("replaces a failed node by a spare", async () => {
    const targets = new MemoryTargets([1, 2, 3], 2, [4]);
    targets.behaviour.set(2, { write: "io" });
    const { blob } = await write(storeOver(targets), bytes);
    for (const chunk of blob?.chunks ?? []) expect(new Set(chunk.nodeIds)).toEqual(new Set([1n, 3n, 4n]));
  });

  it.each([
    ["as many nodes as the quorum", [1, 2], [2]],
    ["more nodes than the quorum", [1, 2, 3], [2]],
    ["two nodes at once", [1, 2, 3], [2, 3]],
    ["the only node", [1], [1]],
  ])("replaces it for every chunk that was on its way to it: %s", async (_, nodes, failing) => {
    const targets = new MemoryTargets(nodes, Math.min(2, nodes.length), [4, 5]);
    for (const nodeId of failing) targets.behaviour.set(nodeId, { breaksUnder: 2 });
    const { blob } = await write(storeOver(targets, { stragglerMs: 60_000 }), bytes);
    for (const chunk of blob?.chunks ?? []) expect(chunk.nodeIds).toHaveLength(nodes.length);
  });

  it("leaves a node behind that never answers", async () => {
    const targets = new MemoryTargets([1, 2, 3], 2);
    targets.behaviour.set(2, { write: "never" });
    const { blob } = await write(storeOver(targets, { stragglerMs: 5 }), bytes);
    expect(blob?.chunks.at(-1)?.nodeIds).toEqual([1n, 3n]);
  });

  it("is refused without a quorum, and says whether the disks were full", async () => {
    const targets = new MemoryTargets([1, 2, 3], 2);
    targets.behaviour.set(2, { write: "io" });
    targets.behaviour.set(3, { write: "io" });
    await expect(write(storeOver(targets), bytes)).rejects.toMatchObject({ code: "unavailable" });
    targets.behaviour.set(2, { write: "no-space" });
    targets.behaviour.set(3, { write: "no-space" });
    await expect(write(storeOver(targets), bytes)).rejects.toMatchObject({ code: "storage-full" });
  });
});

describe("a source that breaks its promise", () => {
  it.each([
    ["too short", 2_000_000, 1_999_999],
    ["too long", 2_000_000, 2_000_001],
    ["too short and small", 100, 99],
    ["too long and small", 100, 101],
  ])("%s is refused", async (_, promised, delivered) => {
    const store = storeOver(new MemoryTargets([1], 1));
    const writing = write(store, pattern(delivered), { sizeBytes: promised });
    await expect(writing).rejects.toMatchObject({ code: "length-mismatch" });
  });

  it("passes the source's own error through, and gives its memory back", async () => {
    const budget = 16 * 1024 * 1024;
    const store = storeOver(new MemoryTargets([1], 1), { bufferBudgetBytes: budget });
    async function* failing(): AsyncIterable<Uint8Array> {
      yield pattern(1_000_000);
      throw new Error("the client went away");
    }
    for (let attempt = 0; attempt < 20; attempt++) {
      const writing = store.write({
        sizeBytes: 8_000_000,
        bytes: failing(),
        digests: ["md5"],
        signal: new AbortController().signal,
      });
      await expect(writing).rejects.toThrow("the client went away");
    }
    const { blob } = await write(store, pattern(8_000_000));
    expect(blob?.chunks).toHaveLength(2);
  });

  it("that is given up holds its memory as long as a disk reads it, and no longer", async () => {
    const targets = new MemoryTargets([1], 1);
    const reading: { readonly chunk: ChunkData; readonly done: Deferred<void> }[] = [];
    const store = storeOver(
      {
        place: () => targets.place(),
        distance: () => 0,
        target: (nodeId) => {
          const target = targets.target(nodeId);
          // A disk goes on with a write that was begun, whoever gives up.
          const write = (chunk: ChunkData): Promise<void> => {
            const done = new Deferred<void>();
            reading.push({ chunk, done });
            return done.promise;
          };
          return target && { ...target, write };
        },
      },
      { bufferBudgetBytes: CHUNK_BYTES },
    );
    const caller = new AbortController();
    const bytes = pattern(CHUNK_BYTES);
    const first = write(store, bytes, { signal: caller.signal });
    await vi.waitFor(() => expect(reading).toHaveLength(1));
    caller.abort(new Error("gone"));
    await expect(first).rejects.toMatchObject({ code: "canceled" });
    const second = write(store, bytes);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(reading).toHaveLength(1);
    reading[0]?.done.resolve();
    await vi.waitFor(() => expect(reading).toHaveLength(2));
    reading[1]?.done.resolve();
    await second;
    // The same memory again: nothing is left to the collector.
    const [before, after] = reading.map(({ chunk }) => chunk.pieces[0]?.buffer);
    expect(after).toBe(before);
  });

  it("stops when the caller gives up", async () => {
    const targets = new MemoryTargets([1], 1);
    targets.behaviour.set(1, { write: "never" });
    const abort = new AbortController();
    const writing = write(storeOver(targets), pattern(CHUNK_BYTES * 3), { signal: abort.signal });
    setImmediate(() => abort.abort());
    await expect(writing).rejects.toMatchObject({ code: "canceled" });
  });
});

describe("the memory of readers", () => {
  const MIB = 1024 * 1024;
  const BYTES = pattern(CHUNK_BYTES + 3 * MIB + 1000);

  /** `asked`: lengths that were read, newest last. */
  async function stored(readBudgetBytes: number) {
    const asked: number[] = [];
    const targets = new MemoryTargets([1], 1);
    const store = storeOver(
      {
        place: () => targets.place(),
        distance: (nodeId) => targets.distance(nodeId),
        target: (nodeId) => {
          const target = targets.target(nodeId);
          const read: ChunkTarget["read"] = (address, offset, length, signal) => {
            asked.push(length);
            return target!.read(address, offset, length, signal);
          };
          return target && { ...target, read };
        },
      },
      { readBudgetBytes },
    );
    const { blob } = await write(store, BYTES);
    const open = (signal = new AbortController().signal) =>
      store.read(rowOf(blob!), 0, BYTES.length, signal)[Symbol.asyncIterator]();
    return { asked, store, blob: blob!, open };
  }

  it("is one step and one ahead, whatever the reader does", async () => {
    const { asked, open } = await stored(64 * MIB);
    const reader = open();
    await reader.next();
    await new Promise(setImmediate);
    expect(asked).toEqual([MIB, MIB]);
    await reader.return?.();
  });

  it("is a small step where others hold all of it, and nobody waits for them", async () => {
    const { asked, store, blob, open } = await stored(3 * MIB);
    const stalled = [open(), open()];
    for (const reader of stalled) await reader.next();
    expect(asked.splice(0)).toEqual([MIB, MIB, MIB]);
    const late = open();
    await late.next();
    await new Promise(setImmediate);
    expect(asked.splice(0)).toEqual([64 * 1024]);
    expect(Buffer.compare(await readAll(store, blob, 0, BYTES.length), BYTES)).toBe(0);
    expect(Math.max(...asked.splice(0))).toBe(64 * 1024);
    for (const reader of stalled) await reader.return?.();
    // There is room again, up to the next whole step.
    await late.next();
    expect(asked.splice(0)).toEqual([MIB - 64 * 1024, MIB]);
    await late.return?.();
  });

  it("is given back by a reader that has read all, that leaves, that fails, or that is called off", async () => {
    const { asked, store, blob, open } = await stored(2 * MIB);
    const endings: (() => Promise<unknown>)[] = [
      () => readAll(store, blob, 0, BYTES.length),
      async () => {
        const reader = open();
        await reader.next();
        await reader.return?.();
      },
      async () => {
        const caller = new AbortController();
        // Never asked again.
        await open(caller.signal).next();
        caller.abort(new Error("gone"));
      },
      () => readAll(store, { ...blob, blobId: new Uint8Array(16).fill(9) }, 0, MIB).catch(() => undefined),
    ];
    for (const end of endings) {
      await end();
      asked.splice(0);
      const reader = open();
      await reader.next();
      expect(asked.splice(0)).toEqual([MIB, MIB]);
      await reader.return?.();
    }
  });

  it("does not change what is read", async () => {
    const { store, blob } = await stored(1);
    for (const [offset, length] of [
      [0, BYTES.length],
      [1, 70_000],
      [65_535, 2],
      [CHUNK_BYTES - 1, 2],
      [BYTES.length - 1, 1],
    ] as const) {
      const read = await readAll(store, blob, offset, length);
      expect(Buffer.compare(read, BYTES.subarray(offset, offset + length))).toBe(0);
    }
  });
});

describe("reading with damage", () => {
  it("asks the next node, and says so when none has a good copy", async () => {
    const targets = new MemoryTargets([1, 2, 3], 2);
    const store = storeOver(targets);
    const bytes = pattern(3_000_000);
    const blob = (await write(store, bytes)).blob!;
    targets.behaviour.set(1, { read: "damaged" });
    expect(Buffer.compare(await readAll(store, blob, 0, bytes.length), bytes)).toBe(0);
    targets.behaviour.set(2, { read: "damaged" });
    targets.behaviour.set(3, { read: "damaged" });
    await expect(readAll(store, blob, 0, bytes.length)).rejects.toMatchObject({ code: "data-unavailable" });
  });

  it("asks a second node when the first is slow", async () => {
    const targets = new MemoryTargets([1, 2], 2);
    const store = storeOver(targets);
    const bytes = pattern(100_000);
    const blob = (await write(store, bytes)).blob!;
    targets.behaviour.set(1, { read: "never" });
    expect(Buffer.compare(await readAll(store, blob, 0, bytes.length), bytes)).toBe(0);
    expect(targets.reads).toEqual([1, 2]);
  });

  it("goes on where repair has moved the blob to, and does not look that up for every step", async () => {
    const targets = new MemoryTargets([1], 1);
    let row: BlobRow | undefined;
    let lookUps = 0;
    const store = storeOver(targets, {
      findBlob: async () => {
        lookUps++;
        return row;
      },
    });
    const bytes = pattern(2 * CHUNK_BYTES);
    const written = rowOf((await write(store, bytes)).blob!);
    row = { ...written, chunks: written.chunks.map((chunk) => ({ ...chunk, nodeIds: [2n] })) };
    const read: Uint8Array[] = [];
    for await (const piece of store.read(written, 0, bytes.length, new AbortController().signal)) {
      if (read.length === 0) targets.move(1, 2);
      read.push(piece);
    }
    expect(Buffer.compare(Buffer.concat(read), bytes)).toBe(0);
    // The step that was read ahead may fail beside the next one.
    expect(lookUps).toBeGreaterThan(0);
    expect(lookUps).toBeLessThanOrEqual(2);
  });

  it.each([
    ["that is gone", undefined],
    ["that has not moved", [1n]],
  ])("fails for a blob %s", async (_, nodeIds) => {
    const targets = new MemoryTargets([1], 1);
    let row: BlobRow | undefined;
    const store = storeOver(targets, { findBlob: async () => row });
    const blob = (await write(store, pattern(70_000))).blob!;
    const chunks = blob.chunks.map((chunk) => ({ ...chunk, nodeIds: nodeIds ?? [] }));
    if (nodeIds !== undefined) row = { ...rowOf(blob), chunks };
    targets.chunks.clear();
    await expect(readAll(store, blob, 0, 10)).rejects.toMatchObject({ code: "data-unavailable" });
    expect(targets.reads).toEqual([1]);
  });

  it("asks the nearest node first and a dead one last", async () => {
    const targets = new MemoryTargets([1, 2, 3], 2);
    const store = storeOver(targets);
    const blob = (await write(store, pattern(70_000))).blob!;
    targets.behaviour.set(1, { dead: true });
    await readAll(store, blob, 0, 10);
    expect(targets.reads).toEqual([2]);
  });
});
