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

export type AclOperation = BucketOperation<"GetBucketAcl"> | PutBucketAcl | GetObjectAcl;

export const ACL_OPERATIONS: FeatureRows<AclOperation> = {
  GetBucketAcl: supported("bucket", "reader", "GetBucketAcl"),
  PutBucketAcl: supported("bucket", "admin", "PutBucketAcl"),
  GetObjectAcl: supported("object", "reader", "GetObjectAcl"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["acl"]);

export const ACL_PARAMETERS: FeatureParameters<AclOperation> = {
  GetBucketAcl: SUB_RESOURCE,
  PutBucketAcl: SUB_RESOURCE,
  GetObjectAcl: new Set(["acl", "versionId"]),
};
