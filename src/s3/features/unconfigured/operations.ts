import type { BucketOperation, OnObject } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

/** A file for peers, which no object has. */
interface GetObjectTorrent extends OnObject {
  readonly name: "GetObjectTorrent";
}

/** Configurations that no bucket has: asking for them, taking them away and saying that they are off is answered as S3 does. */
export type UnconfiguredOperation =
  | GetObjectTorrent
  | BucketOperation<"GetBucketAccelerateConfiguration">
  | BucketOperation<"GetBucketReplication">
  | BucketOperation<"DeleteBucketReplication">
  | BucketOperation<"GetBucketRequestPayment">
  | BucketOperation<"PutBucketRequestPayment">;

export const UNCONFIGURED_OPERATIONS: FeatureRows<UnconfiguredOperation> = {
  GetObjectTorrent: supported("object", "reader", "GetObjectTorrent"),
  GetBucketAccelerateConfiguration: supported("bucket", "reader", "GetAccelerateConfiguration"),
  GetBucketReplication: supported("bucket", "reader", "GetReplicationConfiguration"),
  DeleteBucketReplication: supported("bucket", "admin", "PutReplicationConfiguration"),
  GetBucketRequestPayment: supported("bucket", "reader", "GetBucketRequestPayment"),
  PutBucketRequestPayment: supported("bucket", "admin", "PutBucketRequestPayment"),
};

const one = (subResource: string): ReadonlySet<string> => new Set([subResource]);

export const UNCONFIGURED_PARAMETERS: FeatureParameters<UnconfiguredOperation> = {
  GetObjectTorrent: one("torrent"),
  GetBucketAccelerateConfiguration: one("accelerate"),
  GetBucketReplication: one("replication"),
  DeleteBucketReplication: one("replication"),
  GetBucketRequestPayment: one("requestPayment"),
  PutBucketRequestPayment: one("requestPayment"),
};
