/** A gateway thread that writes bytes, reads them again and says their digest. */

import { createHash } from "node:crypto";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { createPrng } from "../../../base/index.ts";
import { NodeTimers, threadPort } from "../../../platform/node/index.ts";
import { RemoteBlobs } from "../remote-blobs.ts";
import { hasher, INLINE_BYTES, numberedIds, randomPieces, rowOf } from "./gateway.ts";

export interface GatewayWork {
  readonly port: MessagePort;
  readonly seed: string;
  readonly sizes: readonly number[];
}

/** Of one size: SHA-256 of what was to be written, of what was digested on the way, and of what was read. */
export interface GatewayDone {
  readonly sizeBytes: number;
  readonly wanted: string;
  readonly written: string;
  readonly read: string;
}

const { port, seed, sizes } = workerData as GatewayWork;
const prng = createPrng(seed);
const blobs = new RemoteBlobs(threadPort(port), {
  hasher,
  timers: new NodeTimers(),
  newBlobId: numberedIds(1_000_000),
  inlineBytes: INLINE_BYTES,
});

async function writeAndRead(sizeBytes: number): Promise<GatewayDone> {
  const { signal } = new AbortController();
  const bytes = prng.bytes(sizeBytes);
  const { blob, digests } = await blobs.write({
    sizeBytes,
    bytes: randomPieces(bytes, prng),
    digests: ["sha256"],
    signal,
  });
  const read = createHash("sha256");
  for await (const piece of blobs.read(rowOf(blob!), 0, sizeBytes, signal)) {
    read.update(piece);
    blobs.recycle(piece);
  }
  return {
    sizeBytes,
    wanted: createHash("sha256").update(bytes).digest("hex"),
    written: Buffer.from(digests[0]!).toString("hex"),
    read: read.digest("hex"),
  };
}

parentPort?.postMessage(await Promise.all(sizes.map(writeAndRead)));
port.close();
