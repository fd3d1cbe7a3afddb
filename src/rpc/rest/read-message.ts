import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { fromBase64, unreachable } from "../../base/index.ts";
import { enumNames } from "./enum-names.ts";
import { JsonError } from "./json-error.ts";
import type { JsonForms } from "./json-form.ts";
import type { Json, JsonObject } from "./json-text.ts";

/**
 * A message from JSON. Fields are named as in the protos (snake_case), enums by the names that `enumNames` makes, 64-bit numbers are numbers or
 * decimal strings, bytes are base64; null is the same as absent. Throws JsonError, which names the place, for anything else, a field that
 * the message does not have among it.
 */
export function readMessage(type: DescMessage, json: Json, forms: JsonForms, path = ""): Message {
  const form = forms.get(type.typeName);
  if (form !== undefined) return form.fromJson(json, path);
  const message = reflect(type);
  if (!isObject(json)) throw new JsonError(path, `an object is wanted here, not ${kindOf(json)}`);
  for (const [name, value] of Object.entries(json)) {
    const at = path === "" ? name : `${path}.${name}`;
    const field = fieldNamed(type, name);
    if (field === undefined) throw new JsonError(at, "there is no field of this name");
    if (value === null) continue;
    if (field.oneof !== undefined && message.oneofCase(field.oneof) !== undefined) {
      throw new JsonError(
        at,
        `only one of ${field.oneof.fields.map(({ name }) => name).join(", ")} may be given`,
      );
    }
    readField({ message, field, value, forms, path: at });
  }
  return message.message;
}

interface FieldValue {
  readonly message: ReflectMessage;
  readonly field: DescField;
  readonly value: Json;
  readonly forms: JsonForms;
  readonly path: string;
}

function readField({ message, field, value, forms, path }: FieldValue): void {
  switch (field.fieldKind) {
    case "scalar":
      message.set(field, readScalar(field.scalar, value, path));
      return;
    case "enum":
      message.set(field, readEnum(field.enum, value, path));
      return;
    case "message":
      message.set(field, reflect(field.message, readMessage(field.message, value, forms, path)));
      return;
    case "list": {
      if (!Array.isArray(value)) throw new JsonError(path, `an array is wanted here, not ${kindOf(value)}`);
      const list = message.get(field);
      for (const [index, item] of (value as readonly Json[]).entries()) {
        list.add(readItem(field, item, forms, `${path}[${index}]`));
      }
      return;
    }
    case "map": {
      if (!isObject(value)) throw new JsonError(path, `an object is wanted here, not ${kindOf(value)}`);
      const map = message.get(field);
      for (const [key, item] of Object.entries(value)) {
        map.set(readMapKey(field.mapKey, key, path), readItem(field, item, forms, `${path}.${key}`));
      }
      return;
    }
    default:
      unreachable(field);
  }
}

type ManyField = DescField & ({ readonly fieldKind: "list" } | { readonly fieldKind: "map" });

function readItem(field: ManyField, value: Json, forms: JsonForms, path: string): unknown {
  const kind = field.fieldKind === "list" ? field.listKind : field.mapKind;
  switch (kind) {
    case "scalar":
      return readScalar(field.scalar as ScalarType, value, path);
    case "enum":
      return readEnum(field.enum as DescEnum, value, path);
    case "message": {
      const type = field.message as DescMessage;
      return reflect(type, readMessage(type, value, forms, path));
    }
    default:
      return unreachable(kind);
  }
}

function readMapKey(type: ScalarType, key: string, path: string): unknown {
  return type === ScalarType.STRING ? key : readScalar(type, key, path);
}

function readEnum(type: DescEnum, value: Json, path: string): number {
  for (const [number, name] of enumNames(type)) if (name === value) return number;
  const names = [...enumNames(type)].filter(([number]) => number !== 0).map(([, name]) => `"${name}"`);
  throw new JsonError(path, `one of ${names.join(", ")} is wanted here`);
}

const INT32 = { least: -(2 ** 31), most: 2 ** 31 - 1 };
const UINT32 = { least: 0, most: 2 ** 32 - 1 };
const INT64 = { least: -(2n ** 63n), most: 2n ** 63n - 1n };
const UINT64 = { least: 0n, most: 2n ** 64n - 1n };

function readScalar(type: ScalarType, value: Json, path: string): unknown {
  switch (type) {
    case ScalarType.STRING:
      if (typeof value !== "string")
        throw new JsonError(path, `a string is wanted here, not ${kindOf(value)}`);
      // Half of a surrogate pair has no UTF-8: what is stored would not be what was sent.
      if (!value.isWellFormed()) throw new JsonError(path, "this string has a lone surrogate");
      return value;
    case ScalarType.BOOL:
      if (value === "true" || value === "false") return value === "true";
      if (typeof value !== "boolean")
        throw new JsonError(path, `true or false is wanted here, not ${kindOf(value)}`);
      return value;
    case ScalarType.BYTES:
      return readBytes(value, path);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return readFloat(value, path);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return Number(readInteger(value, INT32, path));
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return Number(readInteger(value, UINT32, path));
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return readInteger(value, INT64, path);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return readInteger(value, UINT64, path);
    default:
      return unreachable(type);
  }
}

function readBytes(value: Json, path: string): Uint8Array {
  const bytes = typeof value === "string" ? fromBase64(value) : undefined;
  if (bytes === undefined) throw new JsonError(path, "a base64 string is wanted here");
  return bytes;
}

/** A number, also as a string (query parameters are strings). */
function readFloat(value: Json, path: string): number {
  const number = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  const float = typeof number === "bigint" ? Number(number) : number;
  if (typeof float !== "number" || !Number.isFinite(float))
    throw new JsonError(path, "a finite number is wanted here");
  return float;
}

function readInteger(
  value: Json,
  range: { readonly least: number | bigint; readonly most: number | bigint },
  path: string,
): bigint {
  const whole = typeof value === "string" && /^-?\d{1,20}$/.test(value) ? BigInt(value) : value;
  const isWhole = typeof whole === "bigint" || (typeof whole === "number" && Number.isInteger(whole));
  if (!isWhole || whole < range.least || whole > range.most) {
    throw new JsonError(path, `a whole number from ${range.least} to ${range.most} is wanted here`);
  }
  return BigInt(whole);
}

function fieldNamed(type: DescMessage, name: string): DescField | undefined {
  return type.fields.find((field) => field.name === name);
}

export function isObject(json: Json): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}

/** For error messages. */
export function kindOf(json: Json): string {
  if (json === null) return "null";
  if (Array.isArray(json)) return "an array";
  if (typeof json === "object") return "an object";
  return typeof json === "bigint" ? "a number" : `a ${typeof json}`;
}
