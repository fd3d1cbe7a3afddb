import type { Document } from "../model/document.ts";
import type { DocumentFields } from "./ports.ts";

const NOTHING = new Map<string, never>();

/** The document with only the fields that are asked for. */
export function projectDocument(document: Document, fields: DocumentFields): Document {
  const expires = document.expiresAtMs === undefined ? {} : { expiresAtMs: document.expiresAtMs };
  switch (fields.kind) {
    case "everything":
      return document;
    case "none":
      return {
        id: document.id,
        vectors: NOTHING,
        sparse: NOTHING,
        text: NOTHING,
        attributes: NOTHING,
        ...expires,
      };
    case "all":
      return { ...document, vectors: NOTHING, sparse: NOTHING };
    case "fields":
      return {
        id: document.id,
        vectors: only(document.vectors, fields.fields),
        sparse: only(document.sparse, fields.fields),
        text: only(document.text, fields.fields),
        attributes: only(document.attributes, fields.fields),
        ...expires,
      };
  }
}

function only<T>(values: ReadonlyMap<string, T>, names: ReadonlySet<string>): ReadonlyMap<string, T> {
  return new Map([...values].filter(([name]) => names.has(name)));
}
