/**
 * Access control lists: grants on a bucket or an object. What is not written down is that the owner may read and change the list itself.
 *
 * Format 1 of a stored list: one byte 0x01, then JSON in UTF-8: `[["READ","AllUsers"],["FULL_CONTROL","id","<canonical id>"]]`.
 */

import { concatBytes } from "../base/index.ts";
import { AccessError } from "./errors.ts";
import type { Caller } from "./policy/principals.ts";

export const PERMISSIONS = ["READ", "WRITE", "READ_ACP", "WRITE_ACP", "FULL_CONTROL"] as const;
export type Permission = (typeof PERMISSIONS)[number];

export const GRANTEE_GROUPS = ["AllUsers", "AuthenticatedUsers", "LogDelivery"] as const;
export type GranteeGroup = (typeof GRANTEE_GROUPS)[number];

export type Grantee =
  | { readonly kind: "owner"; readonly id: string }
  | { readonly kind: "group"; readonly group: GranteeGroup };

export interface Grant {
  readonly grantee: Grantee;
  readonly permission: Permission;
}

export type Acl = readonly Grant[];

/** Grants of one list, as in S3. */
export const MAX_GRANTS = 100;

export const CANNED_ACLS = [
  "private",
  "public-read",
  "public-read-write",
  "authenticated-read",
  "aws-exec-read",
  "bucket-owner-read",
  "bucket-owner-full-control",
  "log-delivery-write",
] as const;
export type CannedAcl = (typeof CANNED_ACLS)[number];

const owner = (id: string, permission: Permission): Grant => ({ grantee: { kind: "owner", id }, permission });
const group = (name: GranteeGroup, permission: Permission): Grant => ({
  grantee: { kind: "group", group: name },
  permission,
});

/** `bucketOwnerId` is the owner's own id where the list is a bucket's. */
export function cannedAcl(name: CannedAcl, ownerId: string, bucketOwnerId: string): Acl {
  const full = owner(ownerId, "FULL_CONTROL");
  const ofBucketOwner = (permission: Permission): Acl =>
    bucketOwnerId === ownerId ? [full] : [full, owner(bucketOwnerId, permission)];
  switch (name) {
    case "private":
    case "aws-exec-read":
      return [full];
    case "public-read":
      return [group("AllUsers", "READ"), full];
    case "public-read-write":
      return [group("AllUsers", "READ"), group("AllUsers", "WRITE"), full];
    case "authenticated-read":
      return [group("AuthenticatedUsers", "READ"), full];
    case "log-delivery-write":
      return [group("LogDelivery", "WRITE"), group("LogDelivery", "READ_ACP"), full];
    case "bucket-owner-read":
      return ofBucketOwner("READ");
    case "bucket-owner-full-control":
      return ofBucketOwner("FULL_CONTROL");
  }
}

/** Whether a list is what there is without one. */
export function isPrivateAcl(acl: Acl, ownerId: string): boolean {
  const [only, ...others] = acl;
  if (only === undefined || others.length > 0) return false;
  return only.grantee.kind === "owner" && only.grantee.id === ownerId && only.permission === "FULL_CONTROL";
}

export function isPublicAcl(acl: Acl): boolean {
  return acl.some(({ grantee }) => grantee.kind === "group" && grantee.group !== "LogDelivery");
}

/** `ignorePublic`: grants to everybody, and to everybody with a key, count for nothing. */
export function aclPermits(acl: Acl, caller: Caller, permission: Permission, ignorePublic: boolean): boolean {
  return acl.some(
    (grant) =>
      (grant.permission === permission || grant.permission === "FULL_CONTROL") &&
      isGrantee(grant.grantee, caller, ignorePublic),
  );
}

function isGrantee(grantee: Grantee, caller: Caller, ignorePublic: boolean): boolean {
  if (grantee.kind === "owner") return "canonicalId" in caller && caller.canonicalId === grantee.id;
  if (grantee.group === "LogDelivery")
    return caller.kind === "service" && caller.service === "logging.s3.amazonaws.com";
  if (ignorePublic || caller.kind === "service") return false;
  return grantee.group === "AllUsers" || caller.kind !== "anonymous";
}

const FORMAT = 1;

export function encodeAcl(acl: Acl): Uint8Array {
  const rows = acl.map(({ grantee, permission }) =>
    grantee.kind === "group" ? [permission, grantee.group] : [permission, "id", grantee.id],
  );
  return concatBytes([Uint8Array.of(FORMAT), new TextEncoder().encode(JSON.stringify(rows))]);
}

/** Throws AccessError "acl-malformed": a list that is not understood must not be taken for another. */
export function decodeAcl(bytes: Uint8Array): Acl {
  if (bytes[0] !== FORMAT) throw malformed(`format ${bytes[0]} of an access control list is not known`);
  let rows: unknown;
  try {
    rows = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(1)));
  } catch {
    throw malformed("an access control list is not JSON");
  }
  if (!Array.isArray(rows) || rows.length > MAX_GRANTS)
    throw malformed("an access control list is a list of grants");
  return rows.map(decodeGrant);
}

function decodeGrant(row: unknown): Grant {
  const [permission, kind, id] = Array.isArray(row) ? (row as unknown[]) : [];
  const known = PERMISSIONS.find((name) => name === permission);
  const knownGroup = GRANTEE_GROUPS.find((name) => name === kind);
  if (known !== undefined && knownGroup !== undefined) return group(knownGroup, known);
  if (known !== undefined && kind === "id" && typeof id === "string") return owner(id, known);
  throw malformed("a grant of an access control list is not known");
}

function malformed(message: string): AccessError {
  return new AccessError("acl-malformed", message);
}

/** What a list on a bucket must grant for an action on it or on what is in it. */
export const BUCKET_PERMISSIONS: ReadonlyMap<string, Permission> = new Map([
  ["s3:ListBucket", "READ"],
  ["s3:ListBucketVersions", "READ"],
  ["s3:ListBucketMultipartUploads", "READ"],
  ["s3:PutObject", "WRITE"],
  ["s3:DeleteObject", "WRITE"],
  ["s3:DeleteObjectVersion", "WRITE"],
  ["s3:AbortMultipartUpload", "WRITE"],
  ["s3:ListMultipartUploadParts", "WRITE"],
  ["s3:GetBucketAcl", "READ_ACP"],
  ["s3:PutBucketAcl", "WRITE_ACP"],
]);

/** What a list on an object must grant for an action on it. */
export const OBJECT_PERMISSIONS: ReadonlyMap<string, Permission> = new Map([
  ["s3:GetObject", "READ"],
  ["s3:GetObjectVersion", "READ"],
  ["s3:GetObjectAttributes", "READ"],
  ["s3:GetObjectVersionAttributes", "READ"],
  ["s3:GetObjectAcl", "READ_ACP"],
  ["s3:GetObjectVersionAcl", "READ_ACP"],
  ["s3:PutObjectAcl", "WRITE_ACP"],
  ["s3:PutObjectVersionAcl", "WRITE_ACP"],
]);
