/** Commands with everything filled in that a test does not care about. */

import { create, type DescMessage, type Message, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AbortUploadSchema,
  CommitObjectSchema,
  CommitPartSchema,
  CopyObjectSchema,
  CreateBucketSchema,
  CreateUploadSchema,
  DeleteObjectsSchema,
  InitClusterSchema,
  type NewBlob,
  NewBlobSchema,
  PutCopysetsSchema,
  PutJoinTokenSchema,
  RegisterNodeSchema,
  SetNodeStateSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type BlobSlice,
  BlobSliceSchema,
  NodeRowSchema,
  NodeState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { nodeKey } from "../keys.ts";
import { CHUNK_BYTES } from "../limits.ts";
import type { CommandBody } from "../ports.ts";
import { expectCase, type Replica } from "./harness.ts";

/** Fields of a message, to be spread into others. */
export type Fields<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, Message>;

/** What a number has above 32 bits is the time that an id of it begins with. */
export const ID_TIME_UNIT = 2 ** 32;

/** 16 bytes that end with the low 32 bits of this number and begin with its time. */
export function id(number: number): Uint8Array {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setUint32(2, Math.floor(number / ID_TIME_UNIT));
  view.setUint32(12, number % ID_TIME_UNIT);
  return bytes;
}

export function numberOfId(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return view.getUint32(2) * ID_TIME_UNIT + view.getUint32(12);
}

/** As many bytes as MD5s have, in hexadecimal. */
export function etag(number: number): string {
  return number.toString(16).padStart(32, "0");
}

export function inlineBlob(blobId: Uint8Array, sizeBytes: number): NewBlob {
  return create(NewBlobSchema, {
    blobId,
    size: BigInt(sizeBytes),
    isInline: true,
    inlineData: new Uint8Array(sizeBytes).fill(7),
  });
}

export function chunkedBlob(
  blobId: Uint8Array,
  sizeBytes: number,
  options: { holders?: readonly number[]; copysetId?: number; layoutEpoch?: number } = {},
): NewBlob {
  const chunks = [];
  for (let offset = 0; offset < sizeBytes; offset += CHUNK_BYTES) {
    chunks.push({
      length: Math.min(CHUNK_BYTES, sizeBytes - offset),
      blake3: new Uint8Array(32).fill(9),
      nodeIds: (options.holders ?? [1, 2, 3]).map(BigInt),
    });
  }
  return create(NewBlobSchema, {
    blobId,
    size: BigInt(sizeBytes),
    copysetId: BigInt(options.copysetId ?? 1),
    layoutEpoch: BigInt(options.layoutEpoch ?? 1),
    chunks,
  });
}

/** All of these blobs, one after the other. */
export function wholeSlices(blobs: readonly NewBlob[]): BlobSlice[] {
  return blobs.map(({ blobId, size }) => create(BlobSliceSchema, { blobId, length: size }));
}

export function slice(blobId: Uint8Array, offset: number, length: number): BlobSlice {
  return create(BlobSliceSchema, { blobId, offset: BigInt(offset), length: BigInt(length) });
}

export function createBucket(name: string): CommandBody {
  return { case: "createBucket", value: create(CreateBucketSchema, { name, region: "r", ownerId: "o" }) };
}

export function commitObject(
  key: string,
  versionId: Uint8Array,
  blobs: readonly NewBlob[] = [],
  more: Fields<typeof CommitObjectSchema> = {},
): CommandBody {
  const value = create(CommitObjectSchema, {
    bucket: "bucket",
    key,
    versionId,
    size: blobs.reduce((sum, blob) => sum + blob.size, 0n),
    etag: etag(1),
    attributes: { contentType: "text/plain" },
    blobs: [...blobs],
    slices: wholeSlices(blobs),
    ...more,
  });
  return { case: "commitObject", value };
}

export function deleteObjects(...keys: readonly string[]): CommandBody {
  const targets = keys.map((key) => ({ key }));
  return { case: "deleteObjects", value: create(DeleteObjectsSchema, { bucket: "bucket", targets }) };
}

export function copyObject(
  source: { key: string; versionId: Uint8Array },
  target: { key: string; versionId: Uint8Array },
): CommandBody {
  const value = create(CopyObjectSchema, {
    sourceBucket: "bucket",
    sourceKey: source.key,
    sourceVersionId: source.versionId,
    bucket: "bucket",
    key: target.key,
    versionId: target.versionId,
    attributes: { contentType: "text/copied" },
  });
  return { case: "copyObject", value };
}

export function createUpload(key: string, uploadId: Uint8Array): CommandBody {
  return { case: "createUpload", value: create(CreateUploadSchema, { bucket: "bucket", key, uploadId }) };
}

export function abortUpload(key: string, uploadId: Uint8Array): CommandBody {
  return { case: "abortUpload", value: create(AbortUploadSchema, { bucket: "bucket", key, uploadId }) };
}

export function commitPart(
  upload: { key: string; uploadId: Uint8Array },
  partNumber: number,
  blobs: readonly NewBlob[],
  more: Fields<typeof CommitPartSchema> = {},
): CommandBody {
  const value = create(CommitPartSchema, {
    bucket: "bucket",
    key: upload.key,
    uploadId: upload.uploadId,
    partNumber,
    size: blobs.reduce((sum, blob) => sum + blob.size, 0n),
    etag: etag(partNumber),
    blobs: [...blobs],
    slices: wholeSlices(blobs),
    ...more,
  });
  return { case: "commitPart", value };
}

export function initCluster(more: MessageInitShape<typeof InitClusterSchema>["cluster"] = {}): CommandBody {
  const value = create(InitClusterSchema, {
    cluster: { clusterId: "cluster", replicationFactor: 3, deleteGraceSeconds: 60, ...more },
    firstNode: { nodeId: 1n, name: "node-1", incarnation: "incarnation-1" },
  });
  return { case: "initCluster", value };
}

/** Registers and activates node `nodeId`, which must be the next one. */
export function addNode(replica: Replica, nodeId: number): void {
  const tokenHash = new Uint8Array(32).fill(nodeId);
  const token = { tokenId: `token-${nodeId}`, tokenHash, expiresAtMs: 10n ** 15n };
  expectCase(replica.run({ case: "putJoinToken", value: create(PutJoinTokenSchema, { token }) }), "done");
  const node = create(NodeRowSchema, { name: `node-${nodeId}`, incarnation: `incarnation-${nodeId}` });
  const registered = replica.run({
    case: "registerNode",
    value: create(RegisterNodeSchema, { node, tokenHash }),
  });
  if (expectCase(registered, "nodeRegistered").nodeId !== BigInt(nodeId)) throw new Error("another node id");
  setNodeState(replica, nodeId, NodeState.ACTIVE);
}

/** From whatever state the node is in. */
export function setNodeState(replica: Replica, nodeId: number, state: NodeState): void {
  const value = create(SetNodeStateSchema, {
    nodeId: BigInt(nodeId),
    incarnation: `incarnation-${nodeId}`,
    force: true,
    expectedState: replica.state.read(nodeKey(BigInt(nodeId)), NodeRowSchema)?.state ?? NodeState.UNSPECIFIED,
    state,
  });
  expectCase(replica.run({ case: "setNodeState", value }), "done");
}

export function putCopysets(
  expectedLayoutEpoch: number,
  ...copysets: { id?: number; nodes: number[] }[]
): CommandBody {
  const value = create(PutCopysetsSchema, {
    expectedLayoutEpoch: BigInt(expectedLayoutEpoch),
    copysets: copysets.map((copyset) => ({
      copysetId: BigInt(copyset.id ?? 0),
      nodeIds: copyset.nodes.map(BigInt),
    })),
  });
  return { case: "putCopysets", value };
}

/** A cluster of four active nodes with the copyset 1 on nodes 1, 2 and 3 at layout epoch 1, and the bucket "bucket". */
export function readyReplica(replica: Replica): Replica {
  expectCase(replica.run(initCluster()), "nodeRegistered");
  for (const nodeId of [2, 3, 4]) addNode(replica, nodeId);
  expectCase(replica.run(putCopysets(0, { nodes: [1, 2, 3] })), "done");
  expectCase(replica.run(createBucket("bucket")), "bucketCreated");
  return replica;
}
