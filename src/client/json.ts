import { ArgumentError } from "./errors.ts";

/** Whole numbers beyond 2^53 are bigints here, and plain numbers on the wire. Source: ECMAScript, JSON.parse source text access. */
export function parse(text: string): unknown {
  if (!/\d{16}/.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_name, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source;
    const isLost = typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined;
    return isLost && /^-?\d+$/.test(source) ? BigInt(source) : value;
  });
}

/**
 * Vectors of 32-bit floats go as base64 of their little-endian bytes: a quarter of the bytes of their digits, and read at once. Throws ArgumentError for what
 * JSON would turn into null, which means "absent" to the server: NaN, infinities, dates that are none, and undefined in arrays. `name`: what the message calls
 * the value.
 */
export function format(value: unknown, name = ""): string {
  const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };
  return JSON.stringify(value, function (this: unknown, key: string, item: unknown) {
    if (typeof item === "bigint") return rawJSON(String(item));
    if (item instanceof Float32Array) return base64OfFloats(item);
    if (becomesNull(this, key, item)) throw unwritable(value, name);
    return item;
  });
}

function becomesNull(holder: unknown, key: string, item: unknown): boolean {
  if (typeof item === "number") return !Number.isFinite(item);
  // `toJSON` of a date that is none.
  if (item === null) return (holder as Record<string, unknown>)[key] !== null;
  return (
    Array.isArray(holder) && (item === undefined || typeof item === "function" || typeof item === "symbol")
  );
}

/** The error for the first part of `value` that becomes null. */
function unwritable(value: unknown, name: string): ArgumentError {
  const [place, found] = firstUnwritable({ "": value }, "") ?? ["", undefined];
  const where = `${name}${place}`.replace(/^\./, "");
  return new ArgumentError(`${where === "" ? "" : `${where}: `}${String(found)} cannot be written as JSON`);
}

function firstUnwritable(holder: object, path: string): readonly [path: string, found: unknown] | undefined {
  const isArray = Array.isArray(holder);
  // Holes of an array are among its keys only so.
  const keys = isArray ? Array.from(holder.keys(), String) : Object.keys(holder);
  for (const key of keys) {
    const item = (holder as Record<string, unknown>)[key];
    const place = isArray ? `${path}[${key}]` : key === "" && path === "" ? "" : `${path}.${key}`;
    const isDate = item instanceof Date;
    if (becomesNull(holder, key, item) || (isDate && Number.isNaN(item.getTime()))) return [place, item];
    if (typeof item !== "object" || item === null || isDate || ArrayBuffer.isView(item)) continue;
    const found = firstUnwritable(item, place);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Bytes that become characters in one call: more arguments than some engines take are too many. */
const CHARACTERS_AT_ONCE = 8192;
const IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function base64OfFloats(vector: Float32Array): string {
  const bytes = littleEndian(vector);
  // Node and Bun have it in native code, which is ten times as fast; browsers have not.
  if (typeof Buffer !== "undefined")
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
  let text = "";
  for (let at = 0; at < bytes.length; at += CHARACTERS_AT_ONCE)
    text += String.fromCharCode(...bytes.subarray(at, at + CHARACTERS_AT_ONCE));
  return btoa(text);
}

function littleEndian(vector: Float32Array): Uint8Array {
  if (IS_LITTLE_ENDIAN) return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
  const view = new DataView(new ArrayBuffer(vector.byteLength));
  for (let at = 0; at < vector.length; at++) view.setFloat32(4 * at, vector[at]!, true);
  return new Uint8Array(view.buffer);
}
