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
  /** Of the manifest. */
  readonly sliceCount: number;
};

type AttributesSummary = Omit<ObjectAttributes, "headers" | "userMetadata" | "acl">;

/** A part of an upload without its manifest. */
export type PartSummary = Omit<PartRow, "slices"> & {
  /** Of the manifest. */
  readonly sliceCount: number;
};

const ATTRIBUTES = ObjectAttributesSchema.field;
const OBJECT = ObjectRowSchema.field;
const PART = PartRowSchema.field;

const OBJECT_OMISSION: Omission = {
  fields: new Set([OBJECT.slices.number, OBJECT.parts.number]),
  inside: new Map([
    [
      OBJECT.attributes.number,
      { fields: new Set([ATTRIBUTES.headers, ATTRIBUTES.userMetadata, ATTRIBUTES.acl].map((f) => f.number)) },
    ],
  ]),
};
const PART_OMISSION: Omission = { fields: new Set([PART.slices.number]) };
const SLICES: Omission = { fields: new Set([OBJECT.slices.number]) };

export function decodeObjectSummary(bytes: Uint8Array): ObjectSummary {
  const { rest, sliceCount } = withoutLarge(bytes, OBJECT_OMISSION, OBJECT.slices.number);
  const row = decodeMessage(ObjectRowSchema, rest);
  return Object.assign(row, { sliceCount: sliceCount ?? row.slices.length });
}

export function decodePartSummary(bytes: Uint8Array): PartSummary {
  const { rest, sliceCount } = withoutLarge(bytes, PART_OMISSION, PART.slices.number);
  const row = decodeMessage(PartRowSchema, rest);
  return Object.assign(row, { sliceCount: sliceCount ?? row.slices.length });
}

/** How many slices the manifest in the row of a version has. */
export function countSlices(bytes: Uint8Array): number {
  const counts = new Map<number, number>();
  omitFields(bytes, SLICES, counts);
  return counts.get(OBJECT.slices.number) ?? 0;
}

/** `sliceCount` undefined: the slices are still there. */
function withoutLarge(
  bytes: Uint8Array,
  omission: Omission,
  slices: number,
): { readonly rest: Uint8Array; readonly sliceCount: number | undefined } {
  if (bytes.length <= SMALL_ROW_BYTES) return { rest: bytes, sliceCount: undefined };
  const counts = new Map<number, number>();
  const rest = omitFields(bytes, omission, counts);
  return { rest, sliceCount: counts.get(slices) ?? 0 };
}
