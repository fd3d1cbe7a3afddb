import { TRANSITION_MINIMUM_SIZES, type TransitionMinimumSize } from "../../../object/index.ts";
import { invalidArgument } from "../../errors.ts";
import { onBucket, type ParseInput } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { LifecycleOperation } from "./operations.ts";

export const TRANSITION_MINIMUM_SIZE_HEADER = "x-amz-transition-default-minimum-object-size";

export const lifecycleParsers: FeatureParsers<LifecycleOperation> = {
  GetBucketLifecycleConfiguration: (input) => ({
    name: "GetBucketLifecycleConfiguration",
    ...onBucket(input),
  }),
  PutBucketLifecycleConfiguration: (input) => ({
    name: "PutBucketLifecycleConfiguration",
    ...onBucket(input),
    transitionMinimumSize: transitionMinimumSize(input),
  }),
  DeleteBucketLifecycle: (input) => ({ name: "DeleteBucketLifecycle", ...onBucket(input) }),
};

function transitionMinimumSize({ headers }: ParseInput): TransitionMinimumSize {
  const name = TRANSITION_MINIMUM_SIZE_HEADER;
  const text = headers.get(name);
  if (text === undefined) return TRANSITION_MINIMUM_SIZES[0];
  const known = TRANSITION_MINIMUM_SIZES.find((size) => size === text);
  if (known === undefined) throw invalidArgument("there is no such minimum size", name, text);
  return known;
}
