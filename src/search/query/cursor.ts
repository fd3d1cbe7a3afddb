import { fromBase64Url, toBase64Url } from "../../base/index.ts";
import { invalid, SearchError } from "../errors.ts";
import type { DocumentId, Scalar } from "../model/document.ts";
import { decodeId, encodeId } from "../model/encode-id.ts";
import { checkLimit } from "../model/limits.ts";
import { readScalar } from "../model/scalar.ts";
import type { OrderKey } from "./query.ts";

/** Where a page ended: the next one begins after these values and this id, whatever was written in between. */
export interface OrderCursor {
  readonly values: readonly (Scalar | null)[];
  readonly id: DocumentId;
}

const VERSION = 1;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * JSON in base64url: `[version, order, values, id]`, with the order as text so that a cursor does not go on in another one, bigints as `{"int": "..."}`, the
 * id as base64url of its bytes.
 */
export function encodeCursor(keys: readonly OrderKey[], { values, id }: OrderCursor): string {
  const plain = values.map((value) => (typeof value === "bigint" ? { int: String(value) } : value));
  return toBase64Url(
    encoder.encode(JSON.stringify([VERSION, orderName(keys), plain, toBase64Url(encodeId(id))])),
  );
}

/** "invalid-argument" for anything that `encodeCursor` did not write for this order. */
export function decodeCursor(keys: readonly OrderKey[], cursor: string): OrderCursor {
  checkLimit("cursorBytes", cursor.length, { path: "cursor" });
  const [version, order, values, id, ...rest] = parse(cursor);
  if (version !== VERSION || typeof id !== "string" || !Array.isArray(values) || rest.length > 0)
    throw wrong();
  if (order !== orderName(keys) || values.length !== keys.length)
    throw invalid("the cursor belongs to a query with another order", { path: "cursor" });
  const bytes = fromBase64Url(id);
  if (bytes === undefined) throw wrong();
  try {
    return { values: values.map(scalarOf), id: decodeId(bytes) };
  } catch (error) {
    if (error instanceof SearchError) throw wrong();
    throw error;
  }
}

function parse(cursor: string): readonly unknown[] {
  const bytes = fromBase64Url(cursor);
  if (bytes === undefined) throw wrong();
  try {
    const plain: unknown = JSON.parse(decoder.decode(bytes));
    if (Array.isArray(plain)) return plain;
  } catch {
    // Refused below.
  }
  throw wrong();
}

function scalarOf(plain: unknown): Scalar | null {
  if (plain === null) return null;
  if (typeof plain !== "object") return readScalar(plain, "cursor");
  const { int } = plain as { readonly int?: unknown };
  if (typeof int !== "string" || !/^-?\d{1,20}$/.test(int)) throw wrong();
  return BigInt(int);
}

function orderName(keys: readonly OrderKey[]): string {
  return keys.map(({ field, direction, missing }) => `${field} ${direction} ${missing}`).join(",");
}

function wrong(): SearchError {
  return invalid("the cursor is none that a query gave", { path: "cursor" });
}
