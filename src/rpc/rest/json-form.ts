import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { Json } from "./json-text.ts";

/**
 * How messages of one type are written in JSON where REST wants another form than field by field: a filter as an array, a value as itself.
 * The one place where REST and the protos may differ.
 */
export interface JsonForm {
  readonly type: DescMessage;
  /** Throws JsonError. `path` is where the value stands, for the error. */
  fromJson(value: Json, path: string): Message;
  toJson(message: Message): Json;
  /** For the OpenAPI document. */
  readonly schema: Json;
}

export type JsonForms = ReadonlyMap<string, JsonForm>;

export function jsonForms(forms: readonly JsonForm[]): JsonForms {
  return new Map(forms.map((form) => [form.type.typeName, form]));
}
