import { concatBytes, Deferred } from "../../base/index.ts";
import type { ChunkAddress, ChunkBytes, ChunkData } from "../../segment/index.ts";
import { BlobError } from "../errors.ts";
import type { BlobPlacement, ChunkTarget, ChunkTargets } from "../ports.ts";

/** How one node behaves. */
export interface NodeBehaviour {
  /** Writes reject with this code; "never" keeps them waiting until they are aborted. */
  write?: "never" | "no-space" | "io" | undefined;
  /** Writes wait until so many are under way, and fail then, with all later ones, as when a connection breaks. */
  breaksUnder?: number;
  read?: "never" | "damaged" | undefined;
  dead?: boolean;
}

/** Nodes that keep their chunks in memory, for tests of the layers above. */
export class MemoryTargets implements ChunkTargets {
  readonly behaviour = new Map<number, NodeBehaviour>();
  readonly chunks = new Map<string, Uint8Array>();
  readonly reads: number[] = [];
  readonly #underWay = new Map<number, Deferred<void>[]>();
  readonly #nodeIds: readonly number[];
  readonly #spares: readonly number[];
  readonly #writeQuorum: number;
  #copysetId = 7;
  #layoutEpoch = 3;

  constructor(nodeIds: readonly number[], writeQuorum: number, spares: readonly number[] = []) {
    this.#nodeIds = nodeIds;
    this.#spares = spares;
    this.#writeQuorum = writeQuorum;
  }

  place(): BlobPlacement {
    return {
      copysetId: this.#copysetId,
      layoutEpoch: this.#layoutEpoch,
      nodeIds: this.#nodeIds,
      writeQuorum: this.#writeQuorum,
      spareNodeIds: this.#spares,
    };
  }

  /** The copyset that blobs say they are in. */
  placeIn(copysetId: number, layoutEpoch: number): void {
    this.#copysetId = copysetId;
    this.#layoutEpoch = layoutEpoch;
  }

  distance(nodeId: number): number {
    return this.behaviour.get(nodeId)?.dead ? 3 : nodeId;
  }

  target(nodeId: number): ChunkTarget | undefined {
    const behaviour = this.behaviour.get(nodeId) ?? {};
    return {
      nodeId,
      local: nodeId === 1,
      write: (chunk, _epoch, signal) => this.#write(nodeId, behaviour, chunk, signal),
      read: (address, offset, length, signal) =>
        this.#read(nodeId, behaviour, { address, offset, length, signal }),
    };
  }

  /** What a node has goes to another one, as repair moves it. */
  move(from: number, to: number): void {
    for (const [name, bytes] of [...this.chunks]) {
      if (!name.startsWith(`${from}/`)) continue;
      this.chunks.set(`${to}/${name.slice(`${from}/`.length)}`, bytes);
      this.chunks.delete(name);
    }
  }

  holds(nodeId: number, address: ChunkAddress): boolean {
    return this.chunks.has(chunkName(nodeId, address));
  }

  async #write(
    nodeId: number,
    behaviour: NodeBehaviour,
    chunk: ChunkData,
    signal: AbortSignal,
  ): Promise<void> {
    if (behaviour.write === "never") return aborted(signal);
    if (behaviour.breaksUnder !== undefined) await this.#untilBroken(nodeId, behaviour.breaksUnder);
    await Promise.resolve();
    if (behaviour.write !== undefined) throw Object.assign(new Error("refused"), { code: behaviour.write });
    this.chunks.set(chunkName(nodeId, chunk), concatBytes(chunk.pieces));
  }

  #untilBroken(nodeId: number, writes: number): Promise<void> {
    const underWay = this.#underWay.get(nodeId) ?? [];
    this.#underWay.set(nodeId, underWay);
    const broken = new Deferred<void>();
    underWay.push(broken);
    if (underWay.length >= writes) for (const write of underWay) write.reject(new Error("the stream broke"));
    return broken.promise;
  }

  async #read(
    nodeId: number,
    behaviour: NodeBehaviour,
    read: { address: ChunkAddress; offset: number; length: number; signal: AbortSignal },
  ): Promise<ChunkBytes> {
    this.reads.push(nodeId);
    if (behaviour.read === "never") return aborted(read.signal);
    await Promise.resolve();
    const bytes = this.chunks.get(chunkName(nodeId, read.address));
    if (behaviour.read === "damaged" || bytes === undefined) throw new Error("damaged");
    return { pieces: [bytes.subarray(read.offset, read.offset + read.length)] };
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const give = () => reject(new BlobError("canceled", "aborted"));
    if (signal.aborted) give();
    else signal.addEventListener("abort", give, { once: true });
  });
}

function chunkName(nodeId: number, address: ChunkAddress): string {
  return `${nodeId}/${Buffer.from(address.blobId).toString("hex")}/${address.chunkIndex}`;
}
