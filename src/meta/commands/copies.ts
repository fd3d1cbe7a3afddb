/** What the commands about copies of blobs share. */

import { create } from "@bufbuild/protobuf";
import {
  type CommandResult,
  CommandResultSchema,
  RefusalCode,
  type SkippedBlob,
  SkippedBlobSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { type BlobRow, BlobState, NodeRowSchema, type NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { readBlob } from "../blobs.ts";
import { blobHexOf, nodeKey } from "../keys.ts";
import { META_ID_BYTES } from "../limits.ts";

/** Does something for each blob of a command; those for which it gives a code are named in the result. */
export function forEachBlob<T extends { readonly blobId: Uint8Array }>(
  targets: readonly T[],
  change: (target: T) => RefusalCode | undefined,
): CommandResult {
  const skipped: SkippedBlob[] = [];
  for (const target of targets) {
    const code = change(target);
    if (code !== undefined) skipped.push(create(SkippedBlobSchema, { blobId: target.blobId, code }));
  }
  return create(CommandResultSchema, { result: { case: "copiesChanged", value: { skipped } } });
}

/** A chunked blob whose copies may change: it exists, and nobody has been told to unlink it. */
export function findMovable(state: ApplyState, blobId: Uint8Array): BlobRow | undefined {
  if (blobId.length !== META_ID_BYTES) return undefined;
  const blob = readBlob(state, blobHexOf(blobId));
  if (blob === undefined || blob.isInline || blob.searchStoreId !== 0n) return undefined;
  return blob.state === BlobState.DELETING ? undefined : blob;
}

export function nodeStateOf(state: ApplyState, nodeId: bigint): NodeState | undefined {
  return state.read(nodeKey(nodeId), NodeRowSchema)?.state;
}

/** Why a blob was passed over that `findMovable` does not give. */
export const NOT_MOVABLE = RefusalCode.BLOB_GONE;
