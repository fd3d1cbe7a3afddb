import { create } from "@bufbuild/protobuf";
import { EMPTY_BYTES, equalBytes } from "../../base/index.ts";
import {
  type ChangeObject,
  type CommandResult,
  CommandResultSchema,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type BucketRow,
  LegalHold,
  type ObjectAttributes,
  ObjectAttributesSchema,
  ObjectChange_Kind,
  type ObjectRow,
  type Tag,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { checkAttributes } from "../attributes.ts";
import { findBucket, isRefusal } from "../heads.ts";
import { logObjectChange } from "../oplog.ts";
import { refusal, refused, refusedWith } from "../result.ts";
import { checkRetentionChange } from "../retention.ts";
import { BucketCounts, KeyVersions } from "../versions.ts";

/**
 * Tags, retention, legal hold or ACL of one version. Its bytes, its ETag and its time stay, and so do the three others: of two changes of the same the later
 * one counts, and changes of different ones both do, as in S3.
 */
export function changeObject(state: ApplyState, command: ChangeObject): CommandResult {
  const bucket = findBucket(state, command.bucket, command.bucketId);
  if (isRefusal(bucket)) return refusedWith(bucket);
  const versions = new KeyVersions(state, bucket, command.key, new BucketCounts());
  const version = versions.find(command.version);
  if (version === undefined) return refused(missing(command), "");
  if (version.deleteMarker) return refused(RefusalCode.DELETE_MARKER, "");
  if (!isExpected(version, command)) return refused(RefusalCode.VERSION_CHANGED, "");
  const changed = change(state, bucket, version, command);
  if ("code" in changed) return refusedWith(changed);
  versions.replace({ ...version, attributes: changed.attributes });
  logObjectChange(state, changed.kind, bucket, version);
  const { versionId, versioned } = version;
  return create(CommandResultSchema, { result: { case: "objectChanged", value: { versionId, versioned } } });
}

/** Who was let in by what it saw changes nothing else. */
function isExpected(version: ObjectRow, command: ChangeObject): boolean {
  const { expectedVersionId, expectedAcl, expectedTags } = command;
  if (expectedVersionId.length === 0) return true;
  const { acl = EMPTY_BYTES, tags = [] } = version.attributes ?? {};
  const isSame = equalBytes(version.versionId, expectedVersionId) && equalBytes(acl, expectedAcl);
  return isSame && (expectedTags === undefined || areSameTags(tags, expectedTags.tags));
}

function areSameTags(tags: readonly Tag[], expected: readonly Tag[]): boolean {
  return (
    tags.length === expected.length &&
    tags.every(({ key, value }, at) => expected[at]?.key === key && expected[at].value === value)
  );
}

function missing(command: ChangeObject): RefusalCode {
  return command.version?.version.case === undefined
    ? RefusalCode.OBJECT_UNKNOWN
    : RefusalCode.VERSION_UNKNOWN;
}

interface Changed {
  readonly kind: ObjectChange_Kind;
  readonly attributes: ObjectAttributes;
}

function change(
  state: ApplyState,
  bucket: BucketRow,
  version: ObjectRow,
  command: ChangeObject,
): Changed | Refusal {
  const attributes = version.attributes ?? create(ObjectAttributesSchema);
  const asked = command.change;
  switch (asked.case) {
    case undefined:
      return refusal(RefusalCode.INVALID, "no change");
    case "tags": {
      const { tags } = asked.value;
      const kind = tags.length > 0 ? ObjectChange_Kind.TAGS_CHANGED : ObjectChange_Kind.TAGS_REMOVED;
      return bounded(bucket, { kind, attributes: { ...attributes, tags } });
    }
    case "retention": {
      const { mode: retentionMode, untilMs: retainUntilMs } = asked.value;
      const problem = requireLock(bucket) ?? checkRetentionChange(version, asked.value, state.nowMs);
      const kind = ObjectChange_Kind.RETENTION_CHANGED;
      return problem ?? { kind, attributes: { ...attributes, retentionMode, retainUntilMs } };
    }
    case "legalHold": {
      const legalHold = asked.value;
      const isKnown = legalHold === LegalHold.ON || legalHold === LegalHold.OFF;
      const problem =
        requireLock(bucket) ?? (isKnown ? undefined : refusal(RefusalCode.INVALID, "the legal hold"));
      return (
        problem ?? { kind: ObjectChange_Kind.LEGAL_HOLD_CHANGED, attributes: { ...attributes, legalHold } }
      );
    }
    case "acl":
      return bounded(bucket, {
        kind: ObjectChange_Kind.ACL_CHANGED,
        attributes: { ...attributes, acl: asked.value },
      });
  }
}

function bounded(bucket: BucketRow, changed: Changed): Changed | Refusal {
  return checkAttributes(bucket, changed.attributes) ?? changed;
}

function requireLock(bucket: BucketRow): Refusal | undefined {
  return bucket.objectLock
    ? undefined
    : refusal(RefusalCode.LOCK_MISSING, "Bucket is missing Object Lock Configuration");
}
