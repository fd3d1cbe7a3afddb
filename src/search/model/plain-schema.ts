import { invalid } from "../errors.ts";
import { checkSchema } from "./check-schema.ts";
import {
  at,
  entriesOf,
  readBoolean,
  readChoice,
  readCount,
  readNumber,
  readObject,
  readPositive,
  readString,
} from "./plain.ts";
import {
  ATTRIBUTE_TYPES,
  type AttributeField,
  DEFAULT_TEXT_FIELD,
  METRICS,
  type Schema,
  type SparseField,
  type TextField,
  VECTOR_ELEMENTS,
  type VectorField,
} from "./schema.ts";

/**
 * A schema from its plain form: `{"vectors": {"vector": {"dimensions": 384}}, "sparse": {"terms": {}}, "text": {"title": {"weight": 2}},
 * "attributes": {"year": "int", "tags": "string[]", "raw": {"type": "string", "filterable": false}}}`.
 */
export function parseSchema(plain: unknown, path = "schema"): Schema {
  const { vectors, sparse, text, attributes } = readObject(
    plain,
    ["vectors", "sparse", "text", "attributes"],
    path,
  );
  const schema: Schema = {
    vectors: fieldsOf(vectors, `${path}.vectors`, parseVectorField),
    sparse: fieldsOf(sparse, `${path}.sparse`, parseSparseField),
    text: fieldsOf(text, `${path}.text`, parseTextField),
    attributes: fieldsOf(attributes, `${path}.attributes`, parseAttributeField),
  };
  checkSchema(schema);
  return schema;
}

/** The plain form, which `parseSchema` reads. */
export function schemaToPlain(schema: Schema): Record<string, unknown> {
  return {
    vectors: Object.fromEntries(schema.vectors),
    sparse: Object.fromEntries(schema.sparse),
    text: Object.fromEntries(Array.from(schema.text, ([name, field]) => [name, textToPlain(field)])),
    attributes: Object.fromEntries(
      Array.from(schema.attributes, ([name, field]) => [name, attributeToPlain(field)]),
    ),
  };
}

function fieldsOf<T>(
  plain: unknown,
  path: string,
  parse: (plain: unknown, path: string) => T,
): Map<string, T> {
  if (plain === undefined) return new Map();
  return new Map(entriesOf(plain, path).map(([name, field]) => [name, parse(field, `${path}.${name}`)]));
}

function parseVectorField(plain: unknown, path: string): VectorField {
  const { dimensions, metric, element } = readObject(plain, ["dimensions", "metric", "element"], path);
  return {
    dimensions: readCount(dimensions, `${path}.dimensions`, 1, "dimensions"),
    metric: metric === undefined ? "cosine" : readChoice(metric, METRICS, `${path}.metric`),
    element: element === undefined ? "f32" : readChoice(element, VECTOR_ELEMENTS, `${path}.element`),
  };
}

function parseSparseField(plain: unknown, path: string): SparseField {
  readObject(plain, [], path);
  return {};
}

function parseTextField(plain: unknown, path: string): TextField {
  const keys = ["language", "stemming", "stop_words", "weight", "k1", "b"] as const;
  const given = readObject(plain, keys, path);
  const language =
    given.language === undefined
      ? DEFAULT_TEXT_FIELD.language
      : readString(given.language, `${path}.language`);
  const plainWords = language === "none";
  const field: TextField = {
    language,
    stemming: given.stemming === undefined ? !plainWords : readBoolean(given.stemming, `${path}.stemming`),
    stopWords:
      given.stop_words === undefined ? !plainWords : readBoolean(given.stop_words, `${path}.stop_words`),
    weight: given.weight === undefined ? 1 : readPositive(given.weight, `${path}.weight`),
    k1: given.k1 === undefined ? DEFAULT_TEXT_FIELD.k1 : readNumber(given.k1, `${path}.k1`),
    b: given.b === undefined ? DEFAULT_TEXT_FIELD.b : readNumber(given.b, `${path}.b`),
  };
  if (field.k1 < 0 || field.k1 > 10) throw invalid(`${at(path)}k1 is from 0 to 10`, { path });
  if (field.b < 0 || field.b > 1) throw invalid(`${at(path)}b is from 0 to 1`, { path });
  return field;
}

function parseAttributeField(plain: unknown, path: string): AttributeField {
  if (typeof plain === "string") return { ...typeOf(plain, path), filterable: true };
  const { type, filterable } = readObject(plain, ["type", "filterable"], path);
  return {
    ...typeOf(readString(type, `${path}.type`), `${path}.type`),
    filterable: filterable === undefined ? true : readBoolean(filterable, `${path}.filterable`),
  };
}

/** "int", or "int[]" for arrays of it. */
function typeOf(written: string, path: string): Pick<AttributeField, "type" | "array"> {
  const array = written.endsWith("[]");
  return { type: readChoice(array ? written.slice(0, -2) : written, ATTRIBUTE_TYPES, path), array };
}

function textToPlain(field: TextField): Record<string, unknown> {
  const { stopWords, ...rest } = field;
  return { ...rest, stop_words: stopWords };
}

function attributeToPlain(field: AttributeField): Record<string, unknown> {
  return { type: field.array ? `${field.type}[]` : field.type, filterable: field.filterable };
}
