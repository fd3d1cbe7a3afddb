/** Telling the cluster which chunks this node does not have, or has damaged. */

import { create } from "@bufbuild/protobuf";
import { toHex } from "../../base/index.ts";
import { LostBlobSchema, ReportLostSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { ClusterWorker } from "../ports.ts";
import { submitTimeoutMs } from "../workers/submit.ts";
import type { LocalAddress, RepairMetadata } from "./ports.ts";

/** Chunks that wait to be reported; further ones are found by the inventory. */
const MAX_WAITING_CHUNKS = 10_000;
/** Chunks of one command. */
const REPORT_CHUNKS = 1_000;

/** Chunks of this node that were found damaged while they were read, until they are reported. */
export class LostChunks {
  readonly #waiting = new Map<string, LocalAddress>();

  /** False when there are too many already. */
  add(address: LocalAddress): boolean {
    if (this.#waiting.size >= MAX_WAITING_CHUNKS) return false;
    this.#waiting.set(nameOf(address), address);
    return true;
  }

  /** The oldest ones; they stay until they are removed. */
  first(limit: number): readonly LocalAddress[] {
    return [...this.#waiting.values()].slice(0, limit);
  }

  remove(addresses: readonly LocalAddress[]): void {
    for (const address of addresses) this.#waiting.delete(nameOf(address));
  }
}

export interface LostChunksOptions {
  readonly nodeId: number;
  readonly metadata: Pick<RepairMetadata, "submit">;
  readonly lost: LostChunks;
}

/** Reports what waits, and tries again until the metadata has taken it. */
export function lostChunksWorker({ nodeId, metadata, lost }: LostChunksOptions): ClusterWorker {
  return {
    name: "lost-chunks",
    idleMs: 10_000,
    runUnit: async (signal) => {
      const addresses = lost.first(REPORT_CHUNKS);
      if (addresses.length === 0) return "idle";
      await reportLost(metadata, nodeId, addresses, signal);
      lost.remove(addresses);
      return "more";
    },
  };
}

/** Takes this node off the holders of these chunks. */
export async function reportLost(
  metadata: Pick<RepairMetadata, "submit">,
  nodeId: number,
  addresses: readonly LocalAddress[],
  signal: AbortSignal,
): Promise<void> {
  for (let from = 0; from < addresses.length; from += REPORT_CHUNKS) {
    const blobs = new Map<string, { readonly blobId: Uint8Array; readonly chunkIndexes: number[] }>();
    for (const { blobId, chunkIndex } of addresses.slice(from, from + REPORT_CHUNKS)) {
      const hex = toHex(blobId);
      const lost = blobs.get(hex) ?? { blobId, chunkIndexes: [] };
      lost.chunkIndexes.push(chunkIndex);
      blobs.set(hex, lost);
    }
    const value = create(ReportLostSchema, {
      nodeId: BigInt(nodeId),
      blobs: [...blobs.values()].map((lost) => create(LostBlobSchema, lost)),
    });
    await metadata.submit({ case: "reportLost", value }, { timeoutMs: submitTimeoutMs, signal });
  }
}

function nameOf({ blobId, chunkIndex }: LocalAddress): string {
  return `${toHex(blobId)}/${chunkIndex}`;
}
