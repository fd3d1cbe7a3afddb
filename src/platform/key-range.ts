import { assert, compareKeys } from "../base/index.ts";
import type { ScanRange } from "./ports.ts";

/** A scan's bounds with at most one at each end, so that every store reads a range in the same way. */
export interface KeyBounds {
  readonly lower: KeyBound | undefined;
  readonly upper: KeyBound | undefined;
}

export interface KeyBound {
  readonly key: string;
  readonly inclusive: boolean;
}

/** Where a range gives two bounds at one end, the tighter one counts. */
export function boundsOf(range: ScanRange): KeyBounds {
  const { limit } = range;
  assert(limit === undefined || (Number.isInteger(limit) && limit >= 0), "a scan's limit is a whole number");
  return {
    lower: tighter(range.gte, range.gt, (gte, gt) => compareKeys(gte, gt) > 0),
    upper: tighter(range.lte, range.lt, (lte, lt) => compareKeys(lte, lt) < 0),
  };
}

function tighter(
  inclusive: string | undefined,
  exclusive: string | undefined,
  inclusiveIsTighter: (inclusive: string, exclusive: string) => boolean,
): KeyBound | undefined {
  if (inclusive === undefined)
    return exclusive === undefined ? undefined : { key: exclusive, inclusive: false };
  if (exclusive === undefined || inclusiveIsTighter(inclusive, exclusive))
    return { key: inclusive, inclusive: true };
  return { key: exclusive, inclusive: false };
}
