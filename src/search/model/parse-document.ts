import { fromBase64 } from "../../base/index.ts";
import { invalid } from "../errors.ts";
import { floatsFromBytes } from "../packed/word-bytes.ts";
import type { AttributeValue, Document, DocumentPatch, FieldChanges, SparseVector } from "./document.ts";
import { checkLimit } from "./limits.ts";
import { checkFieldName } from "./names.ts";
import { at, entriesOf, readArray, readObject, readString } from "./plain.ts";
import { fitScalar, readId, readScalar, utf8Bytes } from "./scalar.ts";
import { DEFAULT_VECTOR_FIELD } from "./schema.ts";

const CHANGE_KEYS = ["vector", "vectors", "sparse", "text", "attributes", "expires_at"] as const;
const DOCUMENT_KEYS = ["id", ...CHANGE_KEYS] as const;

/**
 * A document from its plain form (docs/internals/search.md, Documents). Its shape and limits are checked here, its types by `fitDocument`, which
 * knows the schema. A field that is null is not there.
 */
export function parseDocument(plain: unknown, path = ""): Document {
  const { expiresAtMs, ...patch } = parsePatch(plain, path);
  return {
    id: patch.id,
    vectors: withoutNulls(patch.vectors),
    sparse: withoutNulls(patch.sparse),
    text: withoutNulls(patch.text),
    attributes: withoutNulls(patch.attributes),
    ...(expiresAtMs === undefined || expiresAtMs === null ? {} : { expiresAtMs }),
  };
}

/** A patch from its plain form: as a document, and null removes a field. */
export function parsePatch(plain: unknown, path = ""): DocumentPatch {
  const { id, ...changes } = readObject(plain, DOCUMENT_KEYS, path);
  if (id === undefined) throw invalid(`${at(path)}a document has an id`, { path });
  return { id: readId(id, join(path, "id")), ...changesOf(changes, path) };
}

/** What patch_by_filter sets. */
export function parseChanges(plain: unknown, path = ""): FieldChanges {
  return changesOf(readObject(plain, CHANGE_KEYS, path), path);
}

function changesOf(
  changes: Partial<Record<(typeof CHANGE_KEYS)[number], unknown>>,
  path: string,
): FieldChanges {
  const vectors = fieldsOf(changes.vectors, join(path, "vectors"), readVector);
  if (changes.vector !== undefined) {
    const where = join(path, DEFAULT_VECTOR_FIELD);
    if (vectors.has(DEFAULT_VECTOR_FIELD)) throw invalid(`${at(where)}given twice`, { path: where });
    vectors.set(DEFAULT_VECTOR_FIELD, changes.vector === null ? null : readVector(changes.vector, where));
  }
  const fields = {
    vectors,
    sparse: fieldsOf(changes.sparse, join(path, "sparse"), readSparse),
    text: fieldsOf(changes.text, join(path, "text"), readText),
    attributes: fieldsOf(changes.attributes, join(path, "attributes"), readAttribute),
  };
  const count = fields.vectors.size + fields.sparse.size + fields.text.size + fields.attributes.size;
  checkLimit("documentFields", count, { path });
  const expires = changes.expires_at;
  if (expires === undefined) return fields;
  const where = join(path, "expires_at");
  const expiresAtMs =
    expires === null ? null : Number(fitScalar(readScalar(expires, where), "datetime", where));
  if (expiresAtMs !== null && expiresAtMs < 0) throw invalid(`${at(where)}not before 1970`, { path: where });
  return { ...fields, expiresAtMs };
}

function fieldsOf<T>(
  plain: unknown,
  path: string,
  read: (value: unknown, path: string) => T,
): Map<string, T | null> {
  const fields = new Map<string, T | null>();
  if (plain === undefined) return fields;
  for (const [name, value] of entriesOf(plain, path)) {
    const where = join(path, name);
    checkFieldName(name, where);
    fields.set(name, value === null ? null : read(value, where));
  }
  return fields;
}

/** Numbers, or the base64 form of little-endian 32-bit floats. */
export function readVector(plain: unknown, path: string): Float32Array {
  if (plain instanceof Float32Array) return checkedVector(plain, path);
  if (typeof plain === "string") return checkedVector(floatsOf(plain, path), path);
  const values = readArray(plain, path, "dimensions");
  const vector = new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value !== "number") throw invalid(`${at(path)}element ${i} is no number`, { path });
    vector[i] = value;
  }
  return checkedVector(vector, path);
}

function floatsOf(text: string, path: string): Float32Array {
  const bytes = fromBase64(text);
  if (bytes === undefined || bytes.length % 4 !== 0)
    throw invalid(`${at(path)}expected base64 of 32-bit floats, little-endian`, { path });
  return floatsFromBytes(bytes);
}

function checkedVector(vector: Float32Array, path: string): Float32Array {
  if (vector.length === 0) throw invalid(`${at(path)}a vector is not empty`, { path });
  checkLimit("dimensions", vector.length, { path });
  for (let i = 0; i < vector.length; i++) {
    if (!Number.isFinite(vector[i]))
      throw invalid(`${at(path)}element ${i} is not a finite 32-bit float`, { path });
  }
  return vector;
}

/** Indices in any order, each once; entries whose value is 0 are left out. */
export function readSparse(plain: unknown, path: string): SparseVector {
  const { indices, values } = readObject(plain, ["indices", "values"], path);
  const rows = arrayOfNumbers(indices, join(path, "indices"));
  const weights = arrayOfNumbers(values, join(path, "values"));
  if (rows.length !== weights.length)
    throw invalid(`${at(path)}${rows.length} indices, but ${weights.length} values`, { path });
  checkLimit("sparseEntries", rows.length, { path });
  const entries: [number, number][] = [];
  for (let i = 0; i < rows.length; i++) {
    const [index, value] = [rows[i], Math.fround(weights[i] ?? Number.NaN)];
    if (index === undefined || !Number.isInteger(index) || index < 0 || index > 0xffff_ffff)
      throw invalid(`${at(path)}indices[${i}] is not a whole number from 0 to 2^32 - 1`, { path });
    if (!Number.isFinite(value))
      throw invalid(`${at(path)}values[${i}] is not a finite 32-bit float`, { path });
    entries.push([index, value]);
  }
  entries.sort((a, b) => a[0] - b[0]);
  for (let i = 1; i < entries.length; i++) {
    if (entries[i]?.[0] === entries[i - 1]?.[0])
      throw invalid(`${at(path)}index ${entries[i]?.[0]} is given twice`, { path });
  }
  const kept = entries.filter((entry) => entry[1] !== 0);
  return {
    indices: Uint32Array.from(kept, (entry) => entry[0]),
    values: Float32Array.from(kept, (entry) => entry[1]),
  };
}

function arrayOfNumbers(plain: unknown, path: string): ArrayLike<number> {
  if (plain instanceof Uint32Array || plain instanceof Float32Array) return plain;
  const values = readArray(plain, path, "sparseEntries");
  for (const value of values) {
    if (typeof value !== "number") throw invalid(`${at(path)}expected numbers`, { path });
  }
  return values as readonly number[];
}

function readText(plain: unknown, path: string): string {
  const text = readString(plain, path);
  checkLimit("textBytes", utf8Bytes(text), { path });
  return text;
}

function readAttribute(plain: unknown, path: string): AttributeValue {
  if (!Array.isArray(plain)) return readScalar(plain, path);
  return readArray(plain, path, "arrayElements").map((value, i) => readScalar(value, `${path}[${i}]`));
}

function withoutNulls<T>(fields: ReadonlyMap<string, T | null>): Map<string, T> {
  const kept = new Map<string, T>();
  for (const [name, value] of fields) if (value !== null) kept.set(name, value);
  return kept;
}

function join(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}
