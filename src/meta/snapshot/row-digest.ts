import type { Digest, Hasher, StoreRow } from "../../platform/index.ts";

/**
 * BLAKE3 over rows in key order, however they are cut into batches:
 *
 *   key length u32 | key, UTF-8 | value length u32 | value       for each row, numbers big endian
 */
export class RowDigest {
  readonly #digest: Digest;
  readonly #encoder = new TextEncoder();
  #count = 0n;

  constructor(hasher: Hasher) {
    this.#digest = hasher.start(["blake3"]);
  }

  get rowCount(): bigint {
    return this.#count;
  }

  async add(rows: readonly StoreRow[]): Promise<void> {
    const parts = rows.map(({ key, value }) => ({ key: this.#encoder.encode(key), value }));
    const sizeBytes = parts.reduce((sum, { key, value }) => sum + 8 + key.length + value.length, 0);
    const bytes = new Uint8Array(sizeBytes);
    const view = new DataView(bytes.buffer);
    let offset = 0;
    for (const { key, value } of parts) {
      for (const field of [key, value]) {
        view.setUint32(offset, field.length);
        bytes.set(field, offset + 4);
        offset += 4 + field.length;
      }
    }
    this.#count += BigInt(rows.length);
    await this.#digest.update(bytes);
  }

  /** 32 bytes. */
  async finish(): Promise<Uint8Array> {
    const [hash] = await this.#digest.finish();
    if (hash === undefined) throw new Error("the digest gave no hash");
    return hash;
  }

  abandon(): void {
    this.#digest.abandon();
  }
}
