import { create } from "@bufbuild/protobuf";
import {
  type DocumentId as DocumentIdMessage,
  DocumentIdSchema,
  type Value,
  ValueSchema,
  type Vector,
} from "../../gen/skerry/search/v1/search_pb.js";
import type { AttributeType, AttributeValue, DocumentId, Scalar } from "../../search/index.ts";
import { type Json, plainOf } from "../rest/index.ts";

/** Plain values: what JSON has, with bigint for whole numbers and Float32Array for vectors. `src/search` reads and checks them. */
export type Plain = Json | Float32Array | readonly Plain[] | { readonly [name: string]: Plain | undefined };

export function idToPlain(message: DocumentIdMessage): Plain {
  const kept = plainOf(message);
  if (kept !== undefined) return kept;
  return message.id.case === undefined ? null : message.id.value;
}

export function idMessage(id: DocumentId): DocumentIdMessage {
  const value =
    typeof id === "bigint" ? { case: "number" as const, value: id } : { case: "text" as const, value: id };
  return create(DocumentIdSchema, { id: value });
}

export function vectorToPlain(message: Vector): Plain {
  const kept = plainOf(message);
  if (kept !== undefined) return kept;
  return message.packed.length > 0 ? unpacked(message.packed) : Float32Array.from(message.values);
}

/** Of little-endian bytes. A length that is no multiple of 4 becomes an empty vector, which is refused. */
function unpacked(bytes: Uint8Array): Float32Array {
  if (bytes.length % 4 !== 0) return new Float32Array();
  const floats = new Float32Array(bytes.length / 4);
  new Uint8Array(floats.buffer).set(bytes);
  return floats;
}

export function valueToPlain(message: Value): Plain {
  const kept = plainOf(message);
  if (kept !== undefined) return kept;
  const { kind } = message;
  switch (kind.case) {
    case "listValue":
      return kind.value.values.map(valueToPlain);
    case "nullValue":
    case undefined:
      return null;
    default:
      return kind.value;
  }
}

export function valueMessage(value: AttributeValue, type: AttributeType | undefined): Value {
  if (typeof value === "object") {
    const values = value.map((one) => valueMessage(one, type));
    return create(ValueSchema, { kind: { case: "listValue", value: { values } } });
  }
  return create(ValueSchema, { kind: scalarKind(value, type) });
}

/** A whole number that 64 bits do not hold, as a sum of ints can be one, is the nearest float. */
function scalarKind(value: Scalar, type: AttributeType | undefined): Value["kind"] {
  if (typeof value === "boolean") return { case: "boolValue", value };
  if (typeof value === "string") return { case: "stringValue", value };
  if (type === "datetime") return { case: "datetimeMs", value: BigInt(value) };
  if (typeof value === "bigint" || (type === "int" && Number.isSafeInteger(value))) {
    const int = BigInt(value);
    return BigInt.asIntN(64, int) === int
      ? { case: "intValue", value: int }
      : { case: "floatValue", value: Number(int) };
  }
  return { case: "floatValue", value };
}
