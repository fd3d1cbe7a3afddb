/**
 * Rows as those see them who go over many: without what can be large and only readers of one object need. The manifest of an object of 10,000 parts has megabytes,
 * a list of a thousand of them shows some hundred bytes of each.
 */

import {
  type ObjectAttributes,
  ObjectAttributesSchema,
  type ObjectRow,
  ObjectRowSchema,
  type PartRow,
  PartRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { decodeMessage } from "./message-decoder.ts";
import { type Omission, omitFields } from "./omitted-fields.ts";

/** Rows of so many bytes are decoded as they are, which costs less than to look for what can be left out. */
const SMALL_ROW_BYTES = 1_024;

/** A version of a key, or a delete marker, without its manifest and without what only its own answer has. */
export type ObjectSummary = Omit<ObjectRow, "slices" | "parts" | "attributes"> & {
  readonly attributes?: AttributesSummary | undefined;
};

type AttributesSummary = Omit<ObjectAttributes, "headers" | "userMetadata" | "acl">;

/** A part of an upload without its manifest. */
export type PartSummary = Omit<PartRow, "slices">;

const ATTRIBUTES = ObjectAttributesSchema.field;
const OBJECT = ObjectRowSchema.field;

const OBJECT_OMISSION: Omission = {
  fields: new Set([OBJECT.slices.number, OBJECT.parts.number]),
  inside: new Map([
    [
      OBJECT.attributes.number,
      { fields: new Set([ATTRIBUTES.headers, ATTRIBUTES.userMetadata, ATTRIBUTES.acl].map((f) => f.number)) },
    ],
  ]),
};
const PART_OMISSION: Omission = { fields: new Set([PartRowSchema.field.slices.number]) };

export function decodeObjectSummary(bytes: Uint8Array): ObjectSummary {
  return decodeMessage(ObjectRowSchema, withoutLarge(bytes, OBJECT_OMISSION));
}

export function decodePartSummary(bytes: Uint8Array): PartSummary {
  return decodeMessage(PartRowSchema, withoutLarge(bytes, PART_OMISSION));
}

function withoutLarge(bytes: Uint8Array, omission: Omission): Uint8Array {
  return bytes.length <= SMALL_ROW_BYTES ? bytes : omitFields(bytes, omission);
}
