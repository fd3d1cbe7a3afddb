import type { AttributeValue, Scalar } from "../model/document.ts";
import { compareScalars } from "../model/order.ts";
import type { AttributeField } from "../model/schema.ts";
import { RowSet } from "../rows/row-set.ts";
import { type AttributeSections, encodeAttribute } from "./encode-attribute.ts";

/** The index of one attribute over the rows of a unit; undefined: the row does not have it. */
export function buildAttribute(
  field: AttributeField,
  values: readonly (AttributeValue | undefined)[],
): AttributeSections {
  const present = RowSet.empty(values.length);
  const postings = new Map<Scalar, number[]>();
  for (const [row, value] of values.entries()) {
    if (value === undefined) continue;
    present.add(row);
    for (const one of typeof value === "object" ? value : [value]) {
      const rows = postings.get(one);
      if (rows === undefined) postings.set(one, [row]);
      // An array may have the same element twice.
      else if (rows.at(-1) !== row) rows.push(row);
    }
  }
  const dictionary = [...postings.keys()].sort((a, b) => compareScalars(a, b) ?? 0);
  const ordinals = new Map(dictionary.map((value, ordinal) => [value, ordinal]));
  const column = values.map((value) => {
    if (value === undefined) return [];
    return (typeof value === "object" ? value : [value]).map((one) => ordinals.get(one) ?? 0);
  });
  const rows = dictionary.map((value) => postings.get(value) ?? []);
  return encodeAttribute({ field, present, dictionary, rows, column });
}
