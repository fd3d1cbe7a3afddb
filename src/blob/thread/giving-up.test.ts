import { afterEach, describe, expect, it } from "vitest";
import { createPrng, type Prng } from "../../base/index.ts";
import { NodeTimers } from "../../platform/node/index.ts";
import { BlobError, type BlobStore } from "../index.ts";
import { type BlobTurn, type FromBlobs, LEAST_RETURNED_BYTES, type ToBlobs } from "./protocol.ts";
import { RemoteBlobs } from "./remote-blobs.ts";
import {
  createGateway,
  diskLikeStore,
  hasher,
  PoisonedBuffers,
  randomPieces,
  rowOf,
  turns,
  until,
} from "./testing/gateway.ts";

const SIZE_BYTES = 3_000_000;
const NEVER = new AbortController().signal;

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** A store that sometimes fails in the middle of what it does. */
function unreliable(store: BlobStore, prng: Prng, chance: number): BlobStore {
  const fails = () => prng.chance(chance);
  const bad = () => new BlobError("storage-full", "now and then");
  return {
    write: (request) => {
      if (!fails()) return store.write(request);
      const giveUpAfter = prng.below(SIZE_BYTES);
      async function* cut(): AsyncIterable<Uint8Array> {
        let seen = 0;
        for await (const piece of request.bytes) {
          seen += piece.length;
          if (seen > giveUpAfter) throw bad();
          yield piece;
        }
      }
      return store.write({ ...request, bytes: cut() });
    },
    async *read(...wanted) {
      let left = fails() ? prng.below(4) : Number.POSITIVE_INFINITY;
      for await (const piece of store.read(...wanted)) {
        if (left-- <= 0) throw bad();
        yield piece;
      }
    },
  };
}

async function rig(seed: string, chance = 0) {
  console.log(`seed ${seed}`);
  const prng = createPrng(seed);
  const buffers = new PoisonedBuffers();
  const store = diskLikeStore(buffers);
  const gateway = createGateway(unreliable(store, prng.fork("store"), chance), buffers);
  ends.push(gateway.end);
  const bytes = prng.bytes(SIZE_BYTES);
  const source = { sizeBytes: SIZE_BYTES, bytes: randomPieces(bytes, prng.fork("first")) };
  const { blob } = await store.write({ ...source, digests: [], signal: NEVER });
  return { ...gateway, prng, buffers, bytes, row: rowOf(blob!), kept: 0 };
}

type Rig = Awaited<ReturnType<typeof rig>>;

async function writeAndGiveUp({ remote }: Rig, prng: Prng): Promise<string> {
  const bytes = prng.bytes(prng.between(2000, SIZE_BYTES));
  const sourceError = new Error("the source broke");
  const breaksAfter = prng.chance(0.3) ? prng.below(bytes.length) : bytes.length;
  async function* source(): AsyncIterable<Uint8Array> {
    let seen = 0;
    for await (const piece of randomPieces(bytes, prng)) {
      seen += piece.length;
      if (seen > breaksAfter) throw sourceError;
      yield piece;
    }
  }
  const abort = new AbortController();
  if (prng.chance(0.4)) void turns(prng.below(40)).then(() => abort.abort());
  try {
    const request = { sizeBytes: bytes.length, bytes: source(), digests: ["md5"] } as const;
    const { digests } = await remote.write({ ...request, signal: abort.signal });
    expect(digests).toEqual([hasher.digest("md5", bytes)]);
    return "done";
  } catch (error) {
    if (error === sourceError) return "source";
    return (error as BlobError).code;
  }
}

async function readAndGiveUp(world: Rig, prng: Prng): Promise<string> {
  const { remote, bytes, row } = world;
  const offset = prng.below(SIZE_BYTES);
  const length = prng.between(1, SIZE_BYTES - offset);
  const abort = new AbortController();
  if (prng.chance(0.4)) void turns(prng.below(20)).then(() => abort.abort());
  let left = prng.chance(0.3) ? prng.below(4) : Number.POSITIVE_INFINITY;
  let at = offset;
  try {
    for await (const piece of remote.read(row, offset, length, abort.signal)) {
      if (Buffer.compare(piece, bytes.subarray(at, at + piece.length)) !== 0) return `other bytes at ${at}`;
      at += piece.length;
      if (prng.chance(0.5)) await turns(prng.below(5));
      if (prng.chance(0.5)) remote.recycle(piece);
      else if (piece.buffer.byteLength >= LEAST_RETURNED_BYTES) world.kept++;
      if (left-- <= 0) return "left";
    }
    expect(at).toBe(offset + length);
    return "done";
  } catch (error) {
    return (error as BlobError).code;
  }
}

describe("writes and reads that are given up", () => {
  it("leave nothing open on either side, whoever does it and whenever", async () => {
    const world = await rig(`${process.env["SKERRY_TEST_SEED"] ?? Date.now()}`, 0.3);
    const seen = new Set<string>();
    for (let round = 0; round < 12; round++) {
      const some = Array.from({ length: 10 }, (_, i) => {
        const prng = world.prng.fork(`${round}/${i}`);
        return prng.chance(0.5) ? writeAndGiveUp(world, prng) : readAndGiveUp(world, prng);
      });
      for (const outcome of await Promise.all(some)) seen.add(outcome);
      await world.settled();
    }
    expect([...seen].sort()).toEqual(["canceled", "done", "left", "source", "storage-full"]);
    const { buffers } = world;
    const isBack = () => buffers.lentCount - buffers.returnedCount === world.kept;
    await until(isBack, "all memory is back but what readers keep");
    expect(world.kept).toBeGreaterThan(0);
  });

  it("are refused at once when they were given up before", async () => {
    const { remote, row, served } = await rig("1");
    const signal = AbortSignal.abort();
    const bytes = randomPieces(new Uint8Array(5000), createPrng(1));
    await expect(remote.write({ sizeBytes: 5000, bytes, digests: [], signal })).rejects.toMatchObject({
      code: "canceled",
    });
    const reading = remote.read(row, 0, 10, signal)[Symbol.asyncIterator]();
    await expect(reading.next()).rejects.toMatchObject({ code: "canceled" });
    expect(remote.openCount + served.openCount).toBe(0);
  });

  it("give up the blobs' thread's part of them", async () => {
    const signals: AbortSignal[] = [];
    const waits = (signal: AbortSignal) =>
      new Promise<never>((_, reject) => {
        signals.push(signal);
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    const gateway = createGateway({
      write: ({ signal }) => waits(signal),
      // biome-ignore lint/correctness/useYield: it waits before its first piece.
      async *read(_blob, _offset, _length, signal) {
        await waits(signal);
      },
    });
    ends.push(gateway.end);
    const { remote } = gateway;
    const { row } = await rig("2");
    const abort = new AbortController();
    const bytes = randomPieces(new Uint8Array(5000), createPrng(1));
    const writing = remote.write({ sizeBytes: 5000, bytes, digests: [], signal: abort.signal });
    const reading = remote.read(row, 0, 10, abort.signal)[Symbol.asyncIterator]().next();
    await until(() => signals.length === 2, "both have reached the store");
    abort.abort();
    await expect(writing).rejects.toMatchObject({ code: "canceled" });
    await expect(reading).rejects.toMatchObject({ code: "canceled" });
    await gateway.settled();
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
  });
});

describe("a write that the blobs' thread has refused", () => {
  it("sends nothing more, not even what arrives in the same turn: its number may be another's by then", async () => {
    const said: ToBlobs[] = [];
    let receive: (turn: BlobTurn<FromBlobs>) => void = () => undefined;
    const remote = new RemoteBlobs(
      {
        post: ({ messages }) => void said.push(...messages),
        onMessage: (listener) => {
          receive = listener;
        },
      },
      { hasher, timers: new NodeTimers(), newBlobId: () => new Uint8Array(16), inlineBytes: 0 },
    );
    const arrival = Promise.withResolvers<IteratorResult<Uint8Array>>();
    const bytes = { [Symbol.asyncIterator]: () => ({ next: () => arrival.promise }) };
    const writing = remote.write({ sizeBytes: 1000, bytes, digests: [], signal: NEVER });
    await turns(2);
    arrival.resolve({ done: false, value: new Uint8Array(1000) });
    const error = { kind: "blob", code: "unavailable", message: "no quorum", cause: undefined } as const;
    receive({ messages: [{ kind: "failed", id: 0, error }], emptied: [] });
    await expect(writing).rejects.toMatchObject({ code: "unavailable" });
    await turns(2);
    expect(said.map(({ kind }) => kind)).toEqual(["write"]);
  });
});

describe("close", () => {
  async function underWay({ remote, row }: Rig) {
    const stalled: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
    };
    const reading = remote.read(row, 0, SIZE_BYTES, NEVER)[Symbol.asyncIterator]();
    await reading.next();
    const writing = remote.write({ sizeBytes: 5000, bytes: stalled, digests: [], signal: NEVER });
    await turns(20);
    const rest = (async () => {
      while ((await reading.next()).done !== true);
    })();
    return [writing, rest];
  }

  it.each(["gateway", "blobs"] as const)(
    "of the side of the %s ends what is open and refuses what comes",
    async (side) => {
      const world = await rig(`close/${side}`);
      const open = await underWay(world);
      const closing = Promise.allSettled(open);
      if (side === "gateway") world.remote.close();
      else world.served.close();
      for (const outcome of await closing) {
        expect(outcome).toMatchObject({ status: "rejected", reason: { code: "unavailable" } });
      }
      await world.settled();
      const late = world.remote.read(world.row, 0, 10, NEVER)[Symbol.asyncIterator]().next();
      await expect(late).rejects.toMatchObject({ code: "unavailable" });
      await world.settled();
    },
  );
});
