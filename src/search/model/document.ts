import { compareKeys } from "../../base/index.ts";

/** A string of 1 to 256 bytes of UTF-8, or an unsigned 64-bit number. The string "7" and the number 7 are two ids. */
export type DocumentId = string | bigint;

/**
 * One value of an attribute, by the type of its field: string; int as a number when it is a safe integer, else a bigint within 64 bits, signed;
 * float (finite, never -0); bool; datetime as whole milliseconds since the Unix epoch; uuid as 36 lower-case characters.
 */
export type Scalar = string | number | bigint | boolean;

export type AttributeValue = Scalar | readonly Scalar[];

export interface SparseVector {
  /** Ascending, each once. */
  readonly indices: Uint32Array;
  /** As many as indices; finite. */
  readonly values: Float32Array;
}

/** A document as it is stored. There is no null: a field that is null is a field that is not there. */
export interface Document {
  readonly id: DocumentId;
  readonly vectors: ReadonlyMap<string, Float32Array>;
  readonly sparse: ReadonlyMap<string, SparseVector>;
  readonly text: ReadonlyMap<string, string>;
  readonly attributes: ReadonlyMap<string, AttributeValue>;
  /** Milliseconds since the Unix epoch from when on the document is gone. */
  readonly expiresAtMs?: number;
}

/** Fields to change; `null` removes one. Fields that are not named stay. */
export interface FieldChanges {
  readonly vectors: ReadonlyMap<string, Float32Array | null>;
  readonly sparse: ReadonlyMap<string, SparseVector | null>;
  readonly text: ReadonlyMap<string, string | null>;
  readonly attributes: ReadonlyMap<string, AttributeValue | null>;
  readonly expiresAtMs?: number | null;
}

export interface DocumentPatch extends FieldChanges {
  readonly id: DocumentId;
}

/** The order of ids everywhere: numbers first, ascending, then strings by their UTF-8 bytes. */
export function compareIds(left: DocumentId, right: DocumentId): number {
  if (typeof left === "bigint") {
    if (typeof right !== "bigint") return -1;
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return typeof right === "bigint" ? 1 : compareKeys(left, right);
}

/** The document after the changes. */
export function patchDocument(document: Document, changes: FieldChanges): Document {
  const expiresAtMs = changes.expiresAtMs === undefined ? document.expiresAtMs : changes.expiresAtMs;
  return {
    id: document.id,
    vectors: changed(document.vectors, changes.vectors),
    sparse: changed(document.sparse, changes.sparse),
    text: changed(document.text, changes.text),
    attributes: changed(document.attributes, changes.attributes),
    ...(expiresAtMs === undefined || expiresAtMs === null ? {} : { expiresAtMs }),
  };
}

function changed<T>(
  fields: ReadonlyMap<string, T>,
  changes: ReadonlyMap<string, T | null>,
): ReadonlyMap<string, T> {
  if (changes.size === 0) return fields;
  const result = new Map(fields);
  for (const [name, value] of changes) {
    if (value === null) result.delete(name);
    else result.set(name, value);
  }
  return result;
}
