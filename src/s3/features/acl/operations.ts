import type { BucketOperation, OnVersion } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";
import type { AclRequest } from "./headers.ts";

export interface PutBucketAcl extends BucketOperation<"PutBucketAcl"> {
  /** Undefined: the body has it. */
  readonly acl: AclRequest | undefined;
}

export interface GetObjectAcl extends OnVersion {
  readonly name: "GetObjectAcl";
}

export interface PutObjectAcl extends OnVersion {
  readonly name: "PutObjectAcl";
  /** Undefined: the body has it. */
  readonly acl: AclRequest | undefined;
}

export type AclOperation = BucketOperation<"GetBucketAcl"> | PutBucketAcl | GetObjectAcl | PutObjectAcl;

export const ACL_OPERATIONS: FeatureRows<AclOperation> = {
  GetBucketAcl: supported("bucket", "reader", "GetBucketAcl"),
  PutBucketAcl: supported("bucket", "admin", "PutBucketAcl"),
  GetObjectAcl: supported("object", "reader", "GetObjectAcl"),
  PutObjectAcl: supported("object", "admin", "PutObjectAcl"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["acl"]);
const OF_VERSION: ReadonlySet<string> = new Set(["acl", "versionId"]);

export const ACL_PARAMETERS: FeatureParameters<AclOperation> = {
  GetBucketAcl: SUB_RESOURCE,
  PutBucketAcl: SUB_RESOURCE,
  GetObjectAcl: OF_VERSION,
  PutObjectAcl: OF_VERSION,
};
