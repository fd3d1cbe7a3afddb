import { type DescField, getOption } from "@bufbuild/protobuf";
import { type FieldRules, field as fieldRules } from "../../gen/buf/validate/validate_pb.js";
import type { JsonObject } from "./json-text.ts";

/** What the rules of a field (`buf.validate`) say, in the words of JSON Schema. */
export function constraintsOf(field: DescField): JsonObject {
  const { type } = getOption(field, fieldRules);
  switch (type.case) {
    case "uint32":
    case "uint64":
      return rangeOf(type.value);
    case "string":
      return {
        ...(type.value.maxLen > 0n && { maxLength: type.value.maxLen }),
        ...(type.value.pattern !== "" && { pattern: type.value.pattern }),
      };
    case "enum":
    case undefined:
      // The names of an enum are those that it has.
      return {};
  }
}

function rangeOf({
  lessThan,
  greaterThan,
}: Pick<
  Extract<FieldRules["type"], { readonly case: "uint32" | "uint64" }>["value"],
  "lessThan" | "greaterThan"
>): JsonObject {
  return {
    ...(greaterThan.case !== undefined && { minimum: greaterThan.value }),
    ...(lessThan.case !== undefined && { maximum: lessThan.value }),
  };
}
