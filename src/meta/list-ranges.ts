/** Which rows of the store a page of a list of a bucket is. */

import { compareKeys, toHex } from "../base/index.ts";
import type { ScanRange } from "../platform/index.ts";
import {
  objectKey,
  objectRange,
  rangeOfPrefix,
  uploadOrderFrom,
  uploadOrderOfKey,
  uploadOrderRange,
  versionKey,
  versionRange,
  versionsBehind,
  versionsFrom,
} from "./keys.ts";
import type { ListRange, UploadListRange, VersionListRange } from "./ports.ts";

export type PageRange = ScanRange & { readonly limit: number };

export function objectPage(bucketId: bigint, { prefix, after, from, limit }: ListRange): PageRange {
  const start = from !== undefined ? { gte: objectKey(bucketId, from) } : {};
  const behind = from === undefined && after !== "" ? { gt: objectKey(bucketId, after) } : {};
  return narrowed(objectRange(bucketId, prefix), { ...start, ...behind }, limit);
}

export function versionPage(bucketId: bigint, options: VersionListRange): PageRange {
  return narrowed(versionRange(bucketId, options.prefix), versionStart(bucketId, options), options.limit);
}

export function uploadPage(bucketId: bigint, options: UploadListRange): PageRange {
  return narrowed(uploadOrderRange(bucketId, options.prefix), uploadStart(bucketId, options), options.limit);
}

/** A range with a later start. Stores take the tighter of two bounds. */
export function narrowed(
  range: { readonly gte: string; readonly lt: string },
  start: { readonly gte?: string; readonly gt?: string },
  limit: number,
): PageRange {
  if (start.gte === undefined) return { ...range, ...start, limit };
  return { ...range, gte: compareKeys(start.gte, range.gte) > 0 ? start.gte : range.gte, limit };
}

function versionStart(
  bucketId: bigint,
  options: VersionListRange,
): { readonly gte?: string; readonly gt?: string } {
  const { afterKey, afterVersionId, fromKey } = options;
  if (fromKey !== undefined) return { gte: versionsFrom(bucketId, fromKey) };
  if (afterKey === "") return {};
  if (afterVersionId !== undefined) return { gt: versionKey(bucketId, afterKey, afterVersionId) };
  return { gte: versionsBehind(bucketId, afterKey) };
}

function uploadStart(
  bucketId: bigint,
  options: UploadListRange,
): { readonly gte?: string; readonly gt?: string } {
  const { afterKey, afterUploadId, fromKey } = options;
  if (fromKey !== undefined) return { gte: uploadOrderFrom(bucketId, fromKey) };
  if (afterKey === "") return {};
  const ofKey = uploadOrderOfKey(bucketId, afterKey);
  if (afterUploadId !== undefined) return { gt: ofKey + toHex(afterUploadId) };
  return { gte: rangeOfPrefix(ofKey).lt };
}
