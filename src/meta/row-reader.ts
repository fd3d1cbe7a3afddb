/** Reading rows and keeping them decoded: the ways in which `StateView` looks at the store. */

import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { LRUCache } from "lru-cache";
import type { BlobRow, BlobRowSchema, ObjectRow, ObjectRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import type { DiskError, StoreRow, StoreSnapshot } from "../platform/index.ts";
import { TABLES, type TableName, tableRange } from "./keys.ts";
import type { PageRange } from "./list-ranges.ts";
import { decodeMessage } from "./message-decoder.ts";
import type { ReadCache } from "./read-cache.ts";
import { ReadableStore, type StateRows } from "./readable-store.ts";
import { type RowMark, RowVersions } from "./row-versions.ts";

/** Rows of one page of a whole-table read. */
const PAGE_ROWS = 1_024;
const CACHED_ROWS = 16_384;

export interface RowReaderOptions {
  /** Somebody was refused, because the disk did not give a row. */
  readonly onUnreadable?: (error: DiskError) => void;
  readonly cache?: ReadCache;
  /** Raised by whoever writes the rows. Default: nobody does. */
  readonly versions?: RowVersions;
}

/** What was read, as long as it has not changed. */
export interface Kept<T> {
  readonly value: T;
  readonly mark: RowMark;
}

/**
 * At most `limit` rows of one view, decoded as they come: others get their turn between two portions of the scan, and of rows as they are stored no more than one
 * portion is in memory.
 */
export async function decodedPage<T>(
  source: Pick<StoreSnapshot, "scan">,
  range: PageRange,
  decode: (value: Uint8Array) => T,
): Promise<readonly T[]> {
  const decoded: T[] = [];
  for await (const { value } of source.scan(range)) decoded.push(decode(value));
  return decoded;
}

export class RowReader {
  readonly store: ReadableStore;
  readonly versions: RowVersions;
  /** Counted by size, for with `max` it would take the memory of all its rows at once. */
  readonly #rows = new LRUCache<string, Kept<object>>({ maxSize: CACHED_ROWS, sizeCalculation: () => 1 });
  /** Whole tables, by letter. */
  readonly #tables = new Map<string, Kept<Promise<readonly object[]>>>();
  readonly #cache: ReadCache | undefined;

  constructor(store: StateRows, options: RowReaderOptions) {
    const { onUnreadable = () => undefined, cache, versions } = options;
    this.#cache = cache;
    this.store = new ReadableStore(store, onUnreadable);
    this.versions = versions ?? new RowVersions(RowVersions.memory(1));
  }

  /** As it is now. */
  row<Desc extends DescMessage>(key: string, schema: Desc): MessageShape<Desc> | undefined {
    const bytes = this.store.get(key);
    return bytes === undefined ? undefined : decodeMessage(schema, bytes);
  }

  /** Kept decoded until a batch touches it. */
  cached<Desc extends DescMessage>(key: string, schema: Desc): MessageShape<Desc> | undefined {
    const cached = this.#rows.get(key);
    if (cached !== undefined && this.versions.isCurrent(cached.mark))
      return cached.value as MessageShape<Desc>;
    const mark = this.versions.ofRow(key);
    const value = this.row(key, schema);
    if (value !== undefined) this.#rows.set(key, { value, mark });
    else if (cached !== undefined) this.#rows.delete(key);
    return value;
  }

  /** Of a table that clients read from. */
  kept<Desc extends typeof ObjectRowSchema | typeof BlobRowSchema>(
    key: string,
    schema: Desc,
  ): MessageShape<Desc> | undefined {
    const kept = this.#cache?.get(key);
    if (kept !== undefined) return kept as MessageShape<Desc>;
    const mark = this.versions.ofRow(key);
    const bytes = this.store.get(key);
    if (bytes === undefined) return undefined;
    const row = decodeMessage<DescMessage>(schema, bytes) as ObjectRow | BlobRow;
    this.#cache?.keep(key, row, bytes.length, mark);
    return row as MessageShape<Desc>;
  }

  /** At most `limit` rows, from one view. Fewer: there are no more. */
  page<Desc extends DescMessage>(range: PageRange, schema: Desc): Promise<readonly MessageShape<Desc>[]> {
    return this.pageOf(range, (value) => decodeMessage(schema, value));
  }

  /** The same of what `decode` makes of the values. */
  pageOf<T>(range: PageRange, decode: (value: Uint8Array) => T): Promise<readonly T[]> {
    return this.store.use((store) => decodedPage(store, range, decode));
  }

  /** A small table as a whole. Readers share one read until a batch touches the table. */
  table<Desc extends DescMessage>(table: TableName, schema: Desc): Promise<readonly MessageShape<Desc>[]> {
    const letter = TABLES[table];
    const known = this.#tables.get(letter);
    if (known !== undefined && this.versions.isCurrent(known.mark))
      return known.value as Promise<readonly MessageShape<Desc>[]>;
    const mark = this.versions.ofTable(letter);
    const value = this.firstOf(tableRange(table), Number.POSITIVE_INFINITY, ({ value }) =>
      fromBinary(schema, value),
    );
    this.#tables.set(letter, { value, mark });
    // A failed read must not be remembered.
    value.catch(() => {
      if (this.#tables.get(letter)?.value === value) this.#tables.delete(letter);
    });
    return value;
  }

  /** The first `limit` rows of a range that `pick` takes, read in pages of one view. */
  async firstOf<T>(
    range: { readonly gte: string; readonly lt: string },
    limit: number,
    pick: (row: StoreRow) => T | undefined,
  ): Promise<readonly T[]> {
    return await this.store.useSnapshot(async (snapshot) => {
      const picked: T[] = [];
      let after: string | undefined;
      for (;;) {
        const page = await snapshot.page({
          ...range,
          ...(after !== undefined && { gt: after }),
          limit: PAGE_ROWS,
        });
        for (const row of page) {
          if (picked.length >= limit) return picked;
          const value = pick(row);
          if (value !== undefined) picked.push(value);
        }
        if (page.length < PAGE_ROWS) return picked;
        after = page.at(-1)?.key;
      }
    });
  }
}
