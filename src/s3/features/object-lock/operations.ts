import type { BucketOperation, OnVersion } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type ObjectLockOperation =
  | BucketOperation<"GetObjectLockConfiguration">
  | BucketOperation<"PutObjectLockConfiguration">
  | (OnVersion & { readonly name: "GetObjectRetention" })
  | PutObjectRetention
  | (OnVersion & { readonly name: "GetObjectLegalHold" })
  | (OnVersion & { readonly name: "PutObjectLegalHold" });

interface PutObjectRetention extends OnVersion {
  readonly name: "PutObjectRetention";
  readonly bypassGovernance: boolean;
}

export const OBJECT_LOCK_OPERATIONS: FeatureRows<ObjectLockOperation> = {
  GetObjectLockConfiguration: supported("bucket", "reader", "GetBucketObjectLockConfiguration"),
  PutObjectLockConfiguration: supported("bucket", "admin", "PutBucketObjectLockConfiguration"),
  GetObjectRetention: supported("object", "reader", "GetObjectRetention"),
  PutObjectRetention: supported("object", "writer", "PutObjectRetention"),
  GetObjectLegalHold: supported("object", "reader", "GetObjectLegalHold"),
  PutObjectLegalHold: supported("object", "writer", "PutObjectLegalHold"),
};

const CONFIGURATION: ReadonlySet<string> = new Set(["object-lock"]);
const RETENTION: ReadonlySet<string> = new Set(["retention", "versionId"]);
const LEGAL_HOLD: ReadonlySet<string> = new Set(["legal-hold", "versionId"]);

export const OBJECT_LOCK_PARAMETERS: FeatureParameters<ObjectLockOperation> = {
  GetObjectLockConfiguration: CONFIGURATION,
  PutObjectLockConfiguration: CONFIGURATION,
  GetObjectRetention: RETENTION,
  PutObjectRetention: RETENTION,
  GetObjectLegalHold: LEGAL_HOLD,
  PutObjectLegalHold: LEGAL_HOLD,
};
