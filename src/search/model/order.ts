import { compareKeys } from "../../base/index.ts";
import type { Scalar } from "./document.ts";

/**
 * The order of values of one type: numbers by their exact value, also an int with a float; strings by their UTF-8 bytes; false before true. Values of
 * different types have no order: undefined.
 */
export function compareScalars(left: Scalar, right: Scalar): number | undefined {
  if (typeof left === "string") return typeof right === "string" ? compareKeys(left, right) : undefined;
  if (typeof left === "boolean") return typeof right === "boolean" ? Number(left) - Number(right) : undefined;
  if (typeof right === "string" || typeof right === "boolean") return undefined;
  // JavaScript compares a number with a bigint by what they stand for.
  return left < right ? -1 : left > right ? 1 : 0;
}
