import { invalidArgument } from "../../errors.ts";
import { MAX_LIST_ENTRIES, MAX_PART_NUMBER } from "../../limits.ts";
import { parsePageSize } from "../../parse/fields.ts";
import { onVersion } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import { type GetObjectAttributes, OBJECT_ATTRIBUTES, type ObjectAttributeName } from "./operations.ts";

const HEADER = "x-amz-object-attributes";

export const objectAttributesParsers: FeatureParsers<GetObjectAttributes> = {
  GetObjectAttributes: (input) => ({
    name: "GetObjectAttributes",
    ...onVersion(input),
    wanted: wantedAttributes(input.headers.get(HEADER) ?? ""),
    maxParts: parsePageSize(input.headers.get("x-amz-max-parts"), "x-amz-max-parts", MAX_LIST_ENTRIES),
    partNumberMarker: parsePageSize(
      input.headers.get("x-amz-part-number-marker") || "0",
      "x-amz-part-number-marker",
      MAX_PART_NUMBER,
    ),
  }),
};

function wantedAttributes(text: string): ReadonlySet<ObjectAttributeName> {
  const names = text.split(",").map((name) => name.trim());
  const wanted = names.map((name) => OBJECT_ATTRIBUTES.find((known) => known === name));
  if (wanted.includes(undefined)) throw invalidArgument("Invalid attribute name specified.", HEADER, text);
  return new Set(wanted.filter((name) => name !== undefined));
}
