import { invalid } from "../errors.ts";
import type { Schema, TextField } from "../model/schema.ts";
import { parseTextQuery, type TextQuery } from "../text/index.ts";
import type { TextLeg } from "./query.ts";

/** A text leg in the terms of the analyzers of its fields. */
export function textQueryOf(leg: TextLeg, schema: Schema): TextQuery {
  const fields =
    leg.fields === undefined
      ? Array.from(schema.text, ([name, settings]) => ({ name, settings }))
      : Array.from(leg.fields, ([name, weight]) => ({ name, settings: settingsOf(name, schema), weight }));
  return parseTextQuery({ text: leg.query, match: leg.match, lastAsPrefix: leg.lastAsPrefix }, fields);
}

function settingsOf(name: string, schema: Schema): TextField {
  const settings = schema.text.get(name);
  if (settings === undefined) throw invalid(`"${name}" is no text field`, { field: name });
  return settings;
}
