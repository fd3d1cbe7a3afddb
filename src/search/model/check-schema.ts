import { invalid, SearchError } from "../errors.ts";
import { checkLimit } from "./limits.ts";
import { checkFieldName } from "./names.ts";
import type { AttributeField, Schema, TextField, VectorField } from "./schema.ts";

/** Limits, and that no name belongs to two fields. */
export function checkSchema(schema: Schema): void {
  const seen = new Map<string, string>();
  const kinds: readonly [string, ReadonlyMap<string, unknown>][] = [
    ["vector", schema.vectors],
    ["sparse vector", schema.sparse],
    ["text", schema.text],
    ["attribute", schema.attributes],
  ];
  for (const [kind, fields] of kinds) {
    for (const name of fields.keys()) {
      checkFieldName(name, name);
      const other = seen.get(name);
      if (other !== undefined)
        throw invalid(`"${name}" cannot be a ${kind} field: it is a ${other} field`, { field: name });
      seen.set(name, kind);
    }
  }
  checkLimit("schemaFields", seen.size);
  checkLimit("vectorFields", schema.vectors.size);
}

/**
 * The schema with the fields that `additions` has and it has not. Additions need no rewriting and are there at once; a field that is there with other
 * settings is refused ("schema-conflict"). Only the weight of a text field may
 * change in place.
 */
export function addToSchema(schema: Schema, additions: Schema): Schema {
  const merged: Schema = {
    vectors: merge(schema.vectors, additions.vectors, vectorDifference),
    sparse: merge(schema.sparse, additions.sparse, () => undefined),
    text: merge(schema.text, additions.text, textDifference),
    attributes: merge(schema.attributes, additions.attributes, attributeDifference),
  };
  checkSchema(merged);
  return merged;
}

export function equalSchemas(left: Schema, right: Schema): boolean {
  return (
    equalFields(left.vectors, right.vectors, vectorDifference) &&
    equalFields(left.sparse, right.sparse, () => undefined) &&
    equalFields(
      left.text,
      right.text,
      (a, b) => textDifference(a, b) ?? (a.weight === b.weight ? undefined : "weight"),
    ) &&
    equalFields(left.attributes, right.attributes, attributeDifference)
  );
}

/** The first setting in which two fields differ. */
type Difference<T> = (left: T, right: T) => string | undefined;

function merge<T>(
  fields: ReadonlyMap<string, T>,
  added: ReadonlyMap<string, T>,
  difference: Difference<T>,
): Map<string, T> {
  const merged = new Map(fields);
  for (const [name, field] of added) {
    const old = fields.get(name);
    const setting = old === undefined ? undefined : difference(old, field);
    if (setting !== undefined)
      throw new SearchError(
        "schema-conflict",
        `the ${setting} of field "${name}" cannot change in place: copy the namespace into one with the new schema, or use another field`,
        { field: name },
      );
    merged.set(name, field);
  }
  return merged;
}

function equalFields<T>(
  left: ReadonlyMap<string, T>,
  right: ReadonlyMap<string, T>,
  difference: Difference<T>,
): boolean {
  if (left.size !== right.size) return false;
  for (const [name, field] of left) {
    const other = right.get(name);
    if (other === undefined || difference(field, other) !== undefined) return false;
  }
  return true;
}

function vectorDifference(left: VectorField, right: VectorField): string | undefined {
  return differs(left, right, ["dimensions", "metric", "element"]);
}

/** The weight is used when a query is answered and is in no index. */
function textDifference(left: TextField, right: TextField): string | undefined {
  return differs(left, right, ["language", "stemming", "stopWords", "k1", "b"]);
}

function attributeDifference(left: AttributeField, right: AttributeField): string | undefined {
  return differs(left, right, ["type", "array", "filterable"]);
}

function differs<T>(left: T, right: T, settings: readonly (keyof T & string)[]): string | undefined {
  return settings.find((setting) => left[setting] !== right[setting]);
}
