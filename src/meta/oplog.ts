/** The oplog: one row for each manifest change, in order, so that others can follow. Sequences have no gaps. */

import { create } from "@bufbuild/protobuf";
import {
  type BucketChange,
  type BucketChange_Kind,
  BucketChangeSchema,
  BucketConfigurationKind,
  type BucketRow,
  type NamespaceChange_Kind,
  NamespaceChangeSchema,
  type NamespaceRow,
  type ObjectChange_Kind,
  type ObjectRow,
  type OplogRow,
  OplogRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { oplogKey } from "./keys.ts";
import { MAX_OPLOG_ROWS } from "./limits.ts";

/** `expired`: it was the lifecycle of the bucket that did it. */
export function logObjectChange(
  state: ApplyState,
  kind: ObjectChange_Kind,
  bucket: BucketRow,
  object: ObjectRow,
  expired = false,
): void {
  append(state, {
    case: "object",
    value: {
      kind,
      bucketId: bucket.bucketId,
      bucket: bucket.name,
      key: object.key,
      versionId: object.versionId,
      size: object.size,
      etag: object.etag,
      versioned: object.versioned,
      expired,
      $typeName: "skerry.meta.v1.ObjectChange",
    },
  });
}

export function logBucketChange(
  state: ApplyState,
  kind: BucketChange_Kind,
  bucket: BucketRow,
  configuration = BucketConfigurationKind.UNSPECIFIED,
): void {
  const value: BucketChange = create(BucketChangeSchema, {
    kind,
    bucketId: bucket.bucketId,
    bucket: bucket.name,
    configuration,
  });
  append(state, { case: "bucket", value });
}

export function logNamespaceChange(
  state: ApplyState,
  kind: NamespaceChange_Kind,
  namespace: NamespaceRow,
): void {
  const { namespaceId, org, project, name, version } = namespace;
  const value = create(NamespaceChangeSchema, { kind, namespaceId, org, project, name, version });
  append(state, { case: "namespace", value });
}

function append(state: ApplyState, change: OplogRow["change"]): void {
  const sequence = state.takeOplogSequence();
  const row: OplogRow = { $typeName: "skerry.meta.v1.OplogRow", sequence, timeMs: state.nowMs, change };
  state.write(oplogKey(sequence), OplogRowSchema, row);
  if (sequence - state.firstOplogSequence >= MAX_OPLOG_ROWS) trimOplog(state, state.firstOplogSequence + 1n);
}

/** Removes the rows below `sequence`, one by one. */
export function trimOplog(state: ApplyState, sequence: bigint): void {
  for (let gone = state.firstOplogSequence; gone < sequence; gone++) state.delete(oplogKey(gone));
  state.advanceFirstOplogSequence(sequence);
}
