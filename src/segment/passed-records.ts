import { type ChunkRow, hexOf } from "./index-rows.ts";
import type { ChunkAddress } from "./ports.ts";

/**
 * Records that recovery has taken in although the index, which is written behind the last checkpoint too, had a later one of the same chunk already: the next record of
 * the chunk takes the place of this one. At most one for each chunk of which there is more than one record behind the checkpoint.
 */
export class PassedRecords {
  readonly #rows = new Map<string, Map<number, ChunkRow>>();

  add(address: ChunkAddress, row: ChunkRow): void {
    const hex = hexOf(address);
    const rows = this.#rows.get(hex) ?? new Map<number, ChunkRow>();
    this.#rows.set(hex, rows.set(address.chunkIndex, row));
  }

  /** The chunk's, which is forgotten. */
  take(address: ChunkAddress): ChunkRow | undefined {
    const rows = this.#rows.get(hexOf(address));
    const row = rows?.get(address.chunkIndex);
    rows?.delete(address.chunkIndex);
    return row;
  }

  /** Those of all chunks of the blob, which are forgotten. */
  takeBlob(blobId: Uint8Array): readonly ChunkRow[] {
    const hex = hexOf({ blobId, chunkIndex: 0 });
    const rows = this.#rows.get(hex);
    this.#rows.delete(hex);
    return [...(rows?.values() ?? [])];
  }
}
