import { invalid, SearchError } from "../errors.ts";
import { storedVector } from "../vector/index.ts";
import type { AttributeValue, Document, DocumentPatch, FieldChanges, SparseVector } from "./document.ts";
import { checkLimit } from "./limits.ts";
import { at } from "./plain.ts";
import { fitScalar, utf8Bytes } from "./scalar.ts";
import type { AttributeField, Schema, VectorField } from "./schema.ts";

/** The document with every value as its field in the schema holds it. Refuses unknown fields and values of other types. */
export function fitDocument(document: Document, schema: Schema, path: string): Document {
  const fields = fitFields(document, schema, path);
  const fitted: Document = {
    id: document.id,
    ...(fields as Pick<Document, "vectors" | "sparse" | "text" | "attributes">),
    ...(document.expiresAtMs === undefined ? {} : { expiresAtMs: document.expiresAtMs }),
  };
  checkDocumentSize(fitted, path);
  return fitted;
}

/** "limit-exceeded" for a document that is larger than one may be, for example after a patch. */
export function checkDocumentSize(document: Document, path: string): void {
  checkLimit("documentBytes", documentBytes(document), { path });
}

export function fitPatch(patch: DocumentPatch, schema: Schema, path: string): DocumentPatch {
  return { id: patch.id, ...fitChanges(patch, schema, path) };
}

export function fitChanges(changes: FieldChanges, schema: Schema, path: string): FieldChanges {
  return {
    ...fitFields(changes, schema, path),
    ...(changes.expiresAtMs === undefined ? {} : { expiresAtMs: changes.expiresAtMs }),
  };
}

/** What a document counts for limits and statistics: bytes of its values, about what they take where they are stored. */
export function documentBytes(document: Document): number {
  let bytes = typeof document.id === "string" ? utf8Bytes(document.id) : 8;
  for (const [name, vector] of document.vectors) bytes += name.length + vector.byteLength;
  for (const [name, sparse] of document.sparse) bytes += name.length + sparse.indices.length * 8;
  for (const [name, text] of document.text) bytes += name.length + utf8Bytes(text);
  for (const [name, value] of document.attributes) bytes += name.length + attributeBytes(value);
  return bytes;
}

function attributeBytes(value: AttributeValue): number {
  if (typeof value === "string") return utf8Bytes(value);
  if (typeof value !== "object") return typeof value === "boolean" ? 1 : 8;
  let bytes = 0;
  for (const element of value) bytes += attributeBytes(element);
  return bytes;
}

function fitFields(
  fields: FieldChanges,
  schema: Schema,
  path: string,
): Pick<FieldChanges, "vectors" | "sparse" | "text" | "attributes"> {
  return {
    vectors: fitEach(fields.vectors, (name, vector) =>
      fitVector(vector, known(schema.vectors, name, "vector", path), `${path}.vectors.${name}`),
    ),
    sparse: fitEach(fields.sparse, (name, sparse): SparseVector => {
      known(schema.sparse, name, "sparse vector", path);
      return sparse;
    }),
    text: fitEach(fields.text, (name, text) => {
      known(schema.text, name, "text", path);
      return text;
    }),
    attributes: fitEach(fields.attributes, (name, value) =>
      fitAttribute(value, known(schema.attributes, name, "attribute", path), `${path}.attributes.${name}`),
    ),
  };
}

function fitEach<T>(
  fields: ReadonlyMap<string, T | null>,
  fit: (name: string, value: T) => T,
): ReadonlyMap<string, T | null> {
  const fitted = new Map<string, T | null>();
  for (const [name, value] of fields) fitted.set(name, value === null ? null : fit(name, value));
  return fitted;
}

function known<T>(fields: ReadonlyMap<string, T>, name: string, kind: string, path: string): T {
  const field = fields.get(name);
  if (field === undefined)
    throw new SearchError("schema-conflict", `${at(path)}the schema has no ${kind} field "${name}"`, {
      path,
      field: name,
    });
  return field;
}

function fitVector(vector: Float32Array, field: VectorField, path: string): Float32Array {
  try {
    return storedVector(field, vector);
  } catch (error) {
    if (error instanceof SearchError)
      throw new SearchError(error.code, `${at(path)}${error.message}`, { path });
    throw error;
  }
}

function fitAttribute(value: AttributeValue, field: AttributeField, path: string): AttributeValue {
  if (typeof value === "object") {
    if (!field.array) throw invalid(`${at(path)}the field holds one ${field.type}, not an array`, { path });
    return value.map((element, i) => fitScalar(element, field.type, `${path}[${i}]`));
  }
  if (field.array) throw invalid(`${at(path)}the field holds an array of ${field.type}`, { path });
  return fitScalar(value, field.type, path);
}
