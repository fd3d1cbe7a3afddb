/** A gateway and the blobs that it reads and writes on one thread, with a real channel in between that is watched: what the tests of this folder share. */

import { MessageChannel } from "node:worker_threads";
import { create } from "@bufbuild/protobuf";
import { type Prng, RecycledBuffers, type ThreadPort } from "../../../base/index.ts";
import type { NewBlob } from "../../../gen/skerry/meta/v1/commands_pb.js";
import { type BlobRow, BlobRowSchema } from "../../../gen/skerry/meta/v1/rows_pb.js";
import { NodeClock, NodeTimers, PlainHasher, threadPort } from "../../../platform/node/index.ts";
import { type BlobStore, createClusterBlobStore } from "../../index.ts";
import type { ChunkTarget } from "../../ports.ts";
import { MemoryTargets } from "../../testing/memory-targets.ts";
import type { BlobTurn, FromBlobs, ToBlobs } from "../protocol.ts";
import { RemoteBlobs } from "../remote-blobs.ts";
import { serveBlobs } from "../serve-blobs.ts";

export const INLINE_BYTES = 1024;
/** What memory holds that was given back. */
const POISON = 0xdb;
/** Turns of the event loop after which something that was waited for counts as never. */
const PATIENCE_TURNS = 200_000;

export const hasher = new PlainHasher();

/** Buffers in the sizes of a node's that overwrite what is given back. */
export class PoisonedBuffers extends RecycledBuffers {
  lentCount = 0;
  returnedCount = 0;

  constructor() {
    const bufferBytes = 1024 * 1024 + 4096;
    super({ bufferBytes, leastBytes: bufferBytes / 16, keptBytes: 64 * 1024 * 1024 });
  }

  override lend(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
    const isOurs = super.lend(bytes);
    if (isOurs) this.lentCount++;
    return isOurs;
  }

  override takeBack(buffer: ArrayBuffer): void {
    new Uint8Array(buffer).fill(POISON);
    this.returnedCount++;
    super.takeBack(buffer);
  }
}

/** Chunks in memory that are read into recycled buffers, behind something else, as those of a disk are. */
class DiskLikeTargets extends MemoryTargets {
  readonly #buffers: RecycledBuffers;

  constructor(buffers: RecycledBuffers) {
    super([1], 1);
    this.#buffers = buffers;
  }

  override target(nodeId: number): ChunkTarget | undefined {
    const target = super.target(nodeId);
    return (
      target && {
        ...target,
        read: async (address, offset, length, signal) => {
          const [bytes] = (await target.read(address, offset, length, signal)).pieces;
          const copy = this.#buffers.take(length + 100).subarray(100);
          copy.set(bytes!);
          return { pieces: [copy] };
        },
      }
    );
  }
}

export function localStore(targets: MemoryTargets): BlobStore {
  return createClusterBlobStore({
    targets,
    hasher,
    clock: new NodeClock(),
    timers: new NodeTimers(),
    newBlobId: numberedIds(1),
    inlineBytes: INLINE_BYTES,
    bufferBudgetBytes: 256 * 1024 * 1024,
    stragglerMs: 50,
  });
}

export function diskLikeStore(buffers: RecycledBuffers): BlobStore {
  return localStore(new DiskLikeTargets(buffers));
}

export function numberedIds(first: number): () => Uint8Array {
  let next = first;
  return () => {
    const id = new Uint8Array(16);
    new DataView(id.buffer).setUint32(12, next++);
    return id;
  };
}

/** Bytes on their way or in the hands of the other end, by what both sides say. */
export class Traffic {
  mostWriteBytes = 0;
  mostReadBytes = 0;
  readonly #inFlight = new Map<string, number>();

  see(message: ToBlobs | FromBlobs): void {
    const { id } = message;
    switch (message.kind) {
      case "write":
      case "read":
        this.#inFlight.delete(`${message.kind} ${id}`);
        return;
      case "bytes":
        this.mostWriteBytes = Math.max(this.mostWriteBytes, this.#add(`write ${id}`, message.bytes.length));
        return;
      case "taken":
        this.#add(`write ${id}`, -message.bytes);
        return;
      case "piece":
        this.mostReadBytes = Math.max(this.mostReadBytes, this.#add(`read ${id}`, message.bytes.length));
        return;
      case "consumed":
        this.#add(`read ${id}`, -message.bytes);
        return;
      case "written":
      case "failed":
      case "cancel":
    }
  }

  #add(what: string, bytes: number): number {
    const now = (this.#inFlight.get(what) ?? 0) + bytes;
    this.#inFlight.set(what, now);
    return now;
  }
}

/** Overwrites the memory that goes back, which nobody may read any more. */
function watched<Send extends ToBlobs | FromBlobs, Receive extends ToBlobs | FromBlobs>(
  port: ThreadPort<BlobTurn<Send>, BlobTurn<Receive>>,
  traffic: Traffic,
): ThreadPort<BlobTurn<Send>, BlobTurn<Receive>> {
  return {
    post: (turn, handOver) => {
      for (const message of turn.messages) traffic.see(message);
      for (const buffer of turn.emptied) new Uint8Array(buffer).fill(POISON);
      port.post(turn, handOver);
    },
    onMessage: (listener) => port.onMessage(listener),
  };
}

export function createGateway(blobs: BlobStore, buffers: RecycledBuffers = new PoisonedBuffers()) {
  const { port1, port2 } = new MessageChannel();
  const timers = new NodeTimers();
  const traffic = new Traffic();
  const gatewayPort = threadPort<BlobTurn<ToBlobs>, BlobTurn<FromBlobs>>(port1);
  const remote = new RemoteBlobs(watched(gatewayPort, traffic), {
    hasher,
    timers,
    newBlobId: numberedIds(1_000_000),
    inlineBytes: INLINE_BYTES,
  });
  const blobsPort = threadPort<BlobTurn<FromBlobs>, BlobTurn<ToBlobs>>(port2);
  const served = serveBlobs(watched(blobsPort, traffic), blobs, { buffers, timers });
  return {
    remote,
    served,
    traffic,
    /** Nothing is open on either side. */
    settled: () => until(() => remote.openCount === 0 && served.openCount === 0, "nothing is open"),
    end: () => port1.close(),
  };
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((wake) => setImmediate(wake));
}

export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let i = 0; !isSo(); i++) {
    if (i > PATIENCE_TURNS) throw new Error(`never: ${what}`);
    await turns(1);
  }
}

/** In pieces of random lengths, each of which is overwritten when the next one is asked for. */
export async function* randomPieces(
  bytes: Uint8Array,
  prng: Prng,
  mostBytes = 200_000,
): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.slice(at, at + prng.between(1, mostBytes));
    at += piece.length;
    if (prng.chance(0.2)) await turns(prng.below(3));
    yield piece;
    piece.fill(POISON);
  }
}

export function rowOf(blob: NewBlob): BlobRow {
  const { $typeName: _, ...rest } = blob;
  return create(BlobRowSchema, rest);
}
