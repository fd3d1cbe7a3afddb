import { invalid } from "../errors.ts";
import type { Schema } from "../model/schema.ts";
import { parseTextQuery, type TextQuery } from "../text/index.ts";
import type { TextFilter } from "./match-document.ts";

const MATCH = { "all-tokens": "all", "any-token": "any", phrase: "phrase" } as const;

/** What a filter on tokens asks of its field. */
export function textFilterQuery(filter: TextFilter, schema: Schema): TextQuery {
  const settings = schema.text.get(filter.field);
  if (settings === undefined) throw invalid(`"${filter.field}" is no text field`, { field: filter.field });
  return parseTextQuery({ text: filter.query, match: MATCH[filter.kind] }, [
    { name: filter.field, settings },
  ]);
}
