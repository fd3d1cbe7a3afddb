import { create } from "@bufbuild/protobuf";
import {
  type DeleteOutcome,
  DeleteOutcomeSchema,
  type Refusal,
  RefusalCode,
} from "../gen/skerry/meta/v1/commands_pb.js";
import {
  type BucketRow,
  ObjectChange_Kind,
  type ObjectRow,
  VersioningState,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { BLANK_OBJECT, checkObjectKey } from "./heads.ts";
import { META_ID_BYTES } from "./limits.ts";
import { logObjectChange } from "./oplog.ts";
import { refusal } from "./result.ts";
import type { BucketCounts, KeyVersions } from "./versions.ts";

/** One command that deletes in a bucket. */
export interface Deletion {
  readonly state: ApplyState;
  readonly bucket: BucketRow;
  readonly counts: BucketCounts;
  /** What is proposed as the id of delete markers. */
  readonly markerId: Uint8Array;
  /** By the lifecycle of the bucket, and not because somebody asked. */
  readonly expired: boolean;
}

/** Makes a delete marker the newest version of a key. Refuses INVALID: the key, or the proposed id. */
export function mark(deletion: Deletion, key: string, versions: KeyVersions): DeleteOutcome {
  const { state, bucket, markerId, expired } = deletion;
  const existed = versions.current !== undefined;
  const problem = checkObjectKey(key) ?? checkMarkerId(markerId);
  if (problem !== undefined) return create(DeleteOutcomeSchema, { existed, refusal: problem });
  const marker: ObjectRow = {
    ...BLANK_OBJECT,
    key,
    versionId: versions.newId(markerId),
    modifiedAtMs: state.nowMs,
    ownerId: bucket.ownerId,
    ownerDisplayName: bucket.ownerDisplayName,
    versioned: bucket.versioning === VersioningState.ENABLED,
    deleteMarker: true,
  };
  versions.add(marker);
  versions.references.settle();
  logObjectChange(state, ObjectChange_Kind.MARKER_CREATED, bucket, marker, expired);
  const { versionId, versioned } = marker;
  return create(DeleteOutcomeSchema, { existed, versionId, versioned, deleteMarker: true });
}

function checkMarkerId(markerId: Uint8Array): Refusal | undefined {
  return markerId.length === META_ID_BYTES && markerId[0] !== 0xff
    ? undefined
    : refusal(RefusalCode.INVALID, "the id of a delete marker");
}
