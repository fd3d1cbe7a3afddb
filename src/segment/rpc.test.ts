import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { concatBytes, Deferred } from "../base/index.ts";
import { ChunkHeaderSchema } from "../gen/skerry/segment/v1/chunk_pb.js";
import type { Listener, PeerConnection } from "../platform/index.ts";
import type { NodeNetwork } from "../platform/node/network.ts";
import { NodeNetworkHarness } from "../platform/testing/network-node-harness.ts";
import { createChunkClient } from "./chunk-client.ts";
import { type ChunkServiceLimits, chunkServiceHandlers } from "./chunk-service.ts";
import { SegmentError } from "./errors.ts";
import { CHUNK_BYTES, type ChunkClient, type ChunkData } from "./ports.ts";
import { WRITE_CHUNKS_PATH } from "./rpc-limits.ts";
import { blobIdOf, bytesOf, chunkOf, expectBytes, hasher } from "./testing/harness.ts";
import { MemoryStore } from "./testing/memory-store.ts";
import { writeRequestPrefix } from "./wire.ts";

const SERVER = { clusterId: "rpc", nodeId: 1 };
const CLIENT = { clusterId: "rpc", nodeId: 2 };
const patient = new AbortController().signal;

let harness: NodeNetworkHarness;
let store: MemoryStore;
let listener: Listener;
let connection: PeerConnection;
let client: ChunkClient;
const guard = { clusterId: "rpc", incarnation: "life-1", epoch: 7, members: new Set([2]) };

beforeEach(async () => {
  harness = new NodeNetworkHarness();
  store = new MemoryStore();
  Object.assign(guard, { clusterId: "rpc", incarnation: "life-1", epoch: 7, members: new Set([2]) });
  await serve({});
});

afterEach(async () => {
  store.hold?.resolve();
  client.close();
  await harness.close();
});

async function serve(limits: Partial<ChunkServiceLimits>): Promise<void> {
  const server = await harness.join(SERVER);
  const handlers = chunkServiceHandlers({
    store,
    hasher,
    limits,
    guard: {
      clusterId: guard.clusterId,
      incarnation: guard.incarnation,
      oldestAcceptedLayoutEpoch: () => guard.epoch,
      isMember: (peer) => guard.members.has(peer.nodeId),
    },
  });
  listener = await server.listen(harness.listenAddress(), handlers);
  const network = await harness.join(CLIENT);
  connect(network, {});
}

function connect(
  network: NodeNetwork,
  options: { clusterId?: string; incarnation?: string; maxInFlightBytes?: number },
) {
  connection = network.connect({ address: listener.address, nodeId: 1 }, "bulk");
  client = createChunkClient({
    connection,
    hasher,
    clusterId: options.clusterId ?? "rpc",
    targetIncarnation: () => options.incarnation ?? "life-1",
    ...(options.maxInFlightBytes !== undefined && { maxInFlightBytes: options.maxInFlightBytes }),
  });
}

function codeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "fulfilled",
    (error: unknown) => (error instanceof SegmentError ? error.code : `not a SegmentError: ${error}`),
  );
}

describe("writing", () => {
  test("many chunks at once, of all sizes, over one stream", async () => {
    const lengths = [1, 65_536, 65_537, 1_000_000, CHUNK_BYTES, 3];
    await Promise.all(lengths.map((length, i) => client.write(chunkOf(i, i, length), 7, patient)));
    expect(store.chunks.size).toBe(lengths.length);
    for (const [i, length] of lengths.entries()) {
      const { pieces } = await store.read({ blobId: blobIdOf(i), chunkIndex: i }, 0, length);
      expectBytes(pieces, bytesOf(i, i, length));
    }
  });

  test("answers come in any order: a chunk that waits does not hold the next one up", async () => {
    store.hold = new Deferred();
    const slow = client.write(chunkOf(1, 0, 1000), 7, patient);
    await harness.until(() => store.waiting === 1, "the first chunk arrives");
    const hold = store.hold;
    store.hold = undefined;
    await client.write(chunkOf(2, 0, 1000), 7, patient);
    hold.resolve();
    await slow;
  });

  test("refuses by name what the guard does not let in, and goes on with the next chunk", async () => {
    expect(await codeOf(client.write(chunkOf(1, 0, 2_000_000), 6, patient))).toBe("stale-layout");
    guard.members.clear();
    expect(await codeOf(client.write(chunkOf(1, 0, 10), 7, patient))).toBe("not-a-member");
    guard.members.add(2);
    const network = await harness.join(CLIENT);
    connect(network, { incarnation: "life-0" });
    expect(await codeOf(client.write(chunkOf(1, 0, 10), 7, patient))).toBe("wrong-incarnation");
    connect(network, { clusterId: "other" });
    expect(await codeOf(client.write(chunkOf(1, 0, 10), 7, patient))).toBe("wrong-cluster");
    expect(store.chunks.size).toBe(0);
    connect(network, {});
    await client.write(chunkOf(1, 0, 10), 8, patient);
    expect(store.chunks.size).toBe(1);
  });

  test("refuses bytes that do not match their checksums", async () => {
    const chunk = chunkOf(1, 0, 200_000);
    const wrong = bytesOf(1, 0, 200_000);
    wrong[150_000]! ^= 1;
    expect(await codeOf(client.write({ ...chunk, pieces: [wrong] }, 7, patient))).toBe("damaged");
    const bad: ChunkData = { ...chunk, blockChecksums: chunk.blockChecksums.subarray(4) };
    expect(await codeOf(client.write(bad, 7, patient))).toBe("invalid");
    expect(await codeOf(client.write({ ...chunk, blobId: new Uint8Array(15) }, 7, patient))).toBe("invalid");
    expect(store.chunks.size).toBe(0);
  });

  test("passes on why the store refused", async () => {
    store.failure = new SegmentError("no-space", "full");
    expect(await codeOf(client.write(chunkOf(1, 0, 10), 7, patient))).toBe("no-space");
  });

  test("a caller can give up at any time, and the others go on", async () => {
    store.hold = new Deferred();
    const abort = new AbortController();
    const others = [1, 2, 3].map((i) => client.write(chunkOf(i, 0, CHUNK_BYTES), 7, patient));
    const given = [4, 5].map((i) => codeOf(client.write(chunkOf(i, 0, CHUNK_BYTES), 7, abort.signal)));
    abort.abort();
    expect(await Promise.all(given)).toEqual(["canceled", "canceled"]);
    expect(await codeOf(client.write(chunkOf(6, 0, 10), 7, abort.signal))).toBe("canceled");
    store.hold.resolve();
    await Promise.all(others);
  });

  test("a broken connection rejects what is in flight, and the next write opens another", async () => {
    const passage = await harness.passageTo(listener);
    const network = await harness.join(CLIENT);
    connection = network.connect({ address: passage.address, nodeId: 1 }, "bulk");
    client = createChunkClient({ connection, hasher, clusterId: "rpc", targetIncarnation: () => "life-1" });
    store.hold = new Deferred();
    const broken = codeOf(client.write(chunkOf(1, 0, 1000), 7, patient));
    await harness.until(() => store.waiting === 1, "the chunk arrives");
    passage.reset();
    expect(await broken).toBe("unavailable");
    store.hold.resolve();
    store.hold = undefined;
    // The connection rests for a moment after a failure and refuses meanwhile.
    let outcome = "unavailable";
    while (outcome === "unavailable") outcome = await codeOf(client.write(chunkOf(2, 0, 1000), 7, patient));
    expect(outcome).toBe("fulfilled");
    expect(store.has({ blobId: blobIdOf(2), chunkIndex: 0 })).toBe(true);
  });

  test("the client bounds what is in flight, the server what it holds", async () => {
    await serve({ writeBytes: 3 * CHUNK_BYTES, streamWriteBytes: 2 * CHUNK_BYTES });
    store.hold = new Deferred();
    const networks = [await harness.join(CLIENT), await harness.join(CLIENT)];
    const clients = networks.map((network) => {
      connect(network, { maxInFlightBytes: 6 * CHUNK_BYTES });
      return client;
    });
    const writes = clients.flatMap((one, c) =>
      Array.from({ length: 8 }, (_, i) => one.write(chunkOf(8 * c + i, 0, CHUNK_BYTES), 7, patient)),
    );
    await harness.until(() => store.waiting === 3, "the server's memory is used up");
    await harness.settle();
    expect(store.greatestWaitingBytes).toBe(3 * CHUNK_BYTES);
    store.hold.resolve();
    await Promise.all(writes);
    expect(store.greatestWaitingBytes).toBe(3 * CHUNK_BYTES);
    expect(store.chunks.size).toBe(16);
    clients[0]!.close();
  });

  test("a client that was closed refuses", async () => {
    store.hold = new Deferred();
    const waiting = codeOf(client.write(chunkOf(1, 0, 10), 7, patient));
    client.close();
    expect(await waiting).toBe("closed");
    expect(await codeOf(client.write(chunkOf(1, 0, 10), 7, patient))).toBe("closed");
  });
});

describe("a writer that does not keep to the protocol", () => {
  function header(length: number) {
    const { blobId, blockChecksums } = chunkOf(1, 0, length);
    const claims = { clusterId: "rpc", layoutEpoch: 7n, targetIncarnation: "life-1" };
    return create(ChunkHeaderSchema, {
      requestId: 1n,
      ...claims,
      blobId,
      chunkIndex: 0,
      length,
      blockChecksums,
    });
  }

  function message(length: number | undefined, dataBytes: number): Uint8Array {
    const head = length === undefined ? undefined : header(length);
    return concatBytes([writeRequestPrefix(head, dataBytes), bytesOf(1, 0, dataBytes)]);
  }

  test.each<[string, Uint8Array[]]>([
    ["begins a chunk within another", [message(100, 10), message(100, 10)]],
    ["sends data without a chunk", [message(undefined, 10)]],
    ["sends more than the chunk has", [message(100, 101)]],
    [
      "announces a chunk of no bytes",
      [message(undefined, 0), writeRequestPrefix(header(1), 0), message(100, 0)],
    ],
    ["sends other bytes than a message", [Uint8Array.of(0x7a, 200)]],
    ["ends within a chunk", [message(CHUNK_BYTES, 10)]],
  ])("%s: its stream ends, its memory is free again", async (_, messages) => {
    await serve({ writeBytes: CHUNK_BYTES });
    const stream = connection.openStream(WRITE_CHUNKS_PATH, { kind: "stream", maxMessageBytes: 1000 });
    const closed = new Deferred<string | undefined>();
    stream.onClose = (error) => closed.resolve(error?.code);
    for (const bytes of messages) stream.send([bytes]);
    stream.end();
    expect(await closed.promise).toBe("invalid_argument");
    await client.write(chunkOf(5, 0, CHUNK_BYTES), 7, patient);
    expect(store.chunks.size).toBe(1);
  });

  test("leaves within a chunk: its memory is free again", async () => {
    await serve({ writeBytes: CHUNK_BYTES });
    const stream = connection.openStream(WRITE_CHUNKS_PATH, { kind: "stream", maxMessageBytes: 1000 });
    stream.send([message(CHUNK_BYTES, 10)]);
    await harness.settle();
    stream.fail("canceled", "gone");
    await client.write(chunkOf(5, 0, CHUNK_BYTES), 7, patient);
  });
});

describe("reading", () => {
  const address = { blobId: blobIdOf(1), chunkIndex: 0 };
  const length = 3_000_001;

  beforeEach(() => store.append(chunkOf(1, 0, length)));

  test.each([
    [0, length],
    [0, 1],
    [65_535, 2],
    [131_072, 65_536],
    [length - 1, 1],
    [1_000_000, 1_500_000],
    [5, 0],
  ])("bytes from %i, %i of them", async (offset, count) => {
    const { pieces } = await client.read(address, offset, count, patient);
    expectBytes(pieces, bytesOf(1, 0, length).subarray(offset, offset + count));
  });

  test("refuses by name", async () => {
    expect(await codeOf(client.read({ ...address, chunkIndex: 9 }, 0, 1, patient))).toBe("not-found");
    expect(await codeOf(client.read(address, length, 1, patient))).toBe("invalid");
    guard.members.clear();
    expect(await codeOf(client.read(address, 0, 1, patient))).toBe("not-a-member");
    const network = await harness.join(CLIENT);
    connect(network, { incarnation: "life-0" });
    guard.members.add(2);
    expect(await codeOf(client.read(address, 0, 1, patient))).toBe("wrong-incarnation");
  });

  test("does not hand on bytes that do not match their checksums", async () => {
    const stored = store.chunks.values().next().value!;
    stored.bytes[100_000]! ^= 1;
    expect(await codeOf(client.read(address, 70_000, 10, patient))).toBe("damaged");
    expect(concatBytes((await client.read(address, 0, 10, patient)).pieces)).toEqual(
      bytesOf(1, 0, length).subarray(0, 10),
    );
  });

  test("can be given up", async () => {
    const abort = new AbortController();
    const reading = codeOf(client.read(address, 0, length, abort.signal));
    abort.abort();
    expect(await reading).toBe("canceled");
    expect(await codeOf(client.read(address, 0, 1, abort.signal))).toBe("canceled");
  });

  test("a bounded memory serves many readers", async () => {
    await serve({ readBytes: CHUNK_BYTES });
    const reads = await Promise.all(
      Array.from({ length: 10 }, () => client.read(address, 0, length, patient)),
    );
    for (const { pieces } of reads) expectBytes(pieces, bytesOf(1, 0, length));
  });
});
