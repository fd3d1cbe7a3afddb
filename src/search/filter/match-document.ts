import { unreachable } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import type { AttributeValue, Document, Scalar } from "../model/document.ts";
import { ID_FIELD } from "../model/schema.ts";
import type { Filter } from "./filter.ts";
import { compares, valuePredicate } from "./match-scalar.ts";

/** Whether a text field passes a filter on its tokens: by the field's analyzer, which knows the schema. */
export type TextPredicate = (filter: TextFilter, text: string) => boolean;

export type TextFilter = Extract<Filter, { readonly kind: "all-tokens" | "any-token" | "phrase" }>;

/** A filter made ready for many documents: patterns are compiled once. Undefined stands for a document that is not there: it has no field. */
export type DocumentPredicate = (document: Document | undefined, newRow?: Document) => boolean;

/** What a bound filter means, one document at a time. The indexes of units give the same answers; this is the plain definition. */
export function documentPredicate(filter: Filter, matchesText: TextPredicate): DocumentPredicate {
  switch (filter.kind) {
    case "and": {
      const parts = filter.filters.map((part) => documentPredicate(part, matchesText));
      return (document, newRow) => parts.every((part) => part(document, newRow));
    }
    case "or": {
      const parts = filter.filters.map((part) => documentPredicate(part, matchesText));
      return (document, newRow) => parts.some((part) => part(document, newRow));
    }
    case "not": {
      const inner = documentPredicate(filter.filter, matchesText);
      return (document, newRow) => !inner(document, newRow);
    }
    case "compare": {
      const matches = valuePredicate(filter);
      const wanted = filter.operator !== "ne";
      return onValues(filter.field, (values) => values.some(matches) === wanted);
    }
    case "compare-new":
      return comparesWithNew(filter);
    case "not-in": {
      const matches = valuePredicate({ ...filter, kind: "in" });
      return onValues(filter.field, (values) => !values.some(matches));
    }
    case "contains-all": {
      const each = filter.values.map((value) =>
        valuePredicate({ kind: "contains", field: filter.field, value }),
      );
      return onValues(filter.field, (values) => each.every((matches) => values.some(matches)));
    }
    case "in":
    case "contains":
    case "contains-any":
    case "prefix":
    case "glob":
    case "regex":
    case "fuzzy": {
      const matches = valuePredicate(filter);
      return onValues(filter.field, (values) => values.some(matches));
    }
    case "all-tokens":
    case "any-token":
    case "phrase":
      return (document) => {
        const text = document?.text.get(filter.field);
        return text !== undefined && matchesText(filter, text);
      };
    case "exists":
      return (document) => hasField(document, filter.field);
    case "null":
      return (document) => !hasField(document, filter.field);
    default:
      return unreachable(filter);
  }
}

/** The values of a field in a filter; undefined: the document does not have it. */
export function valuesOf(document: Document | undefined, field: string): readonly Scalar[] | undefined {
  if (document === undefined) return undefined;
  if (field === ID_FIELD) return [document.id];
  const value: AttributeValue | undefined = document.attributes.get(field);
  return value === undefined || typeof value === "object" ? value : [value];
}

function onValues(field: string, test: (values: readonly Scalar[]) => boolean): DocumentPredicate {
  return (document) => {
    const values = valuesOf(document, field);
    return values !== undefined && test(values);
  };
}

function comparesWithNew(filter: Extract<Filter, { readonly kind: "compare-new" }>): DocumentPredicate {
  return (document, newRow) => {
    if (newRow === undefined)
      throw new SearchError("invalid-argument", "only the condition of a write can speak of the new row", {
        field: filter.newField,
      });
    const values = valuesOf(document, filter.field);
    const others = valuesOf(newRow, filter.newField);
    if (values === undefined || others === undefined) return false;
    const found = values.some((value) => others.some((other) => compares(value, filter.operator, other)));
    return filter.operator === "ne" ? !found : found;
  };
}

function hasField(document: Document | undefined, field: string): boolean {
  if (document === undefined) return false;
  return (
    field === ID_FIELD ||
    document.attributes.has(field) ||
    document.text.has(field) ||
    document.vectors.has(field) ||
    document.sparse.has(field)
  );
}
