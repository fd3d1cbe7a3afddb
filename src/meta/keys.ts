/**
 * Keys of the replicated rows. Every key begins with a shard (4 hexadecimal digits) and a table letter; `docs/internals/meta.md` draws them.
 * Ids and numbers have a fixed width, so that the order of the keys is the order of the numbers. Object keys are escaped so that their
 * order by UTF-8 bytes is kept and that nothing which follows one can be taken for a part of it:
 *
 *   U+0000 inside an object key   becomes   U+0000 U+0002
 *   the end of an object key      is        U+0000 U+0001     (only where something follows it)
 */

import { assert, fromHex, successorOfPrefix, toHex } from "../base/index.ts";
import { META_ID_BYTES } from "./limits.ts";

/** The only shard so far. */
export const SHARD = "0000";

export const TABLES = {
  applied: "a",
  bucket: "b",
  bucketConfiguration: "B",
  cluster: "c",
  pendingDelete: "d",
  nodeSessions: "e",
  completedUpload: "f",
  underReplicated: "g",
  heldBlob: "h",
  discardOrder: "i",
  holdings: "j",
  key: "k",
  oplog: "l",
  node: "n",
  nodeName: "m",
  object: "o",
  blob: "p",
  part: "q",
  reference: "r",
  session: "s",
  joinToken: "t",
  joinTokenHash: "v",
  upload: "u",
  uploadOrder: "w",
  unlinkOrder: "x",
  copyset: "y",
  version: "V",
  keyVersions: "L",
  maintenance: "G",
  identity: "I",
  identityTotals: "U",
  encryptionKey: "E",
  encryptionUse: "K",
  workerCursor: "N",
  namespaceName: "W",
  namespace: "X",
  manifest: "Y",
  unindexedNamespace: "Z",
  rememberedBatch: "z",
  searchScope: "A",
  namespaceLease: "C",
  trimmableNamespace: "D",
  searchStore: "S",
} as const;

export type TableName = keyof typeof TABLES;

const TERMINATOR = "\u0000\u0001";
const NUMBER_WIDTH = 16;
const PART_WIDTH = 5;
const COPIES_WIDTH = 2;
const KIND_WIDTH = 2;

const PREFIX = Object.fromEntries(
  Object.entries(TABLES).map(([name, letter]) => [name, SHARD + letter]),
) as Record<TableName, string>;

export const APPLIED_KEY: string = PREFIX.applied;
export const CLUSTER_KEY: string = PREFIX.cluster;
export const MAINTENANCE_KEY: string = PREFIX.maintenance;
export const IDENTITY_TOTALS_KEY: string = PREFIX.identityTotals;

/** The letter that tells a row's table. */
export function tableLetter(storeKey: string): string {
  return storeKey.charAt(SHARD.length);
}

/** Everything in a table; `gte` inclusive, `lt` exclusive. */
export function tableRange(table: TableName): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(PREFIX[table]);
}

/** Every row of the shard. */
export const SHARD_RANGE: { readonly gte: string; readonly lt: string } = rangeOfPrefix(SHARD);

/** All keys that begin with `prefix`, which must not be empty. */
export function rangeOfPrefix(prefix: string): { readonly gte: string; readonly lt: string } {
  const end = successorOfPrefix(prefix);
  assert(end !== undefined, "a range of store keys has an end");
  return { gte: prefix, lt: end };
}

/** 16 hexadecimal digits. */
export function hexNumber(value: bigint | number): string {
  return value.toString(16).padStart(NUMBER_WIDTH, "0");
}

export function escapeKey(key: string): string {
  return key.includes("\u0000") ? key.replaceAll("\u0000", "\u0000\u0002") : key;
}

/** The inverse of `escapeKey`. */
export function unescapeKey(escaped: string): string {
  return escaped.includes("\u0000") ? escaped.replaceAll("\u0000\u0002", "\u0000") : escaped;
}

export const nodeKey = (nodeId: bigint): string => PREFIX.node + hexNumber(nodeId);
export const nodeNameKey = (name: string): string => PREFIX.nodeName + name;
export const nodeSessionsKey = (nodeId: bigint): string => PREFIX.nodeSessions + hexNumber(nodeId);
export const copysetKey = (copysetId: bigint): string => PREFIX.copyset + hexNumber(copysetId);
export const joinTokenKey = (tokenId: string): string => PREFIX.joinToken + tokenId;
export const joinTokenHashKey = (hash: Uint8Array): string => PREFIX.joinTokenHash + toHex(hash);
/** How far a worker is; workers are numbered. */
export const workerCursorKey = (worker: number): string =>
  PREFIX.workerCursor + worker.toString(16).padStart(KIND_WIDTH, "0");
export const encryptionKeyKey = (keyId: string): string => PREFIX.encryptionKey + keyId;
/** What a version of a key of the ring wraps. */
export const encryptionUseKey = (keyId: string, version: number): string =>
  `${PREFIX.encryptionUse}${keyId}/${hexNumber(version)}`;

/** All versions of a key. */
export function encryptionUseRange(keyId: string): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(`${PREFIX.encryptionUse}${keyId}/`);
}

export const accessKeyKey = (keyId: string): string => PREFIX.key + keyId;
export const identityKey = (name: string): string => PREFIX.identity + name;
export const bucketKey = (name: string): string => PREFIX.bucket + name;

/** One document of a bucket. */
export function bucketConfigurationKey(bucketId: bigint, kind: number): string {
  return `${PREFIX.bucketConfiguration}${hexNumber(bucketId)}/${kind.toString(16).padStart(KIND_WIDTH, "0")}`;
}

export const sessionKey = (sessionId: bigint): string => PREFIX.session + hexNumber(sessionId);
export const oplogKey = (sequence: bigint): string => PREFIX.oplog + hexNumber(sequence);

/** The head row of an object key: its current version. */
export function objectKey(bucketId: bigint, key: string): string {
  return `${PREFIX.object}${hexNumber(bucketId)}/${escapeKey(key)}`;
}

/** Head rows of the object keys that begin with `prefix`. */
export function objectRange(bucketId: bigint, prefix: string): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(objectKey(bucketId, prefix));
}

/** What all rows of one key in the version table begin with. */
function versionsOfKey(bucketId: bigint, key: string): string {
  return `${PREFIX.version}${hexNumber(bucketId)}/${escapeKey(key)}${TERMINATOR}`;
}

/** A noncurrent version or a delete marker. The digits of the id are turned over, so that the newest comes first. */
export function versionKey(bucketId: bigint, key: string, versionId: Uint8Array): string {
  return versionsOfKey(bucketId, key) + toHex(complementOf(versionId));
}

/** Versions of the keys that begin with `prefix`: in order of key, and of one key the newest first. */
export function versionRange(
  bucketId: bigint,
  prefix: string,
): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(`${PREFIX.version}${hexNumber(bucketId)}/${escapeKey(prefix)}`);
}

/** Where the versions of keys from `key` on begin. */
export function versionsFrom(bucketId: bigint, key: string): string {
  return `${PREFIX.version}${hexNumber(bucketId)}/${escapeKey(key)}`;
}

/** Where the versions of keys behind `key` begin. */
export function versionsBehind(bucketId: bigint, key: string): string {
  return rangeOfPrefix(versionsOfKey(bucketId, key)).lt;
}

/** The row that says what there is of a key in the version table. */
export function keyVersionsKey(bucketId: bigint, key: string): string {
  return `${PREFIX.keyVersions}${hexNumber(bucketId)}/${escapeKey(key)}`;
}

function complementOf(versionId: Uint8Array): Uint8Array {
  assert(versionId.length === META_ID_BYTES, "a version id has 16 bytes");
  return versionId.map((byte) => 0xff - byte);
}

export const blobKey = (blobHex: string): string => PREFIX.blob + blobHex;

/** The blob ids of `blobKey`, in lower-case hexadecimal. */
export function blobHexOf(blobId: Uint8Array): string {
  assert(blobId.length === META_ID_BYTES, "a blob id has 16 bytes");
  return toHex(blobId);
}

/** Who refers to a blob: one version of an object, or a part of an upload. The tail of a reference key. */
export function objectReferrer(bucketId: bigint, key: string, versionId: Uint8Array): string {
  return `o${hexNumber(bucketId)}/${escapeKey(key)}${TERMINATOR}${toHex(versionId)}`;
}

export function partReferrer(uploadId: Uint8Array, partNumber: number): string {
  return `p${toHex(uploadId)}/${partDigits(partNumber)}`;
}

export function referenceKey(blobHex: string, referrer: string): string {
  return `${PREFIX.reference}${blobHex}/${referrer}`;
}

export type Referrer =
  | { readonly kind: "object"; readonly bucketId: bigint; readonly key: string; readonly versionId: string }
  | { readonly kind: "part"; readonly uploadId: string; readonly partNumber: number }
  /** A row of a namespace's manifest, by its key in the store. */
  | { readonly kind: "manifest"; readonly storeKey: string };

/** What a reference row's key says. Undefined for anything that `referenceKey` does not write. */
export function parseReferenceKey(storeKey: string): { blobHex: string; referrer: Referrer } | undefined {
  const match = /^.{5}([0-9a-f]{32})\/(.*)$/s.exec(storeKey);
  const referrer = match?.[2] === undefined ? undefined : parseReferrer(match[2]);
  return match?.[1] === undefined || referrer === undefined ? undefined : { blobHex: match[1], referrer };
}

function parseReferrer(text: string): Referrer | undefined {
  const part = /^p([0-9a-f]{32})\/([0-9]{5})$/.exec(text);
  if (part?.[1] !== undefined) return { kind: "part", uploadId: part[1], partNumber: Number(part[2]) };
  const manifest = /^n([0-9a-f]{16}\/(?:h\/[0-9a-f]{16}\/)?[bsd][0-9a-f]{16})$/.exec(text);
  if (manifest?.[1] !== undefined) return { kind: "manifest", storeKey: PREFIX.manifest + manifest[1] };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the terminator of an escaped key
  const object = /^o([0-9a-f]{16})\/(.*)\u0000\u0001([0-9a-f]{32})$/s.exec(text);
  if (object?.[1] === undefined || object[2] === undefined || object[3] === undefined) return undefined;
  return {
    kind: "object",
    bucketId: BigInt(`0x${object[1]}`),
    key: unescapeKey(object[2]),
    versionId: object[3],
  };
}

export function pendingDeleteKey(sinceMs: bigint, blobHex: string): string {
  return `${PREFIX.pendingDelete}${hexNumber(sinceMs)}/${blobHex}`;
}

/** Queue rows of blobs that have been without a reference since before `beforeMs`. */
export function pendingDeleteRange(beforeMs: number): { readonly gte: string; readonly lt: string } {
  // A time that is no number must not mean "everything".
  assert(Number.isFinite(beforeMs), "the end of a grace is a number of milliseconds");
  return {
    gte: PREFIX.pendingDelete,
    lt: PREFIX.pendingDelete + hexNumber(Math.max(0, Math.floor(beforeMs))),
  };
}

export function unlinkOrderKey(nodeId: bigint, blobHex: string): string {
  return `${PREFIX.unlinkOrder}${hexNumber(nodeId)}/${blobHex}`;
}

export function unlinkOrderRange(nodeId: bigint): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(`${PREFIX.unlinkOrder}${hexNumber(nodeId)}/`);
}

/** A blob that has fewer copies than its copyset has nodes; those with the fewest copies come first. */
export function underReplicatedKey(copies: number, blobHex: string): string {
  return `${PREFIX.underReplicated}${copyDigits(copies)}/${blobHex}`;
}

/** The number of copies in the key of an under-replicated blob. */
export function copiesOf(storeKey: string): number {
  return Number.parseInt(storeKey.slice(PREFIX.underReplicated.length, -1 - 2 * META_ID_BYTES), 16);
}

export function heldBlobKey(nodeId: bigint, blobHex: string): string {
  return `${PREFIX.heldBlob}${hexNumber(nodeId)}/${blobHex}`;
}

export function heldBlobRange(nodeId: bigint): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(`${PREFIX.heldBlob}${hexNumber(nodeId)}/`);
}

export function discardOrderKey(nodeId: bigint, blobHex: string): string {
  return `${PREFIX.discardOrder}${hexNumber(nodeId)}/${blobHex}`;
}

export function discardOrderRange(nodeId: bigint): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(`${PREFIX.discardOrder}${hexNumber(nodeId)}/`);
}

/** What a node is recorded for. */
export const holdingsKey = (nodeId: bigint): string => PREFIX.holdings + hexNumber(nodeId);
/** What is in the index of blobs with too few copies. No node has the id 0. */
export const UNDER_REPLICATED_TOTAL_KEY: string = holdingsKey(0n);

/** The node id between a table's letter and the blob id of a key. */
export function leadingNodeId(storeKey: string): bigint {
  return BigInt(`0x${storeKey.slice(SHARD.length + 1, SHARD.length + 1 + NUMBER_WIDTH)}`);
}

/** The blob id at the end of a queue row's or an order's key. */
export function trailingBlobId(storeKey: string): Uint8Array {
  const blobId = fromHex(storeKey.slice(-2 * META_ID_BYTES));
  assert(blobId?.length === META_ID_BYTES, "a queue key ends with a blob id");
  return blobId;
}

export const uploadKey = (uploadId: Uint8Array): string => PREFIX.upload + toHex(uploadId);
export const completedUploadKey = (uploadId: Uint8Array): string => PREFIX.completedUpload + toHex(uploadId);

/** Uploads of a bucket in order of (key, upload id). */
export function uploadOrderKey(bucketId: bigint, key: string, uploadId: Uint8Array): string {
  return `${uploadOrderOfKey(bucketId, key)}${toHex(uploadId)}`;
}

/** What all uploads of one key begin with. */
export function uploadOrderOfKey(bucketId: bigint, key: string): string {
  return `${PREFIX.uploadOrder}${hexNumber(bucketId)}/${escapeKey(key)}${TERMINATOR}`;
}

/** Uploads of the keys that begin with `prefix`. */
export function uploadOrderRange(
  bucketId: bigint,
  prefix: string,
): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(`${PREFIX.uploadOrder}${hexNumber(bucketId)}/${escapeKey(prefix)}`);
}

/** Where the uploads of keys from `key` on begin. */
export function uploadOrderFrom(bucketId: bigint, key: string): string {
  return `${PREFIX.uploadOrder}${hexNumber(bucketId)}/${escapeKey(key)}`;
}

/** The upload id at the end of an order key. */
export function trailingUploadId(storeKey: string): Uint8Array {
  return trailingBlobId(storeKey);
}

export function partKey(uploadId: Uint8Array, partNumber: number): string {
  return `${PREFIX.part}${toHex(uploadId)}/${partDigits(partNumber)}`;
}

export function partRange(uploadId: Uint8Array): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(`${PREFIX.part}${toHex(uploadId)}/`);
}

function partDigits(partNumber: number): string {
  return String(partNumber).padStart(PART_WIDTH, "0");
}

function copyDigits(copies: number): string {
  return copies.toString(16).padStart(COPIES_WIDTH, "0");
}

/** Names hold no slash. */
export const namespaceNameKey = (org: string, project: string, name: string): string =>
  `${PREFIX.namespaceName}${org}/${project}/${name}`;
export const namespaceKey = (namespaceId: bigint): string => PREFIX.namespace + hexNumber(namespaceId);
export const unindexedKey = (namespaceId: bigint): string =>
  PREFIX.unindexedNamespace + hexNumber(namespaceId);
export const trimmableKey = (namespaceId: bigint): string =>
  PREFIX.trimmableNamespace + hexNumber(namespaceId);

/** An organization, or a project of one. */
export const searchStoreKey = (storeId: bigint): string => PREFIX.searchStore + hexNumber(storeId);
/** Where the bytes of a blob are deleted that is in a store outside the cluster: nodes begin with 1. */
export const OUTSIDE_NODE_ID = 0n;
export const searchScopeKey = (org: string, project: string): string =>
  PREFIX.searchScope + (project === "" ? org : `${org}/${project}`);

/** The namespace id at the end of the keys above, or behind the table letter of those below. */
export function namespaceIdOf(storeKey: string): bigint {
  return leadingNodeId(storeKey);
}

export function rememberedBatchKey(namespaceId: bigint, idempotencyHash: Uint8Array): string {
  return `${PREFIX.rememberedBatch}${hexNumber(namespaceId)}/${toHex(idempotencyHash)}`;
}

export function rememberedBatchRange(namespaceId: bigint): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(`${PREFIX.rememberedBatch}${hexNumber(namespaceId)}/`);
}

export function namespaceLeaseKey(namespaceId: bigint, work: number): string {
  return `${PREFIX.namespaceLease}${hexNumber(namespaceId)}/${work.toString(16).padStart(KIND_WIDTH, "0")}`;
}

/** Where a row of a manifest lies: live rows by kind and number, those of the past by the revision that took them away. */
export interface ManifestPlace {
  readonly letter: "b" | "s" | "d";
  readonly number: bigint;
  /** 0: live. */
  readonly removedRevision: bigint;
}

export function manifestKey(namespaceId: bigint, place: ManifestPlace): string {
  return PREFIX.manifest + manifestTail(namespaceId, place);
}

/** Who refers to the blob of a row of a manifest. */
export function manifestReferrer(namespaceId: bigint, place: ManifestPlace): string {
  return `n${manifestTail(namespaceId, place)}`;
}

function manifestTail(namespaceId: bigint, { letter, number, removedRevision }: ManifestPlace): string {
  const past = removedRevision === 0n ? "" : `h/${hexNumber(removedRevision)}/`;
  return `${hexNumber(namespaceId)}/${past}${letter}${hexNumber(number)}`;
}

/** Live rows of one kind, or the rows of the past. */
export function manifestRange(
  namespaceId: bigint,
  part: ManifestPlace["letter"] | "h",
): { readonly gte: string; readonly lt: string } {
  return rangeOfPrefix(`${PREFIX.manifest}${hexNumber(namespaceId)}/${part}`);
}

/** Where the rows begin that were removed after `revision`. */
export function pastAfter(namespaceId: bigint, revision: bigint): string {
  return `${PREFIX.manifest}${hexNumber(namespaceId)}/h/${hexNumber(revision + 1n)}/`;
}
