import { create } from "@bufbuild/protobuf";
import { afterEach, describe, expect, it } from "vitest";
import { concatBytes, createPrng, type Prng } from "../../base/index.ts";
import { BlobChunkSchema, type BlobRow, BlobRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { CHUNK_BYTES } from "../../segment/index.ts";
import { BlobError, type BlobStore } from "../index.ts";
import { MemoryTargets } from "../testing/memory-targets.ts";
import { PACKET_BYTES, READ_AHEAD_BYTES, WRITE_WINDOW_BYTES } from "./protocol.ts";
import { decodeRow, encodeRow } from "./row-message.ts";
import {
  createGateway,
  diskLikeStore,
  hasher,
  INLINE_BYTES,
  localStore,
  PoisonedBuffers,
  randomPieces,
  rowOf,
  turns,
  until,
} from "./testing/gateway.ts";

const NEVER = new AbortController().signal;
const LARGEST_PIECE_BYTES = 1024 * 1024;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

function gatewayTo(blobs: BlobStore, buffers = new PoisonedBuffers()) {
  const gateway = createGateway(blobs, buffers);
  ends.push(gateway.end);
  return gateway;
}

function seeded(seed: string): Prng {
  console.log(`seed ${seed}`);
  return createPrng(seed);
}

function randomSeed(): string {
  return `${process.env["SKERRY_TEST_SEED"] ?? Date.now()}`;
}

const write = (store: BlobStore, bytes: Uint8Array, prng: Prng) =>
  store.write({
    sizeBytes: bytes.length,
    bytes: randomPieces(bytes, prng),
    digests: ["md5", "sha256"],
    signal: NEVER,
  });

async function readAll(store: BlobStore, row: BlobRow, offset: number, length: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of store.read(row, offset, length, NEVER)) pieces.push(piece);
  return concatBytes(pieces);
}

function expectSame(found: Uint8Array, wanted: Uint8Array, what: string): void {
  expect(Buffer.compare(found, wanted), what).toBe(0);
}

describe("blobs of another thread", () => {
  const sizes = [0, 1, INLINE_BYTES, INLINE_BYTES + 1, 16_383, 32_769, 65_536].concat(
    [PACKET_BYTES, WRITE_WINDOW_BYTES, WRITE_WINDOW_BYTES + PACKET_BYTES, CHUNK_BYTES].flatMap((size) => [
      size - 1,
      size,
      size + 1,
    ]),
    9_000_001,
  );

  it.each(sizes)(
    "of %i bytes are those that were written, with the digests of the local store",
    async (sizeBytes) => {
      const prng = seeded(`${randomSeed()}/${sizeBytes}`);
      const buffers = new PoisonedBuffers();
      for (const makeStore of [
        () => diskLikeStore(buffers),
        () => localStore(new MemoryTargets([1, 2, 3], 2)),
      ]) {
        const local = makeStore();
        const { remote, settled } = gatewayTo(local, buffers);
        const bytes = prng.bytes(sizeBytes);
        const written = await write(remote, bytes, prng);
        const expected = await write(makeStore(), bytes, prng);
        expect(written.digests).toEqual(expected.digests);
        expect(written.blob?.size).toBe(expected.blob?.size);
        expect(written.blob?.isInline).toBe(expected.blob?.isInline);
        expect(written.blob?.chunks).toEqual(expected.blob?.chunks);
        if (written.blob === undefined) {
          expect(sizeBytes).toBe(0);
          continue;
        }
        const row = rowOf(written.blob);
        expectSame(await readAll(remote, row, 0, sizeBytes), bytes, "the whole");
        for (let i = 0; i < 5; i++) {
          const offset = prng.below(sizeBytes);
          const length = prng.between(0, sizeBytes - offset);
          const what = `${length} bytes from ${offset} on`;
          expectSame(
            await readAll(remote, row, offset, length),
            bytes.subarray(offset, offset + length),
            what,
          );
          expectSame(
            await readAll(local, row, offset, length),
            bytes.subarray(offset, offset + length),
            what,
          );
        }
        await settled();
      }
    },
  );

  it("are not asked for small ones, which lie in their rows", async () => {
    const refuse = () => {
      throw new Error("asked for");
    };
    const { remote, served } = gatewayTo({ write: refuse, read: refuse });
    const bytes = createPrng(1).bytes(INLINE_BYTES);
    const { blob } = await write(remote, bytes, createPrng(2));
    expect(blob?.inlineData).toEqual(bytes);
    expectSame(await readAll(remote, rowOf(blob!), 10, 100), bytes.subarray(10, 110), "a part");
    expect(served.openCount).toBe(0);
  });

  it("keep the bytes and digests of many writes and reads at once apart", async () => {
    const prng = seeded(randomSeed());
    const buffers = new PoisonedBuffers();
    const { remote, settled } = gatewayTo(diskLikeStore(buffers), buffers);
    const one = async (own: Prng): Promise<void> => {
      const bytes = own.bytes(own.between(INLINE_BYTES + 1, 3_000_000));
      const { blob, digests } = await write(remote, bytes, own);
      expect(digests[1]).toEqual(hasher.digest("sha256", bytes));
      let at = 0;
      for await (const piece of remote.read(rowOf(blob!), 0, bytes.length, NEVER)) {
        expectSame(piece, bytes.subarray(at, at + piece.length), `from ${at} on`);
        at += piece.length;
        if (own.chance(0.5)) await turns(own.below(4));
        if (own.chance(0.7)) remote.recycle(piece);
      }
      expect(at).toBe(bytes.length);
    };
    await Promise.all(Array.from({ length: 40 }, (_, i) => one(prng.fork(`${i}`))));
    await settled();
  });
});

describe("memory", () => {
  it("of pieces that are recycled is used again by the blobs' thread, and of no others", async () => {
    const buffers = new PoisonedBuffers();
    const { remote, settled } = gatewayTo(diskLikeStore(buffers), buffers);
    const bytes = createPrng(3).bytes(20 * LARGEST_PIECE_BYTES);
    const { blob } = await write(remote, bytes, createPrng(4));
    const kept: { readonly at: number; readonly piece: Uint8Array }[] = [];
    let at = 0;
    let recycled = 0;
    for await (const piece of remote.read(rowOf(blob!), 0, bytes.length, NEVER)) {
      if (kept.length < 5) kept.push({ at, piece });
      else {
        expectSame(piece, bytes.subarray(at, at + piece.length), `from ${at} on`);
        remote.recycle(piece);
        remote.recycle(piece);
        recycled++;
      }
      at += piece.length;
    }
    await settled();
    await until(() => buffers.returnedCount >= recycled, "the memory comes back");
    await turns(10);
    expect(recycled).toBe(15);
    expect(buffers.returnedCount).toBe(recycled);
    expect(buffers.lentCount).toBe(20);
    for (const { at, piece } of kept) {
      expectSame(piece, bytes.subarray(at, at + piece.length), "a piece that was kept");
    }
  });

  it("of pieces that nobody asked for comes back when the reader goes", async () => {
    const buffers = new PoisonedBuffers();
    const { remote, settled } = gatewayTo(diskLikeStore(buffers), buffers);
    const bytes = createPrng(5).bytes(20 * LARGEST_PIECE_BYTES);
    const { blob } = await write(remote, bytes, createPrng(6));
    for await (const piece of remote.read(rowOf(blob!), 0, bytes.length, NEVER)) {
      await turns(20);
      remote.recycle(piece);
      break;
    }
    await settled();
    await until(() => buffers.returnedCount === buffers.lentCount, "what was lent comes back");
    expect(buffers.lentCount).toBeGreaterThan(1);
  });

  it("that is not the blobs' thread's is left alone by recycle", async () => {
    const buffers = new PoisonedBuffers();
    const { remote } = gatewayTo(diskLikeStore(buffers), buffers);
    remote.recycle(new Uint8Array(1024 * 1024));
    await turns(20);
    expect(buffers.returnedCount).toBe(0);
  });

  it("of a store's own is never handed over: its pieces are copied", async () => {
    const whole = createPrng(7).bytes(2_000_000);
    const store: BlobStore = {
      write: () => Promise.reject(new Error("not written")),
      async *read(_blob, offset, length) {
        for (let at = offset; at < offset + length; at += 50_000) {
          yield whole.subarray(at, Math.min(at + 50_000, offset + length));
        }
      },
    };
    const { remote } = gatewayTo(store);
    const row = create(BlobRowSchema, { size: 2_000_000n });
    for (let i = 0; i < 3; i++) expectSame(await readAll(remote, row, 0, whole.length), whole, "the whole");
  });
});

describe("windows", () => {
  it("hold what a slow reader has not consumed", async () => {
    for (const makeStore of [diskLikeStore, () => localStore(new MemoryTargets([1], 1))]) {
      const buffers = new PoisonedBuffers();
      const { remote, traffic, settled } = gatewayTo(makeStore(buffers), buffers);
      const bytes = createPrng(8).bytes(10 * LARGEST_PIECE_BYTES);
      const { blob } = await write(remote, bytes, createPrng(9));
      for await (const piece of remote.read(rowOf(blob!), 0, bytes.length, NEVER)) {
        await turns(10);
        remote.recycle(piece);
      }
      await settled();
      // The next piece is there while the reader has one, and no more.
      expect(traffic.mostReadBytes).toBeGreaterThan(LARGEST_PIECE_BYTES);
      expect(traffic.mostReadBytes).toBeLessThanOrEqual(READ_AHEAD_BYTES + LARGEST_PIECE_BYTES);
    }
  });

  it("hold what a slow store has not taken, and the source is not asked for more", async () => {
    const gate = Promise.withResolvers<void>();
    let takenBytes = 0;
    const slow: BlobStore = {
      read: () => {
        throw new Error("not read");
      },
      write: async ({ bytes }) => {
        for await (const piece of bytes) {
          await gate.promise;
          takenBytes += piece.length;
        }
        return { blob: undefined, digests: [] };
      },
    };
    const { remote, traffic, settled } = gatewayTo(slow);
    const sizeBytes = 10_000_000;
    let givenBytes = 0;
    async function* source(): AsyncIterable<Uint8Array> {
      for (; givenBytes < sizeBytes; givenBytes += 10_000) yield new Uint8Array(10_000);
    }
    const writing = remote.write({ sizeBytes, bytes: source(), digests: [], signal: NEVER });
    await turns(100);
    expect(givenBytes).toBeLessThanOrEqual(WRITE_WINDOW_BYTES + 10_000);
    expect(givenBytes).toBeGreaterThan(WRITE_WINDOW_BYTES - PACKET_BYTES);
    gate.resolve();
    await writing;
    expect(takenBytes).toBe(sizeBytes);
    expect(traffic.mostWriteBytes).toBeLessThanOrEqual(WRITE_WINDOW_BYTES);
    await settled();
  });

  it("are as good for a slow source", async () => {
    const { remote, traffic, settled } = gatewayTo(diskLikeStore(new PoisonedBuffers()));
    const bytes = createPrng(10).bytes(700_000);
    async function* source(): AsyncIterable<Uint8Array> {
      for (let at = 0; at < bytes.length; at += 20_000) {
        await turns(3);
        yield bytes.subarray(at, at + 20_000);
      }
    }
    const request = { sizeBytes: bytes.length, bytes: source(), digests: ["md5"], signal: NEVER } as const;
    const { digests } = await remote.write(request);
    expect(digests).toEqual([hasher.digest("md5", bytes)]);
    expect(traffic.mostWriteBytes).toBeLessThanOrEqual(2 * PACKET_BYTES);
    await settled();
  });
});

describe("errors", () => {
  const failing = (error: unknown): BlobStore => ({
    write: () => Promise.reject(error),
    async *read() {
      yield new Uint8Array(10);
      throw error;
    },
  });
  const row = create(BlobRowSchema, { size: 1_000_000n });
  const writeTo = (blobs: BlobStore) => write(blobs, new Uint8Array(500_000), createPrng(11));

  it.each(["unavailable", "storage-full", "data-unavailable", "length-mismatch", "canceled"] as const)(
    "of the blobs' thread keep their class, code, message and cause: %s",
    async (code) => {
      const cause = new Error("the disk said no");
      const { remote, settled } = gatewayTo(failing(new BlobError(code, "as it is", { cause })));
      for (const outcome of [writeTo(remote), readAll(remote, row, 0, 1000)]) {
        const error: unknown = await outcome.catch((thrown: unknown) => thrown);
        expect(error).toBeInstanceOf(BlobError);
        expect(error).toMatchObject({ code, message: "as it is", cause: { message: "the disk said no" } });
      }
      await settled();
    },
  );

  it("that are bugs keep their name, message and stack", async () => {
    const bug = new TypeError("not a function");
    const { remote } = gatewayTo(failing(bug));
    await expect(writeTo(remote)).rejects.toMatchObject({
      name: "TypeError",
      message: "not a function",
      stack: bug.stack,
    });
    await expect(readAll(gatewayTo(failing("thrown")).remote, row, 0, 1000)).rejects.toThrow("thrown");
  });

  it("of the source come out unchanged, even when all of its bytes have gone over", async () => {
    const { remote, settled } = gatewayTo(diskLikeStore(new PoisonedBuffers()));
    for (const goodBytes of [0, 100_000, 1_000_000, 3_000_000]) {
      const thrown = new Error("the client went away");
      async function* source(): AsyncIterable<Uint8Array> {
        if (goodBytes > 0) yield new Uint8Array(goodBytes);
        if (goodBytes === 3_000_000) await turns(50);
        throw thrown;
      }
      const request = { sizeBytes: 3_000_000, bytes: source(), digests: [], signal: NEVER };
      const caught: unknown = await remote.write(request).catch((error: unknown) => error);
      expect(caught).toBe(thrown);
      await settled();
    }
  });

  it("refuse a source of another length, as the local store does", async () => {
    const { remote, settled } = gatewayTo(diskLikeStore(new PoisonedBuffers()));
    const local = diskLikeStore(new PoisonedBuffers());
    for (const delivered of [299_999, 300_001, 5_000_000]) {
      const messages = await Promise.all(
        [remote, local].map((store) =>
          store
            .write({
              sizeBytes: 300_000,
              bytes: randomPieces(new Uint8Array(delivered), createPrng(12)),
              digests: [],
              signal: NEVER,
            })
            .catch((error: unknown) => `${error}`),
        ),
      );
      expect(messages[0]).toMatch("the source delivered");
      expect(messages[0]).toBe(messages[1]);
      await settled();
    }
  });

  it("of the blobs' thread stop the reading of a body at once, also one that does not come", async () => {
    const error = new BlobError("unavailable", "no quorum");
    for (const stalls of [false, true]) {
      const { remote, settled } = gatewayTo(failing(error));
      let returned = 0;
      let given = 0;
      const source: AsyncIterator<Uint8Array> = {
        next: async () => {
          await turns(1);
          if (stalls && given === 3) return new Promise(() => undefined);
          given++;
          return { done: false, value: new Uint8Array(1000) };
        },
        return: () => {
          returned++;
          return Promise.resolve({ done: true, value: undefined });
        },
      };
      const bytes = { [Symbol.asyncIterator]: () => source };
      const writing = remote.write({ sizeBytes: 10_000_000, bytes, digests: [], signal: NEVER });
      await expect(writing).rejects.toMatchObject({ code: "unavailable" });
      const before = given;
      await turns(10);
      expect(given).toBeLessThanOrEqual(before + 1);
      expect(given).toBeLessThan(100);
      expect(returned).toBe(1);
      await settled();
    }
  });
});

describe("a row on its way", () => {
  it("has the chunks that are read, where they belong, and no others", () => {
    const prng = seeded(randomSeed());
    for (let i = 0; i < 200; i++) {
      const count = prng.between(1, 40);
      const chunks = Array.from({ length: count }, (_, n) =>
        create(BlobChunkSchema, {
          length: n === count - 1 ? prng.between(1, 100) : 100,
          blake3: prng.bytes(32),
          nodeIds: [BigInt(n)],
        }),
      );
      const sizeBytes = chunks.reduce((sum, { length }) => sum + length, 0);
      const blob = create(BlobRowSchema, { blobId: prng.bytes(16), size: BigInt(sizeBytes), chunks });
      const offset = prng.below(sizeBytes);
      const length = prng.between(1, sizeBytes - offset);
      const first = Math.floor(offset / 100);
      const last = Math.floor((offset + length - 1) / 100);
      const row = decodeRow(encodeRow(blob, offset, length));
      expect(row).toMatchObject({ blobId: blob.blobId, size: blob.size });
      expect(row.chunks.slice(first)).toEqual(chunks.slice(first, last + 1));
      expect(
        row.chunks.slice(0, first).every((chunk) => chunk.length === 100 && chunk.nodeIds.length === 0),
      ).toBe(true);
    }
  });
});
