import { successorOfPrefix, unreachable } from "../../base/index.ts";
import type { LeafFilter } from "../filter/evaluate-filter.ts";
import { compilePattern, type ValueFilter, valuePredicate } from "../filter/match-scalar.ts";
import { scanValues } from "../filter/slices.ts";
import type { Scalar } from "../model/document.ts";
import { compareScalars } from "../model/order.ts";
import type { RowSet } from "../rows/row-set.ts";
import type { AttributeIndex, OrdinalRange } from "./open-attribute.ts";

/** The leaves that an attribute index answers. */
export type AttributeFilter = Exclude<
  LeafFilter,
  { readonly kind: "compare-new" | "all-tokens" | "any-token" | "phrase" }
>;

/** The rows that pass a bound filter on the attribute. The answer is the caller's. `pass` is awaited between slices of work. */
export async function attributeRows(
  filter: AttributeFilter,
  index: AttributeIndex,
  pass?: () => Promise<void>,
): Promise<RowSet> {
  const { dictionary } = index;
  switch (filter.kind) {
    case "exists":
      return index.present.copy();
    case "null":
      return index.present.complement();
    case "compare": {
      if (filter.operator !== "ne") return await index.rowsWith([comparedOrdinals(filter, dictionary)]);
      return index.present.copy().subtract(await index.rowsWith([equalOrdinals(filter.value, dictionary)]));
    }
    case "contains":
      return await index.rowsWith([equalOrdinals(filter.value, dictionary)]);
    case "in":
    case "contains-any":
      return await index.rowsWith(listedOrdinals(filter.values, dictionary));
    case "not-in":
      return index.present.copy().subtract(await index.rowsWith(listedOrdinals(filter.values, dictionary)));
    case "contains-all": {
      const each = filter.values.map((value) => index.rowsWith([equalOrdinals(value, dictionary)]));
      return (await Promise.all(each)).reduce((all, rows) => all.intersectWith(rows), index.present.copy());
    }
    case "prefix":
      return await index.rowsWith([prefixOrdinals(filter.prefix, dictionary)]);
    case "glob":
    case "regex": {
      const range = prefixOrdinals(compilePattern(filter).literalPrefix, dictionary);
      return await index.rowsWith(await passingOrdinals(filter, dictionary, range, pass));
    }
    case "fuzzy": {
      const all = { first: 0, end: dictionary.length };
      return await index.rowsWith(await passingOrdinals(filter, dictionary, all, pass));
    }
    default:
      return unreachable(filter);
  }
}

function comparedOrdinals(
  { operator, value }: Extract<AttributeFilter, { readonly kind: "compare" }>,
  dictionary: readonly Scalar[],
): OrdinalRange {
  const { first, end } = equalOrdinals(value, dictionary);
  switch (operator) {
    case "lt":
      return { first: 0, end: first };
    case "lte":
      return { first: 0, end };
    case "gt":
      return { first: end, end: dictionary.length };
    case "gte":
      return { first, end: dictionary.length };
    default:
      return { first, end };
  }
}

/** Where the value is; empty, and where it would be, when it is not in the dictionary. */
function equalOrdinals(value: Scalar, dictionary: readonly Scalar[]): OrdinalRange {
  const first = firstNotBelow(value, dictionary);
  const found = first < dictionary.length && compareScalars(dictionary[first] as Scalar, value) === 0;
  return { first, end: found ? first + 1 : first };
}

function listedOrdinals(values: readonly Scalar[], dictionary: readonly Scalar[]): readonly OrdinalRange[] {
  const ordinals = values
    .map((value) => equalOrdinals(value, dictionary))
    .filter(({ first, end }) => first < end);
  return joined([...new Set(ordinals.map(({ first }) => first))].sort((a, b) => a - b));
}

function prefixOrdinals(prefix: string, dictionary: readonly Scalar[]): OrdinalRange {
  const successor = successorOfPrefix(prefix);
  return {
    first: firstNotBelow(prefix, dictionary),
    end: successor === undefined ? dictionary.length : firstNotBelow(successor, dictionary),
  };
}

async function passingOrdinals(
  filter: ValueFilter,
  dictionary: readonly Scalar[],
  { first, end }: OrdinalRange,
  pass: (() => Promise<void>) | undefined,
): Promise<readonly OrdinalRange[]> {
  return await scanValues(filter, pass, async (slices) => {
    const passes = valuePredicate(filter);
    const ordinals: number[] = [];
    for (let ordinal = first; ordinal < end; ordinal++) {
      const value = dictionary[ordinal] as Scalar;
      const turn = slices.before(value);
      if (turn !== undefined) await turn;
      if (passes(value)) ordinals.push(ordinal);
    }
    return joined(ordinals);
  });
}

/** Neighbours as one range: one read. */
function joined(ascending: readonly number[]): readonly OrdinalRange[] {
  const ranges: OrdinalRange[] = [];
  for (const ordinal of ascending) {
    const last = ranges.at(-1);
    if (last !== undefined && last.end === ordinal)
      ranges[ranges.length - 1] = { first: last.first, end: ordinal + 1 };
    else ranges.push({ first: ordinal, end: ordinal + 1 });
  }
  return ranges;
}

/** The place of the first value that is not below `value`. */
function firstNotBelow(value: Scalar, dictionary: readonly Scalar[]): number {
  let [low, high] = [0, dictionary.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((compareScalars(dictionary[middle] as Scalar, value) ?? 0) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
