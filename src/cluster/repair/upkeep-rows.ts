/**
 * What a node remembers of its own upkeep across restarts: a small ordered store beside the segments. Losing it costs time and nothing else, so
 * that a row of another version is as good as none.
 *
 *   "scrub"                JSON: version, how far the present cycle is
 *   "unknown/<blob id>"    JSON: version, since when bytes that nobody knows have been seen
 */

import { fromHex } from "../../base/index.ts";
import type { OrderedStore } from "../../platform/ports.ts";

const VERSION = 1;
const SCRUB_KEY = "scrub";
const UNKNOWN_PREFIX = "unknown/";

export type UpkeepStore = Pick<OrderedStore, "get" | "write" | "page">;

/** One cycle of reading everything again. */
export interface ScrubCycle {
  readonly startedMs: number;
  /** Undefined: under way. */
  readonly finishedMs: number | undefined;
  /** The last blob that was looked at, in hexadecimal, and its next chunk. */
  readonly blobHex: string;
  readonly chunkIndex: number;
  readonly checkedBytes: number;
  readonly badChunks: number;
}

export function readScrub(store: UpkeepStore): ScrubCycle | undefined {
  const row = decode(store.get(SCRUB_KEY));
  if (row === undefined) return undefined;
  const numbers = ["startedMs", "chunkIndex", "checkedBytes", "badChunks"];
  if (numbers.some((name) => typeof row[name] !== "number")) return undefined;
  if (typeof row["blobHex"] !== "string" || !/^([0-9a-f]{32})?$/.test(row["blobHex"])) return undefined;
  const finishedMs = typeof row["finishedMs"] === "number" ? row["finishedMs"] : undefined;
  return { ...(row as unknown as ScrubCycle), finishedMs };
}

export async function writeScrub(store: UpkeepStore, cycle: ScrubCycle): Promise<void> {
  await store.write([{ kind: "put", key: SCRUB_KEY, value: encode({ ...cycle }) }]);
}

/** Blobs of which bytes are here that nobody knows, with the time at which that was first seen. */
export async function readUnknown(store: UpkeepStore, limit: number): Promise<Map<string, number>> {
  const rows = await store.page({ gte: UNKNOWN_PREFIX, lt: "unknown0", limit });
  const found = new Map<string, number>();
  for (const { key, value } of rows) {
    const sinceMs = decode(value)?.["sinceMs"];
    const hex = key.slice(UNKNOWN_PREFIX.length);
    if (typeof sinceMs === "number" && fromHex(hex) !== undefined) found.set(hex, sinceMs);
  }
  return found;
}

/** Rows of blobs that became unknown, and of those that are so no more. */
export async function writeUnknown(
  store: UpkeepStore,
  added: ReadonlyMap<string, number>,
  removed: Iterable<string>,
): Promise<void> {
  const puts = Array.from(added, ([hex, sinceMs]) => ({
    kind: "put" as const,
    key: UNKNOWN_PREFIX + hex,
    value: encode({ sinceMs }),
  }));
  const deletes = Array.from(removed, (hex) => ({ kind: "delete" as const, key: UNKNOWN_PREFIX + hex }));
  if (puts.length + deletes.length > 0) await store.write([...puts, ...deletes]);
}

function encode(row: Readonly<Record<string, unknown>>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ version: VERSION, ...row }));
}

function decode(bytes: Uint8Array | undefined): Record<string, unknown> | undefined {
  if (bytes === undefined) return undefined;
  try {
    const row: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const isRow = typeof row === "object" && row !== null && "version" in row && row.version === VERSION;
    return isRow ? (row as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
