import { invalid } from "../errors.ts";
import type { DocumentId, Scalar } from "./document.ts";
import { checkLimit } from "./limits.ts";
import { at, quoted, readString } from "./plain.ts";
import type { AttributeType } from "./schema.ts";

const LEAST_INT = -(2n ** 63n);
const GREATEST_INT = 2n ** 63n - 1n;
const GREATEST_ID = 2n ** 64n - 1n;
const LATEST_MS = 8.64e15;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
const RFC_3339 = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2}))?$/;

/** Bytes of the text in UTF-8, counted without encoding it. Half of a surrogate pair becomes U+FFFD, which has three. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    const isPair = unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00;
    if (isPair) i++;
  }
  return bytes;
}

/** An id as it is given: a string, or a whole number from 0 on. */
export function readId(plain: unknown, path: string): DocumentId {
  if (typeof plain === "bigint" || (typeof plain === "number" && Number.isSafeInteger(plain))) {
    const id = BigInt(plain);
    if (id >= 0n && id <= GREATEST_ID) return id;
    throw invalid(`${at(path)}a number that is an id is from 0 to ${GREATEST_ID}, not ${id}`, { path });
  }
  if (typeof plain === "number")
    throw invalid(`${at(path)}a number that is an id is whole; from 2^53 on, give it as a string`, { path });
  const id = readString(plain, path);
  if (id === "") throw invalid(`${at(path)}an id is not empty`, { path });
  checkLimit("idBytes", utf8Bytes(id), { path });
  return id;
}

/**
 * One value of any type, in the form of `Scalar`, before its field is known. A whole number that is no int stays what it is: JSON has no other form of large floats, and
 * `fitScalar` knows which is meant.
 */
export function readScalar(plain: unknown, path: string): Scalar {
  switch (typeof plain) {
    case "boolean":
      return plain;
    case "string":
      checkLimit("stringBytes", utf8Bytes(readString(plain, path)), { path });
      return plain;
    case "bigint":
      return isInt(plain) ? intOf(plain, path) : plain;
    case "number":
      if (!Number.isFinite(plain)) throw invalid(`${at(path)}a number is finite, not ${plain}`, { path });
      return plain === 0 ? 0 : plain;
    default:
      throw invalid(`${at(path)}expected a string, number or boolean, not ${quoted(plain)}`, { path });
  }
}

/** `value` as the type of its field holds it. Refuses what the type cannot hold. */
export function fitScalar(value: Scalar, type: AttributeType, path: string): Scalar {
  switch (type) {
    case "string":
      if (typeof value === "string") return value;
      break;
    case "bool":
      if (typeof value === "boolean") return value;
      break;
    case "int":
      if (typeof value === "bigint") return intOf(value, path);
      if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
      break;
    case "float":
      if (typeof value === "number" && Number.isFinite(value)) return value === 0 ? 0 : value;
      if (typeof value === "bigint" && Number.isFinite(Number(value))) return Number(value);
      break;
    case "datetime":
      return datetimeOf(value, path);
    case "uuid":
      if (typeof value === "string" && UUID.test(value)) return value.toLowerCase();
      break;
  }
  throw invalid(`${at(path)}${quoted(value)} is no ${type}`, { path });
}

/** Int: a number when it is safe, else a bigint within 64 bits, signed. */
export function intOf(value: bigint, path: string): number | bigint {
  if (!isInt(value)) throw invalid(`${at(path)}an int is from -2^63 to 2^63 - 1, not ${value}`, { path });
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

function isInt(value: bigint): boolean {
  return value >= LEAST_INT && value <= GREATEST_INT;
}

/** RFC 3339 ("2026-11-22", "2026-11-22T03:40:28.5Z", offsets; finer than a millisecond is cut off), or milliseconds since the Unix epoch. */
function datetimeOf(value: Scalar, path: string): number {
  const ms =
    typeof value === "string"
      ? RFC_3339.test(value) && isDayOfMonth(value)
        ? Date.parse(value.replace(" ", "T").replace(/(\.\d{3})\d+/, "$1"))
        : Number.NaN
      : value;
  if (typeof ms === "number" && Number.isSafeInteger(ms) && Math.abs(ms) <= LATEST_MS)
    return ms === 0 ? 0 : ms;
  throw invalid(
    `${at(path)}${quoted(value)} is no datetime: expected RFC 3339 or whole milliseconds since 1970-01-01T00:00:00Z`,
    { path },
  );
}

/** Whether the month has the day: `Date.parse` takes the 30th of February for the 2nd of March. */
function isDayOfMonth(text: string): boolean {
  const day = Number(text.slice(8, 10));
  return day <= 28 || new Date(text.slice(0, 10)).getUTCDate() === day;
}
