/** Commands on namespaces, with everything filled in that a test does not care about. */

import { create } from "@bufbuild/protobuf";
import {
  BranchNamespaceSchema,
  CommitBatchSchema,
  CommitIndexSchema,
  CreateNamespaceSchema,
  DeleteNamespaceSchema,
  LeaseNamespaceWorkSchema,
  type NewBlob,
  NewBlobSchema,
  SetSearchStoreSchema,
  TrimNamespaceSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { NamespaceWork } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { CommandBody } from "../ports.ts";
import { type Fields, id, inlineBlob } from "./commands.ts";

export const TOKEN: Uint8Array = id(7_000_000);

export function createNamespace(
  name: string,
  options: Partial<Fields<typeof CreateNamespaceSchema>> = {},
): CommandBody {
  const value = create(CreateNamespaceSchema, {
    org: "org",
    project: "project",
    name,
    schema: new Uint8Array([1]),
    schemaFormat: 1,
    settings: { retentionSeconds: 120n },
    ...options,
  });
  return { case: "createNamespace", value };
}

export function deleteNamespace(namespaceId: number): CommandBody {
  const value = create(DeleteNamespaceSchema, { namespaceId: BigInt(namespaceId) });
  return { case: "deleteNamespace", value };
}

export function commitBatch(
  namespaceId: number,
  blob: number,
  frames: Fields<typeof CommitBatchSchema>["frames"] = [{ upserts: 1n }],
): CommandBody {
  const value = create(CommitBatchSchema, {
    namespaceId: BigInt(namespaceId),
    blob: inlineBlob(id(blob), 10),
    ...(frames !== undefined && { frames }),
  });
  return { case: "commitBatch", value };
}

export function leaseWork(
  namespaceId: number,
  options: Partial<Fields<typeof LeaseNamespaceWorkSchema>> = {},
): CommandBody {
  const value = create(LeaseNamespaceWorkSchema, {
    namespaceId: BigInt(namespaceId),
    work: NamespaceWork.FLUSH,
    nodeId: 1n,
    token: TOKEN,
    durationMs: 60_000n,
    ...options,
  });
  return { case: "leaseNamespaceWork", value };
}

export function commitIndex(
  namespaceId: number,
  changes: Partial<Fields<typeof CommitIndexSchema>>,
): CommandBody {
  const value = create(CommitIndexSchema, {
    namespaceId: BigInt(namespaceId),
    work: NamespaceWork.FLUSH,
    leaseToken: TOKEN,
    ...changes,
  });
  return { case: "commitIndex", value };
}

export function branchNamespace(
  sourceId: number,
  name: string,
  moment: Partial<Fields<typeof BranchNamespaceSchema>>,
): CommandBody {
  const value = create(BranchNamespaceSchema, {
    sourceId: BigInt(sourceId),
    org: "org",
    project: "project",
    name,
    ...moment,
  });
  return { case: "branchNamespace", value };
}

export function trimNamespace(
  namespaceId: number,
  named: Partial<Fields<typeof TrimNamespaceSchema>>,
): CommandBody {
  const value = create(TrimNamespaceSchema, { namespaceId: BigInt(namespaceId), ...named });
  return { case: "trimNamespace", value };
}

/** New segments go to a directory; undefined: to the cluster itself. */
export function setSearchStore(path: string | undefined): CommandBody {
  const location = path === undefined ? {} : { location: { case: "directory" as const, value: { path } } };
  return { case: "setSearchStore", value: create(SetSearchStoreSchema, location) };
}

/** A blob whose bytes are in a store outside the cluster. */
export function outsideBlob(blobId: Uint8Array, sizeBytes: number, storeId: number): NewBlob {
  return create(NewBlobSchema, { blobId, size: BigInt(sizeBytes), searchStoreId: BigInt(storeId) });
}
