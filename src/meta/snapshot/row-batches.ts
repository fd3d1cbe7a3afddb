import type { ScanRange, StoreRow } from "../../platform/index.ts";
import { SHARD_RANGE } from "../keys.ts";

/** Rows and bytes of one batch, at most, but for a single row that is larger. */
const BATCH_ROWS = 1_024;
const BATCH_BYTES = 256 * 1024;

/** Something that can be read in pages: a store or a view of it. */
export interface Pages {
  page(range: ScanRange & { readonly limit: number }): Promise<readonly StoreRow[]>;
}

/** All rows of the shard in key order, in batches of about 256 KiB. */
export async function* rowBatches(source: Pages): AsyncGenerator<readonly StoreRow[]> {
  let after: string | undefined;
  let pageRows = BATCH_ROWS;
  for (;;) {
    const page = await source.page({
      ...SHARD_RANGE,
      ...(after !== undefined && { gt: after }),
      limit: pageRows,
    });
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.key;
    const batches = cut(page);
    yield* batches;
    // Rows of different tables differ much in size: keep what one page takes in memory near one batch.
    pageRows = batches.length > 1 ? Math.max(16, pageRows >> 1) : Math.min(BATCH_ROWS, pageRows * 2);
  }
}

function cut(rows: readonly StoreRow[]): (readonly StoreRow[])[] {
  const batches: StoreRow[][] = [];
  let batch: StoreRow[] = [];
  let sizeBytes = 0;
  for (const row of rows) {
    if (sizeBytes >= BATCH_BYTES) {
      batches.push(batch);
      batch = [];
      sizeBytes = 0;
    }
    batch.push(row);
    sizeBytes += row.key.length + row.value.length;
  }
  batches.push(batch);
  return batches;
}
