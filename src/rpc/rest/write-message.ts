import {
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
  ScalarType,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { toBase64, unreachable } from "../../base/index.ts";
import { enumNames } from "./enum-names.ts";
import type { JsonForms } from "./json-form.ts";
import { floatJson, type Json } from "./json-text.ts";

/**
 * A message as JSON, in the form that `readMessage` reads. Fields without presence are always there; a message, an optional field and the
 * alternatives of a oneof only when they are set, an enum only when it is specified.
 */
export function writeMessage(type: DescMessage, message: Message, forms: JsonForms): Json {
  const form = forms.get(type.typeName);
  if (form !== undefined) return form.toJson(message);
  const reflected = reflect(type, message);
  const json: Record<string, Json> = {};
  for (const field of type.fields) {
    if (isLeftOut(reflected, field)) continue;
    json[field.name] = writeField(reflected, field, forms);
  }
  return json;
}

function isLeftOut(message: ReflectMessage, field: DescField): boolean {
  if (message.isSet(field)) return false;
  return field.fieldKind === "message" || field.fieldKind === "enum" || hasPresence(field);
}

function hasPresence(field: DescField): boolean {
  return field.oneof !== undefined || field.presence === FeatureSet_FieldPresence.EXPLICIT;
}

function writeField(message: ReflectMessage, field: DescField, forms: JsonForms): Json {
  switch (field.fieldKind) {
    case "scalar":
      return writeScalar(field.scalar, message.get(field));
    case "enum":
      return writeEnum(field.enum, message.get(field));
    case "message":
      return writeMessage(field.message, message.get(field).message, forms);
    case "list":
      return [...message.get(field)].map((item) => writeItem(field, item, forms));
    case "map":
      return Object.fromEntries(
        [...message.get(field)].map(([key, item]) => [String(key), writeItem(field, item, forms)]),
      );
    default:
      return unreachable(field);
  }
}

type ManyField = DescField & ({ readonly fieldKind: "list" } | { readonly fieldKind: "map" });

function writeItem(field: ManyField, item: unknown, forms: JsonForms): Json {
  const kind = field.fieldKind === "list" ? field.listKind : field.mapKind;
  switch (kind) {
    case "scalar":
      return writeScalar(field.scalar as ScalarType, item);
    case "enum":
      return writeEnum(field.enum as DescEnum, item as number);
    case "message":
      return writeMessage(field.message as DescMessage, (item as ReflectMessage).message, forms);
    default:
      return unreachable(kind);
  }
}

function writeEnum(type: DescEnum, number: number): Json {
  return enumNames(type).get(number) ?? number;
}

function writeScalar(type: ScalarType, value: unknown): Json {
  if (type === ScalarType.BYTES) return toBase64(value as Uint8Array);
  if (typeof value === "bigint" && value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER) {
    return Number(value);
  }
  if (typeof value === "number") return floatJson(value);
  return value as Json;
}
