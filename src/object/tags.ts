/** Tags of buckets and objects: what S3 allows, and the document in which a bucket's are kept. */

import type { BucketConfiguration } from "./bucket-configuration.ts";
import { ObjectError } from "./errors.ts";

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export const MAX_OBJECT_TAGS = 10;
export const MAX_BUCKET_TAGS = 50;
/** In UTF-16 units, as S3 counts. */
const MAX_TAG_KEY_LENGTH = 128;
const MAX_TAG_VALUE_LENGTH = 256;
const TAG_TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** Refuses "tags-invalid" and, beyond `greatestCount`, "too-many-tags". */
export function checkTags(tags: readonly Tag[], greatestCount: number): void {
  if (tags.length > greatestCount) {
    throw new ObjectError("too-many-tags", `there can be at most ${greatestCount} tags`);
  }
  const keys = new Set<string>();
  for (const { key, value } of tags) {
    if (keys.has(key)) throw invalid("Cannot provide multiple Tags with the same key", key);
    keys.add(key);
    if (key.length === 0 || key.length > MAX_TAG_KEY_LENGTH || !TAG_TEXT.test(key)) {
      throw invalid("The TagKey you have provided is invalid", key);
    }
    if (value.length > MAX_TAG_VALUE_LENGTH || !TAG_TEXT.test(value)) {
      throw invalid("The TagValue you have provided is invalid", key);
    }
    if (key.toLowerCase().startsWith("aws:")) {
      throw invalid("System tags cannot be added/updated by requester", key);
    }
  }
}

function invalid(message: string, key: string): ObjectError {
  return new ObjectError("tags-invalid", message, { details: { TagKey: key } });
}

const FORMAT = 1;

/** `[["key","value"], ...]` in JSON. */
export function tagsDocument(tags: readonly Tag[]): BucketConfiguration {
  const pairs = tags.map(({ key, value }) => [key, value]);
  return { format: FORMAT, document: new TextEncoder().encode(JSON.stringify(pairs)) };
}

/** Throws on a format that this version does not know. */
export function readTagsDocument({ format, document }: BucketConfiguration): readonly Tag[] {
  if (format !== FORMAT) throw new Error(`a bucket's tags have the unknown format ${format}`);
  const pairs = JSON.parse(new TextDecoder().decode(document)) as readonly (readonly [string, string])[];
  return pairs.map(([key, value]) => ({ key, value }));
}
