/** The promise that any Connect client can talk to ChunkService, and our client to any Connect server. */

import { createSecureServer, type Http2SecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { connectNodeAdapter, createConnectTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ChunkService,
  type WriteChunksRequest,
  WriteChunksRequestSchema,
} from "../gen/skerry/segment/v1/chunk_pb.js";
import { createNodeNetwork, type NodeNetwork } from "../platform/node/network.ts";
import { createTestAuthority, type TestCredentials } from "../platform/testing/network-certificates.ts";
import { createChunkClient } from "./chunk-client.ts";
import { chunkServiceHandlers } from "./chunk-service.ts";
import { blobIdOf, bytesOf, chunkOf, expectBytes, hasher } from "./testing/harness.ts";
import { MemoryStore } from "./testing/memory-store.ts";

const SERVER = { clusterId: "interop", nodeId: 1 };
const CLIENT = { clusterId: "interop", nodeId: 2 };
let server: TestCredentials;
let peer: TestCredentials;

beforeAll(async () => {
  const authority = await createTestAuthority();
  server = await authority.issue(SERVER);
  peer = await authority.issue(CLIENT);
});

function* requestsOf(
  requestId: bigint,
  blob: number,
  length: number,
  step: number,
): Iterable<WriteChunksRequest> {
  const chunk = chunkOf(blob, 0, length);
  const bytes = bytesOf(blob, 0, length);
  const header = {
    requestId,
    clusterId: "interop",
    layoutEpoch: 1n,
    targetIncarnation: "life",
    blobId: chunk.blobId,
    chunkIndex: 0,
    length,
    blockChecksums: chunk.blockChecksums,
  };
  for (let offset = 0; offset < length; offset += step) {
    const data = bytes.subarray(offset, offset + step);
    yield create(WriteChunksRequestSchema, { data, ...(offset === 0 && { header }) });
  }
}

describe("a stock client", () => {
  const store = new MemoryStore();
  let network: NodeNetwork;
  let sessions: Http2SessionManager;
  let client: ReturnType<typeof createClient<typeof ChunkService>>;

  beforeAll(async () => {
    network = createNodeNetwork({ identity: SERVER, ...server });
    const guard = { clusterId: "interop", incarnation: "life" };
    const handlers = chunkServiceHandlers({
      store,
      hasher,
      guard: { ...guard, oldestAcceptedLayoutEpoch: () => 1, isMember: () => true },
    });
    const listener = await network.listen({ host: "127.0.0.1", port: 0 }, handlers);
    const baseUrl = `https://127.0.0.1:${listener.address.port}`;
    sessions = new Http2SessionManager(baseUrl, undefined, {
      ca: peer.caCertificatePem,
      cert: peer.certificatePem,
      key: peer.privateKeyPem,
      checkServerIdentity: () => undefined,
    });
    client = createClient(
      ChunkService,
      createConnectTransport({ baseUrl, httpVersion: "2", sessionManager: sessions }),
    );
  });

  afterAll(async () => {
    sessions.abort();
    await network.close();
  });

  test("writes chunks", async () => {
    async function* requests() {
      yield* requestsOf(1n, 1, 700_000, 100_000);
      yield* requestsOf(2n, 2, 10, 3);
    }
    const answers = [];
    for await (const answer of client.writeChunks(requests())) answers.push(answer);
    expect(answers.map(({ requestId, errorCode }) => [requestId, errorCode]).sort()).toEqual([
      [1n, ""],
      [2n, ""],
    ]);
    expect(store.has({ blobId: blobIdOf(1), chunkIndex: 0 })).toBe(true);
  });

  test("reads a range", async () => {
    await store.append(chunkOf(1, 0, 700_000));
    const request = { clusterId: "interop", targetIncarnation: "life", blobId: blobIdOf(1), chunkIndex: 0 };
    const parts: Uint8Array[] = [];
    let offset = -1;
    for await (const answer of client.readChunk({ ...request, offset: 100_000, length: 400_000 })) {
      if (answer.header !== undefined) offset = answer.header.offset;
      parts.push(answer.data);
    }
    expect(offset).toBe(65_536);
    expectBytes(parts, bytesOf(1, 0, 700_000).subarray(65_536, 524_288));
  });

  test("sees a refusal as a Connect error", async () => {
    const read = async (): Promise<void> => {
      for await (const _ of client.readChunk({ clusterId: "other", length: 1 })) expect.unreachable();
    };
    const error = await read().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectError);
    expect((error as ConnectError).code).toBe(Code.PermissionDenied);
  });
});

describe("a stock server", () => {
  const chunks = new Map<bigint, Uint8Array[]>();
  let stock: Http2SecureServer;
  let network: NodeNetwork;

  beforeAll(async () => {
    const adapter = connectNodeAdapter({
      routes: (router) =>
        router.service(ChunkService, {
          async *writeChunks(requests) {
            let missing = 0;
            let requestId = 0n;
            for await (const { header, data } of requests) {
              if (header !== undefined) [missing, requestId] = [header.length, header.requestId];
              chunks.set(requestId, [...(chunks.get(requestId) ?? []), data]);
              missing -= data.length;
              if (missing === 0) yield { requestId };
            }
          },
          async *readChunk({ offset, length }) {
            const { blockChecksums } = chunkOf(1, 0, length);
            const data = bytesOf(1, 0, length);
            yield {
              header: { offset, length, chunkLength: length, blockChecksums },
              data: data.subarray(0, 7),
            };
            yield { data: data.subarray(7) };
          },
        }),
    });
    const options = { cert: server.certificatePem, key: server.privateKeyPem, ca: server.caCertificatePem };
    stock = createSecureServer({ ...options, requestCert: true }, adapter);
    await new Promise<void>((resolve) => stock.listen(0, "127.0.0.1", resolve));
    network = createNodeNetwork({ identity: CLIENT, ...peer });
  });

  afterAll(async () => {
    await network.close();
    stock.close();
  });

  test("takes the chunks of our client and gives them back", async () => {
    const { port } = stock.address() as AddressInfo;
    const connection = network.connect({ address: { host: "127.0.0.1", port } }, "bulk");
    const client = createChunkClient({
      connection,
      hasher,
      clusterId: "interop",
      targetIncarnation: () => "life",
    });
    const signal = new AbortController().signal;
    await Promise.all([
      client.write(chunkOf(1, 0, 3_000_000), 1, signal),
      client.write(chunkOf(2, 0, 5), 1, signal),
    ]);
    expectBytes(chunks.get(1n)!, bytesOf(1, 0, 3_000_000));
    const { pieces } = await client.read({ blobId: blobIdOf(1), chunkIndex: 0 }, 0, 100_000, signal);
    expectBytes(pieces, bytesOf(1, 0, 100_000));
    client.close();
  });
});
