import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { NotificationOperation } from "./operations.ts";

export const notificationParsers: FeatureParsers<NotificationOperation> = {
  GetBucketNotificationConfiguration: (input) => ({
    name: "GetBucketNotificationConfiguration",
    ...onBucket(input),
  }),
  PutBucketNotificationConfiguration: (input) => ({
    name: "PutBucketNotificationConfiguration",
    ...onBucket(input),
  }),
};
