import type { BucketOperation } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type NotificationOperation =
  | BucketOperation<"GetBucketNotificationConfiguration">
  | BucketOperation<"PutBucketNotificationConfiguration">;

export const NOTIFICATION_OPERATIONS: FeatureRows<NotificationOperation> = {
  GetBucketNotificationConfiguration: supported("bucket", "reader", "GetBucketNotification"),
  PutBucketNotificationConfiguration: supported("bucket", "admin", "PutBucketNotification"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["notification"]);

export const NOTIFICATION_PARAMETERS: FeatureParameters<NotificationOperation> = {
  GetBucketNotificationConfiguration: SUB_RESOURCE,
  PutBucketNotificationConfiguration: SUB_RESOURCE,
};
