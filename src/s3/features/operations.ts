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
import {
  type GetObjectAttributes,
  OBJECT_ATTRIBUTES_OPERATIONS,
  OBJECT_ATTRIBUTES_PARAMETERS,
} from "./object-attributes/operations.ts";
import {
  UNCONFIGURED_OPERATIONS,
  UNCONFIGURED_PARAMETERS,
  type UnconfiguredOperation,
} from "./unconfigured/operations.ts";

/** Every operation that lives in a feature's folder. */
export type FeatureOperation =
  | BucketEncryptionOperation
  | BucketTaggingOperation
  | GetObjectAttributes
  | UnconfiguredOperation;

export const FEATURE_OPERATIONS = {
  ...BUCKET_ENCRYPTION_OPERATIONS,
  ...BUCKET_TAGGING_OPERATIONS,
  ...OBJECT_ATTRIBUTES_OPERATIONS,
  ...UNCONFIGURED_OPERATIONS,
} as const;

export const FEATURE_PARAMETERS = {
  ...BUCKET_ENCRYPTION_PARAMETERS,
  ...BUCKET_TAGGING_PARAMETERS,
  ...OBJECT_ATTRIBUTES_PARAMETERS,
  ...UNCONFIGURED_PARAMETERS,
} as const;
