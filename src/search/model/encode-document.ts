import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { compareKeys } from "../../base/index.ts";
import {
  type StoredDocument,
  StoredDocumentSchema,
  type StoredScalar,
  StoredScalarSchema,
} from "../../gen/skerry/search/storage/v1/storage_pb.js";
import { SearchError } from "../errors.ts";
import { bytesOfWords, floatsFromBytes, wordsFromBytes } from "../packed/word-bytes.ts";
import type { AttributeValue, Document, Scalar, SparseVector } from "./document.ts";
import { decodeId, encodeId } from "./encode-id.ts";

/** The one form of a document in bytes (StoredDocument of storage.proto): equal documents have equal bytes. */
export function encodeDocument(document: Document): Uint8Array<ArrayBuffer> {
  const message = create(StoredDocumentSchema, {
    id: encodeId(document.id),
    vectors: sorted(document.vectors, (name, vector) => ({ name, values: bytesOfWords(vector) })),
    sparse: sorted(document.sparse, (name, { indices, values }) => ({
      name,
      indices: bytesOfWords(indices),
      values: bytesOfWords(values),
    })),
    text: sorted(document.text, (name, text) => ({ name, text })),
    attributes: sorted(document.attributes, (name, value) => ({
      name,
      array: typeof value === "object",
      values: (typeof value === "object" ? value : [value]).map(toStored),
    })),
    ...(document.expiresAtMs === undefined ? {} : { expiresAtMs: BigInt(document.expiresAtMs) }),
  });
  return toBinary(StoredDocumentSchema, message);
}

/** Refuses ("data-damaged") what no document encodes to. Unknown fields, of a newer release, are passed over. */
export function decodeDocument(bytes: Uint8Array): Document {
  let message: StoredDocument;
  try {
    message = fromBinary(StoredDocumentSchema, bytes, { readUnknownFields: false });
  } catch (error) {
    throw new SearchError("data-damaged", "a stored document cannot be read", {}, error);
  }
  const expiresAtMs = message.expiresAtMs === undefined ? undefined : Number(message.expiresAtMs);
  if (expiresAtMs !== undefined && !Number.isSafeInteger(expiresAtMs)) throw damaged("expiry");
  return {
    id: decodeId(message.id),
    vectors: byName(message.vectors, ({ values }) => finiteFloats(values)),
    sparse: byName(message.sparse, ({ indices, values }) => sparseOf(indices, values)),
    text: byName(message.text, ({ text }) => text),
    attributes: byName(message.attributes, ({ array, values }) => attributeOf(array, values)),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

function sorted<T, R>(fields: ReadonlyMap<string, T>, toMessage: (name: string, value: T) => R): R[] {
  const names = [...fields.keys()].sort(compareKeys);
  return names.map((name) => toMessage(name, fields.get(name) as T));
}

function byName<M extends { readonly name: string }, T>(
  messages: readonly M[],
  read: (message: M) => T,
): Map<string, T> {
  const fields = new Map<string, T>();
  let last: string | undefined;
  for (const message of messages) {
    if (last !== undefined && compareKeys(last, message.name) >= 0) throw damaged("fields");
    last = message.name;
    fields.set(message.name, read(message));
  }
  return fields;
}

function toStored(value: Scalar): StoredScalar {
  return create(StoredScalarSchema, { value: caseOf(value) });
}

function caseOf(value: Scalar): StoredScalar["value"] {
  switch (typeof value) {
    case "string":
      return { case: "string", value };
    case "boolean":
      return { case: "bool", value };
    case "bigint":
      return { case: "int", value };
    default:
      return Number.isSafeInteger(value) ? { case: "int", value: BigInt(value) } : { case: "float", value };
  }
}

function attributeOf(array: boolean, values: readonly StoredScalar[]): AttributeValue {
  if (array) return values.map(scalarOf);
  const [value] = values;
  if (value === undefined || values.length > 1) throw damaged("attribute");
  return scalarOf(value);
}

function scalarOf({ value }: StoredScalar): Scalar {
  switch (value.case) {
    case "string":
    case "bool":
      return value.value;
    case "int": {
      const small = Number(value.value);
      return Number.isSafeInteger(small) ? small : value.value;
    }
    case "float":
      // Whole numbers that are safe are written as ints: there is one form for each value.
      if (Number.isFinite(value.value) && !Number.isSafeInteger(value.value)) return value.value;
      throw damaged("number");
    default:
      throw damaged("attribute");
  }
}

function sparseOf(indices: Uint8Array, values: Uint8Array): SparseVector {
  const rows = bytesToWords(indices);
  const weights = finiteFloats(values);
  if (rows.length !== weights.length) throw damaged("sparse vector");
  for (let i = 1; i < rows.length; i++)
    if ((rows[i - 1] ?? 0) >= (rows[i] ?? 0)) throw damaged("sparse vector");
  return { indices: rows, values: weights };
}

function finiteFloats(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0) throw damaged("vector");
  const values = floatsFromBytes(bytes);
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i]!)) throw damaged("vector");
  return values;
}

function bytesToWords(bytes: Uint8Array): Uint32Array {
  if (bytes.length % 4 !== 0) throw damaged("sparse vector");
  return wordsFromBytes(bytes);
}

function damaged(what: string): SearchError {
  return new SearchError("data-damaged", `a stored document's ${what} cannot be read`);
}
