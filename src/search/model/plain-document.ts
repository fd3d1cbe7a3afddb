import type { AttributeValue, Document, Scalar } from "./document.ts";
import type { AttributeType, Schema } from "./schema.ts";

/** The plain form of a document, which `parseDocument` reads. Ints beyond what a number holds, and number ids, are bigints. */
export function documentToPlain(document: Document, schema: Schema): Record<string, unknown> {
  const { vectors, sparse, text, attributes, expiresAtMs } = document;
  return {
    id: idToPlain(document.id),
    ...(vectors.size === 0 ? {} : { vectors: plainFields(vectors, (vector) => Array.from(vector)) }),
    ...(sparse.size === 0
      ? {}
      : {
          sparse: plainFields(sparse, (vector) => ({
            indices: Array.from(vector.indices),
            values: Array.from(vector.values),
          })),
        }),
    ...(text.size === 0 ? {} : { text: Object.fromEntries(text) }),
    ...(attributes.size === 0 ? {} : { attributes: attributesToPlain(attributes, schema) }),
    ...(expiresAtMs === undefined ? {} : { expires_at: new Date(expiresAtMs).toISOString() }),
  };
}

/** A number id as a number where one holds it. */
export function idToPlain(id: Document["id"]): string | number | bigint {
  return typeof id === "bigint" && id <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(id) : id;
}

export function attributesToPlain(
  attributes: ReadonlyMap<string, AttributeValue>,
  schema: Schema,
): Record<string, unknown> {
  const plain: [string, unknown][] = [];
  for (const [name, value] of attributes) {
    const type = schema.attributes.get(name)?.type ?? "string";
    plain.push([
      name,
      typeof value === "object" ? value.map((one) => scalarToPlain(one, type)) : scalarToPlain(value, type),
    ]);
  }
  return Object.fromEntries(plain);
}

/** Datetimes in RFC 3339, everything else as it is. */
export function scalarToPlain(value: Scalar, type: AttributeType): Scalar {
  return type === "datetime" && typeof value === "number" ? new Date(value).toISOString() : value;
}

function plainFields<T>(
  fields: ReadonlyMap<string, T>,
  toPlain: (value: T) => unknown,
): Record<string, unknown> {
  return Object.fromEntries(Array.from(fields, ([name, value]) => [name, toPlain(value)]));
}
