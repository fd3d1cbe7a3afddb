import { fromBase64Url, toBase64Url } from "../../base/index.ts";
import type { IdentityRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";
import type { IdentityStore } from "../store.ts";

/** Rows that one page looks at: a page whose path fits few of them ends before it is full. */
const MAX_ROWS_LOOKED_AT = 2000;
const MAX_ITEMS = 1000;
const DEFAULT_ITEMS = 100;

export interface PageRequest {
  /** As the last page gave it; undefined: from the beginning. */
  readonly marker?: string | undefined;
  /** 1 to 1,000; undefined: 100. */
  readonly maxItems?: number | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Undefined: that was all. */
  readonly marker: string | undefined;
}

/** A page of the rows whose names begin so, in their order; `describe` leaves out what it answers with undefined. */
export async function pageOf<T>(
  store: IdentityStore,
  prefix: string,
  request: PageRequest,
  describe: (row: IdentityRow) => T | undefined,
): Promise<Page<T>> {
  const { maxItems = DEFAULT_ITEMS } = request;
  if (maxItems < 1 || maxItems > MAX_ITEMS) {
    throw new IdentityError("invalid", `MaxItems is a number from 1 to ${MAX_ITEMS}`);
  }
  await store.barrier();
  const after = request.marker === undefined ? "" : readMarker(request.marker, prefix);
  const limit = MAX_ROWS_LOOKED_AT;
  const rows = await store.metadata.view.identities({ prefix, after, limit });
  const items: T[] = [];
  for (const [index, row] of rows.entries()) {
    const item = describe(row);
    if (item === undefined) continue;
    items.push(item);
    if (items.length === maxItems && index + 1 < rows.length) return { items, marker: writeMarker(row.name) };
  }
  const last = rows.length === limit ? rows.at(-1) : undefined;
  return { items, marker: last && writeMarker(last.name) };
}

function writeMarker(name: string): string {
  return toBase64Url(new TextEncoder().encode(name));
}

/** A marker of another list would begin anywhere. */
function readMarker(marker: string, prefix: string): string {
  const bytes = fromBase64Url(marker);
  const name = bytes === undefined ? "" : new TextDecoder().decode(bytes);
  if (!name.startsWith(prefix)) throw new IdentityError("invalid", "that marker is not of this list");
  return name;
}
