import type { RangeRequest } from "../../object/index.ts";
import { invalidArgument } from "../errors.ts";

const ONE_RANGE = /^bytes=([0-9]*)-([0-9]*)$/;

/**
 * One range of bytes; undefined for everything that S3 answers with the whole object: other units, lists of ranges and ranges that say
 * nothing or run backwards. A number may have any number of digits: clients write the greatest that they know for "to the end".
 */
export function parseRange(text: string | undefined): RangeRequest | undefined {
  if (text === undefined) return undefined;
  const match = ONE_RANGE.exec(text.trim());
  const [, first = "", last = ""] = match ?? [];
  if (first === "") return last === "" ? undefined : { kind: "suffix", length: offsetOf(last) };
  const range = { first: offsetOf(first), last: last === "" ? undefined : offsetOf(last) };
  if (range.last !== undefined && range.last < range.first) return undefined;
  return { kind: "from-to", ...range };
}

/** No object is as large as the greatest that a number holds exactly, so that whatever lies beyond it can stand for all of that. */
function offsetOf(digits: string): number {
  return Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
}

/** x-amz-copy-source-range: both ends are needed. */
export function parseCopyRange(
  text: string | undefined,
): { readonly first: number; readonly last: number } | undefined {
  if (text === undefined) return undefined;
  const range = parseRange(text);
  if (range?.kind !== "from-to" || range.last === undefined) {
    throw invalidArgument(
      "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the zero-based offsets of the first and last bytes to copy",
      "x-amz-copy-source-range",
      text,
    );
  }
  return { first: range.first, last: range.last };
}
