/** Object lock: what keeps a version, and what a new one gets from its bucket. */

import { create } from "@bufbuild/protobuf";
import { type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  type BucketRow,
  LegalHold,
  ObjectAttributesSchema,
  type ObjectRow,
  RetentionMode,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { refusal } from "./result.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Refuses OBJECT_LOCKED: the version may not be removed now. `bypass` overrides a governance retention, and nothing else. */
export function checkRemovable(version: ObjectRow, nowMs: bigint, bypass: boolean): Refusal | undefined {
  const { attributes } = version;
  if (attributes === undefined) return undefined;
  if (attributes.legalHold === LegalHold.ON) return locked("a legal hold");
  if (attributes.retainUntilMs <= nowMs) return undefined;
  switch (attributes.retentionMode) {
    case RetentionMode.COMPLIANCE:
      return locked("a compliance retention");
    case RetentionMode.GOVERNANCE:
      return bypass ? undefined : locked("a governance retention");
    case RetentionMode.UNSPECIFIED:
      return undefined;
  }
}

/** Refuses OBJECT_LOCKED: a retention that still runs may only become longer and stricter. */
export function checkRetentionChange(
  version: ObjectRow,
  next: { readonly mode: RetentionMode; readonly untilMs: bigint; readonly bypassGovernance: boolean },
  nowMs: bigint,
): Refusal | undefined {
  const { attributes } = version;
  if (attributes === undefined || attributes.retainUntilMs <= nowMs) return undefined;
  const isLonger = next.untilMs >= attributes.retainUntilMs;
  switch (attributes.retentionMode) {
    case RetentionMode.COMPLIANCE:
      return isLonger && next.mode === RetentionMode.COMPLIANCE
        ? undefined
        : locked("a compliance retention");
    case RetentionMode.GOVERNANCE:
      if (next.bypassGovernance || (isLonger && next.mode === RetentionMode.GOVERNANCE)) return undefined;
      return locked("a governance retention");
    case RetentionMode.UNSPECIFIED:
      return undefined;
  }
}

/** The version with the bucket's default retention, where it names none of its own. */
export function withDefaultRetention(version: ObjectRow, bucket: BucketRow, nowMs: bigint): ObjectRow {
  if (bucket.defaultRetentionMode === RetentionMode.UNSPECIFIED || version.deleteMarker) return version;
  const attributes = version.attributes ?? create(ObjectAttributesSchema);
  if (attributes.retentionMode !== RetentionMode.UNSPECIFIED) return version;
  const { defaultRetentionDays: days, defaultRetentionYears: years } = bucket;
  const retainUntilMs = years > 0 ? yearsAfter(nowMs, years) : nowMs + BigInt(days) * BigInt(DAY_MS);
  return {
    ...version,
    attributes: { ...attributes, retentionMode: bucket.defaultRetentionMode, retainUntilMs },
  };
}

/** The same day and time so many years later, in UTC. */
function yearsAfter(timeMs: bigint, years: number): bigint {
  const date = new Date(Number(timeMs));
  return BigInt(date.setUTCFullYear(date.getUTCFullYear() + years));
}

function locked(what: string): Refusal {
  return refusal(RefusalCode.OBJECT_LOCKED, what);
}
