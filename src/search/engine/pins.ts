/** Keeps what is pinned on this node's disk. */

import type { Worker } from "../../background/index.ts";
import { type NamespaceRow, NamespaceState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { BLOCK_BYTES } from "../cache/cached-reader.ts";
import type { DiskCache } from "../cache/disk-cache.ts";
import { SearchError } from "../errors.ts";
import type { BlobName } from "../ports.ts";
import type { EngineContext } from "./context.ts";
import { readManifest } from "./manifest.ts";

const PIN_IDLE_MS = 10_000;
const PAGE_NAMESPACES = 256;
/** Read of a blob in one unit of work. */
const STEP_BLOCKS = 32;
/** Blobs that are pinned at a time; namespaces beyond it are cached as any other. */
const MAX_PINNED_BLOBS = 100_000;

/**
 * Looks through all namespaces for those that are pinned, tells the cache which blobs they are made of now, and reads what is missing. Every node that
 * has a disk cache does it for itself.
 */
export function pinWorker(context: EngineContext, disk: DiskCache): Worker {
  let after = 0n;
  let pinned: BlobName[] = [];
  /** What the pass before has found and is not on the disk yet. */
  let wanted: BlobName[] = [];
  return {
    name: "search-pins",
    idleMs: PIN_IDLE_MS,
    async runUnit(signal) {
      while (wanted.length > 0 && disk.hasRoomForPins) {
        if (await fillStep(context, disk, wanted.at(-1)!)) return "more";
        signal.throwIfAborted();
        wanted.pop();
      }
      const page = await context.store.view.namespaceIds({ after, limit: PAGE_NAMESPACES });
      for (const namespaceId of page) {
        after = namespaceId;
        const row = context.store.view.namespace(namespaceId);
        if (row?.settings?.pinned !== true || row.state !== NamespaceState.LIVE) continue;
        pinned.push(...(await farSegments(context, row)));
        if (pinned.length >= MAX_PINNED_BLOBS) break;
      }
      if (page.length === PAGE_NAMESPACES && pinned.length < MAX_PINNED_BLOBS) return "more";
      disk.pin(pinned.map(({ blobId }) => blobId));
      wanted = pinned;
      [pinned, after] = [[], 0n];
      return disk.hasRoomForPins && wanted.some((blob) => firstMissing(disk, blob) !== undefined)
        ? "more"
        : "idle";
    },
  };
}

async function farSegments(context: EngineContext, row: NamespaceRow): Promise<readonly BlobName[]> {
  const { segments } = await readManifest(context.store.view, row);
  return segments.map(({ blob }) => blob).filter((blob) => !context.driver.isNear(blob));
}

/** Reads the next part of a blob that is not on the disk. False: there is none, or it cannot be read now. */
async function fillStep(context: EngineContext, disk: DiskCache, blob: BlobName): Promise<boolean> {
  const first = firstMissing(disk, blob);
  if (first === undefined) return false;
  const offset = first * BLOCK_BYTES;
  const length = Math.min(STEP_BLOCKS * BLOCK_BYTES, blob.sizeBytes - offset);
  try {
    await context.reader(blob).read(offset, length);
  } catch (error) {
    // It was merged away meanwhile, or its store does not answer: the next pass knows more.
    if (error instanceof SearchError) return false;
    throw error;
  }
  await disk.settled();
  // What the disk would not take is not asked for again and again.
  return disk.has(blob.blobId, first);
}

function firstMissing(disk: DiskCache, { blobId, sizeBytes }: BlobName): number | undefined {
  for (let block = 0; block * BLOCK_BYTES < sizeBytes; block++) if (!disk.has(blobId, block)) return block;
  return undefined;
}
