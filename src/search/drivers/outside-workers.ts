/** Takes away, in stores outside the cluster, what nobody refers to. On the leader: two nodes would only do the same, and doing it twice does no harm. */

import { create } from "@bufbuild/protobuf";
import type { Worker } from "../../background/index.ts";
import { fromHex, timeOfIdMs, toHex } from "../../base/index.ts";
import { type AcknowledgeUnlink, AcknowledgeUnlinkSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { BlobRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Logger } from "../../observe/index.ts";
import type { OutsideBlobs } from "./outside-blobs.ts";

const DELETION_IDLE_MS = 5_000;
const DELETION_BLOBS = 100;
const GARBAGE_IDLE_MS = 3_600_000;
const GARBAGE_PAGE = 1_000;
/** Under this number the metadata name the stores outside where they name nodes. */
const OUTSIDE_NODE_ID = 0;

export interface OutsideWork {
  readonly blobs: OutsideBlobs;
  readonly view: {
    blob(blobId: Uint8Array): Pick<BlobRow, "searchStoreId"> | undefined;
    unlinkOrders(nodeId: number, limit: number, after?: Uint8Array): Promise<readonly Uint8Array[]>;
    appliedTimeMs(): number;
    cluster(): { readonly searchStoreCount: bigint } | undefined;
  };
  readonly barrier: () => Promise<void>;
  readonly acknowledge: (value: AcknowledgeUnlink, signal: AbortSignal) => Promise<unknown>;
  readonly isLeader: () => boolean;
  /** No commit brings a blob into being that was begun so much earlier, in milliseconds of leader time. */
  readonly maxWriteMs: number;
  readonly logger: Logger;
}

export function outsideWorkers(work: OutsideWork): readonly Worker[] {
  return [deletionWorker(work), garbageWorker(work)];
}

/**
 * Deletes what the metadata have ordered, a page at a time, then says so. What can not be deleted now stays ordered, and others are not kept waiting by it, however much of it
 * there is: the next unit goes on behind this page.
 */
function deletionWorker({ blobs, view, acknowledge, isLeader }: OutsideWork): Worker {
  let after: Uint8Array | undefined;
  return {
    name: "search-store-deletion",
    idleMs: DELETION_IDLE_MS,
    async runUnit(signal) {
      if (!isLeader() || (view.cluster()?.searchStoreCount ?? 0n) === 0n) return "idle";
      const ordered = await view.unlinkOrders(OUTSIDE_NODE_ID, DELETION_BLOBS, after);
      const deleted: Uint8Array[] = [];
      let failure: Error | undefined;
      for (const blobId of ordered) {
        signal.throwIfAborted();
        const row = view.blob(blobId);
        if (row === undefined) continue;
        try {
          await blobs.store(row.searchStoreId).delete(toHex(blobId), signal);
          deleted.push(blobId);
        } catch (error) {
          failure ??= error instanceof Error ? error : new Error(String(error));
        }
      }
      if (deleted.length > 0) {
        const value = create(AcknowledgeUnlinkSchema, { nodeId: BigInt(OUTSIDE_NODE_ID), blobIds: deleted });
        await acknowledge(value, signal);
      }
      after = ordered.length === DELETION_BLOBS ? ordered.at(-1) : undefined;
      if (failure !== undefined) throw failure;
      return ordered.length === DELETION_BLOBS ? "more" : "idle";
    },
  };
}

/**
 * Deletes what was written and never committed, a page of a list at a time. The name tells when it was begun: once no commit can bring it into being any more,
 * and the metadata, as new as they are now, do not have it, nobody ever will.
 */
function garbageWorker(work: OutsideWork): Worker {
  const { blobs, view, barrier, isLeader, maxWriteMs, logger } = work;
  let storeId = 1n;
  let after = "";
  return {
    name: "search-store-garbage",
    idleMs: GARBAGE_IDLE_MS,
    async runUnit(signal) {
      const count = view.cluster()?.searchStoreCount ?? 0n;
      if (!isLeader() || storeId > count) {
        [storeId, after] = [1n, ""];
        return "idle";
      }
      const current = storeId;
      const store = blobs.store(current);
      // One that does not answer must not keep the others from being looked at.
      const page = await store.list({ after, limit: GARBAGE_PAGE }, signal).catch((error: unknown) => {
        signal.throwIfAborted();
        logger.warn("a store for index segments can not be listed", { storeId: Number(current), error });
        return { names: [], next: undefined };
      });
      await barrier();
      const isGarbage = (name: string): boolean => {
        const blobId = fromHex(name);
        if (blobId === undefined || timeOfIdMs(blobId) + maxWriteMs >= view.appliedTimeMs()) return false;
        return view.blob(blobId) === undefined;
      };
      for (const name of page.names.filter(isGarbage)) {
        signal.throwIfAborted();
        await store.delete(name, signal);
      }
      if (page.next === undefined) [storeId, after] = [current + 1n, ""];
      else after = page.next;
      return "more";
    },
  };
}
