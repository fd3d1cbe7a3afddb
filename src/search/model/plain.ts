import { invalid } from "../errors.ts";
import { checkLimit, type LimitName } from "./limits.ts";

/**
 * Plain values: what JSON.parse gives, and bigint for whole numbers that a number cannot hold. The readers here check the shape of one and say where
 * it was wrong; `path` is that place, as in "upserts[3].vectors".
 */

/** An object with only `known` keys. Keys whose value is undefined are not there. */
export function readObject<Key extends string>(
  plain: unknown,
  known: readonly Key[],
  path: string,
): Partial<Record<Key, unknown>> {
  const result: Partial<Record<Key, unknown>> = {};
  for (const [key, value] of entriesOf(plain, path)) {
    if (!(known as readonly string[]).includes(key))
      throw invalid(`${at(path)}unknown key ${quoted(key)}; known are ${known.join(", ")}`, { path });
    result[key as Key] = value;
  }
  return result;
}

/** The own entries of an object whose keys are names that the caller chose. */
export function entriesOf(plain: unknown, path: string): [string, unknown][] {
  if (typeof plain !== "object" || plain === null || Array.isArray(plain))
    throw invalid(`${at(path)}expected an object, not ${kindOf(plain)}`, { path });
  return Object.entries(plain).filter((entry) => entry[1] !== undefined);
}

export function readArray(plain: unknown, path: string, limit?: LimitName): readonly unknown[] {
  if (!Array.isArray(plain)) throw invalid(`${at(path)}expected an array, not ${kindOf(plain)}`, { path });
  if (limit !== undefined) checkLimit(limit, plain.length, { path });
  return plain;
}

/** Well-formed Unicode. */
export function readString(plain: unknown, path: string): string {
  if (typeof plain !== "string")
    throw invalid(`${at(path)}expected a string, not ${kindOf(plain)}`, { path });
  if (!plain.isWellFormed()) throw invalid(`${at(path)}the string has half of a surrogate pair`, { path });
  return plain;
}

export function readChoice<T extends string>(plain: unknown, choices: readonly T[], path: string): T {
  const choice = choices.find((one) => one === plain);
  if (choice === undefined)
    throw invalid(`${at(path)}expected one of ${choices.join(", ")}, not ${quoted(plain)}`, { path });
  return choice;
}

export function readBoolean(plain: unknown, path: string): boolean {
  if (typeof plain !== "boolean")
    throw invalid(`${at(path)}expected true or false, not ${kindOf(plain)}`, { path });
  return plain;
}

export function readNumber(plain: unknown, path: string): number {
  if (typeof plain !== "number" || !Number.isFinite(plain))
    throw invalid(`${at(path)}expected a finite number, not ${kindOf(plain)}`, { path });
  return plain;
}

export function readPositive(plain: unknown, path: string): number {
  const value = readNumber(plain, path);
  if (value <= 0) throw invalid(`${at(path)}expected a number above 0, not ${value}`, { path });
  return value;
}

/** A whole number in [least, greatest of the limit]. */
export function readCount(plain: unknown, path: string, least: number, limit: LimitName): number {
  const value = typeof plain === "bigint" ? Number(plain) : plain;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least)
    throw invalid(`${at(path)}expected a whole number from ${least} on, not ${quoted(plain)}`, { path });
  checkLimit(limit, value, { path });
  return value;
}

/** The part of a message that names the place. */
export function at(path: string): string {
  return path === "" ? "" : `${path}: `;
}

/** For messages: short, and without what could be long or secret. */
export function quoted(plain: unknown): string {
  if (typeof plain === "string")
    return JSON.stringify(plain.length > 40 ? `${plain.slice(0, 40)}...` : plain);
  if (typeof plain === "number" || typeof plain === "boolean" || typeof plain === "bigint")
    return String(plain);
  return kindOf(plain);
}

function kindOf(plain: unknown): string {
  if (plain === null) return "null";
  if (Array.isArray(plain)) return "an array";
  if (typeof plain === "number" && !Number.isFinite(plain)) return String(plain);
  return plain === undefined ? "nothing" : `a ${typeof plain}`;
}
