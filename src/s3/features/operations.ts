import {
  BUCKET_ENCRYPTION_OPERATIONS,
  BUCKET_ENCRYPTION_PARAMETERS,
  type BucketEncryptionOperation,
} from "./bucket-encryption/operations.ts";
import {
  BUCKET_TAGGING_OPERATIONS,
  BUCKET_TAGGING_PARAMETERS,
  type BucketTaggingOperation,
} from "./bucket-tagging/operations.ts";

/** Every operation that lives in a feature's folder. */
export type FeatureOperation = BucketEncryptionOperation | BucketTaggingOperation;

export const FEATURE_OPERATIONS = {
  ...BUCKET_ENCRYPTION_OPERATIONS,
  ...BUCKET_TAGGING_OPERATIONS,
} as const;

export const FEATURE_PARAMETERS = {
  ...BUCKET_ENCRYPTION_PARAMETERS,
  ...BUCKET_TAGGING_PARAMETERS,
} as const;
