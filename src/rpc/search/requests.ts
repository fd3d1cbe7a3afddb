import type {
  Condition,
  Document,
  DocumentPatch,
  Filter,
  Schema,
  WriteDocumentsRequest,
} from "../../gen/skerry/search/v1/search_pb.js";
import { AttributeType, Metric, VectorElement } from "../../gen/skerry/search/v1/search_pb.js";
import { plainOf } from "../rest/index.ts";
import { idToPlain, type Plain, valueToPlain, vectorToPlain } from "./values.ts";

/** Requests in the plain forms that `src/search` reads (docs/internals/search.md): as they came over REST, or made from the messages' fields. */

type PlainObject = { readonly [name: string]: Plain | undefined };

export function schemaToPlain(schema: Schema): Plain {
  return (
    plainOf(schema) ?? {
      vectors: mapped(schema.vectors, ({ dimensions, metric, element }) => ({
        dimensions,
        ...(metric !== Metric.UNSPECIFIED && { metric: Metric[metric]?.toLowerCase() }),
        ...(element !== VectorElement.UNSPECIFIED && { element: VectorElement[element]?.toLowerCase() }),
      })),
      sparse: mapped(schema.sparse, () => ({})),
      text: mapped(schema.text, ({ language, stemming, stopWords, weight, k1, b }) => ({
        ...(language !== "" && { language }),
        stemming,
        stop_words: stopWords,
        weight,
        k1,
        b,
      })),
      attributes: mapped(schema.attributes, ({ type, array, filterable }) => ({
        type: `${AttributeType[type]?.toLowerCase()}${array ? "[]" : ""}`,
        filterable,
      })),
    }
  );
}

export function documentToPlain(document: Document): Plain {
  return (
    plainOf(document) ?? {
      ...fieldsToPlain(document),
      ...(document.expiresAtMs !== undefined && { expires_at: document.expiresAtMs }),
    }
  );
}

export function patchToPlain(patch: DocumentPatch): Plain {
  const kept = plainOf(patch);
  if (kept !== undefined) return kept;
  const { id, vectors, sparse, text, attributes } = fieldsToPlain(patch);
  return {
    id,
    vectors: { ...(vectors as PlainObject), ...nulls(patch.removedVectors) },
    sparse: { ...(sparse as PlainObject), ...nulls(patch.removedSparse) },
    text: { ...(text as PlainObject), ...nulls(patch.removedText) },
    attributes,
    ...(patch.expiresAtMs !== undefined && { expires_at: patch.expiresAtMs }),
    ...(patch.removesExpiry && { expires_at: null }),
  };
}

function fieldsToPlain({ id, vectors, sparse, text, attributes }: Document | DocumentPatch): PlainObject {
  return {
    ...(id !== undefined && { id: idToPlain(id) }),
    vectors: mapped(vectors, vectorToPlain),
    sparse: mapped(sparse, ({ indices, values }) => ({ indices, values })),
    text,
    attributes: mapped(attributes, valueToPlain),
  };
}

function nulls(names: readonly string[]): PlainObject {
  return Object.fromEntries(names.map((name) => [name, null]));
}

export function filterToPlain(filter: Filter): Plain {
  const kept = plainOf(filter);
  if (kept !== undefined) return kept;
  const { kind } = filter;
  switch (kind.case) {
    case "and":
      return ["And", kind.value.filters.map(filterToPlain)];
    case "or":
      return ["Or", kind.value.filters.map(filterToPlain)];
    case "not":
      return ["Not", filterToPlain(kind.value)];
    case "condition":
      return conditionToPlain(kind.value);
    default:
      return null;
  }
}

function conditionToPlain({ field, operator, value, newField, fuzzy }: Condition): Plain {
  if (value === undefined && newField === "") return [field, operator];
  const operand = newField === "" && value !== undefined ? valueToPlain(value) : { new: newField };
  if (fuzzy === undefined) return [field, operator, operand];
  return [field, operator, operand, { distance: fuzzy.distance, prefix: fuzzy.prefix }];
}

/** All of a batch but where it goes, and its idempotency key. */
export function batchToPlain(request: WriteDocumentsRequest): Plain {
  const { upserts, patches, deletes, deleteByFilter, patchByFilter, if: condition, ifVersion } = request;
  return {
    upserts: upserts.map(documentToPlain),
    patches: patches.map(patchToPlain),
    deletes: deletes.map(idToPlain),
    delete_by_filter: deleteByFilter && filterToPlain(deleteByFilter),
    patch_by_filter: patchByFilter && {
      filter: patchByFilter.filter === undefined ? null : filterToPlain(patchByFilter.filter),
      set: patchByFilter.set === undefined ? {} : patchToPlain(patchByFilter.set),
    },
    if: condition && filterToPlain(condition),
    if_version: ifVersion,
  };
}

function mapped<T>(
  fields: Readonly<Record<string, T>>,
  toPlain: (value: T) => Plain,
): { readonly [name: string]: Plain } {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, toPlain(value)]));
}
