import { invalid } from "../errors.ts";
import { checkSchema } from "./check-schema.ts";
import type { AttributeValue, FieldChanges, Scalar } from "./document.ts";
import {
  type AttributeField,
  type AttributeType,
  DEFAULT_TEXT_FIELD,
  type Schema,
  type VectorField,
} from "./schema.ts";
import type { NumberKind, NumberKinds } from "./write-batch.ts";

/**
 * The schema with a field for every name in `documents` that it does not have. A vector becomes a cosine f32 field of its length; text English; an
 * attribute the type of its values: string, int (whole numbers only), float or bool, and of numbers the kind as which they were given, where that is known. Uuid fields have to
 * be declared, and datetime fields where no kind says so.
 */
export function inferSchema(
  documents: Iterable<FieldChanges>,
  schema: Schema,
  kinds: NumberKinds = new Map(),
): Schema {
  const vectors = new Map(schema.vectors);
  const sparse = new Map(schema.sparse);
  const text = new Map(schema.text);
  const attributes = new Map(schema.attributes);
  const inferred = new Map<string, AttributeField | "empty">();
  for (const document of documents) {
    for (const [name, vector] of document.vectors)
      if (vector !== null && !vectors.has(name)) vectors.set(name, vectorField(vector));
    for (const [name, vector] of document.sparse)
      if (vector !== null && !sparse.has(name)) sparse.set(name, {});
    for (const [name, value] of document.text)
      if (value !== null && !text.has(name)) text.set(name, DEFAULT_TEXT_FIELD);
    for (const [name, value] of document.attributes)
      if (value !== null && !attributes.has(name))
        inferred.set(name, widened(name, inferred.get(name), value));
  }
  for (const [name, field] of inferred) {
    if (field === "empty")
      throw invalid(
        `the type of attribute "${name}" cannot be told from empty arrays: declare it in the schema`,
        {
          field: name,
        },
      );
    attributes.set(name, ofKinds(field, name, kinds.get(name)));
  }
  const result = { vectors, sparse, text, attributes };
  const sizeOf = (s: Schema) => s.vectors.size + s.sparse.size + s.text.size + s.attributes.size;
  if (sizeOf(result) === sizeOf(schema)) return schema;
  checkSchema(result);
  return result;
}

function vectorField(vector: Float32Array): VectorField {
  return { dimensions: vector.length, metric: "cosine", element: "f32" };
}

function widened(
  name: string,
  known: AttributeField | "empty" | undefined,
  value: AttributeValue,
): AttributeField | "empty" {
  const array = typeof value === "object";
  let type = known === undefined || known === "empty" ? undefined : known.type;
  if (known !== undefined && (known === "empty" || known.array) !== array)
    throw invalid(`attribute "${name}" is an array in one document and not in another`, { field: name });
  for (const one of array ? value : [value]) {
    const next = typeOf(one);
    if (type === undefined || type === next) type = next;
    else if (isNumber(type) && isNumber(next)) type = "float";
    else throw invalid(`attribute "${name}" is ${type} in one place and ${next} in another`, { field: name });
  }
  return type === undefined ? "empty" : { type, array, filterable: true };
}

function typeOf(value: Scalar): AttributeType {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  return typeof value === "bigint" || Number.isSafeInteger(value) ? "int" : "float";
}

/** The field as what its numbers were given. */
function ofKinds(
  field: AttributeField,
  name: string,
  kinds: ReadonlySet<NumberKind> | undefined,
): AttributeField {
  if (kinds === undefined || !isNumber(field.type)) return field;
  if (!kinds.has("datetime")) return kinds.has("float") ? { ...field, type: "float" } : field;
  if (kinds.size === 1) return { ...field, type: "datetime" };
  throw invalid(`attribute "${name}" is a datetime in one place and a number in another`, { field: name });
}

function isNumber(type: AttributeType): boolean {
  return type === "int" || type === "float";
}
