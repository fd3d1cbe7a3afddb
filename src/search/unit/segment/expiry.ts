import { SearchError } from "../../errors.ts";
import type { RowSet } from "../../rows/row-set.ts";

const ENTRY_BYTES = 12;

export interface Expiry {
  readonly expiresAtMs: number;
  readonly row: number;
}

/** Rows that expire, the soonest first: milliseconds since the Unix epoch as 64 bits, the row as 32. */
export function encodeExpiry(rows: readonly Expiry[]): Uint8Array {
  const expiring = rows.toSorted((a, b) => a.expiresAtMs - b.expiresAtMs || a.row - b.row);
  const bytes = new Uint8Array(expiring.length * ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, { expiresAtMs, row }] of expiring.entries()) {
    view.setBigUint64(i * ENTRY_BYTES, BigInt(expiresAtMs), true);
    view.setUint32(i * ENTRY_BYTES + 8, row, true);
  }
  return bytes;
}

/** The reverse; "data-damaged" when a row is none of `rowCount` or the order is another. */
export function decodeExpiry(bytes: Uint8Array, rowCount: number): readonly Expiry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const rows: Expiry[] = [];
  if (bytes.length % ENTRY_BYTES !== 0) throw expiryDamaged();
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    const expiresAtMs = Number(view.getBigUint64(at, true));
    const row = view.getUint32(at + 8, true);
    if (row >= rowCount || expiresAtMs < (rows.at(-1)?.expiresAtMs ?? 0)) throw expiryDamaged();
    rows.push({ expiresAtMs, row });
  }
  return rows;
}

/** Takes what expires at or before `nowMs` out of `rows`. */
export function removeExpired(bytes: Uint8Array, nowMs: number, rows: RowSet): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES) {
    if (at + ENTRY_BYTES > bytes.length) throw expiryDamaged();
    if (view.getBigUint64(at, true) > BigInt(Math.floor(nowMs))) return;
    const row = view.getUint32(at + 8, true);
    if (row >= rows.size) throw expiryDamaged();
    rows.remove(row);
  }
}

function expiryDamaged(): SearchError {
  return new SearchError("data-damaged", "an index segment names rows that it does not have");
}
