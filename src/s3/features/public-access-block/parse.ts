import { onBucket } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { PublicAccessBlockOperation } from "./operations.ts";

export const publicAccessBlockParsers: FeatureParsers<PublicAccessBlockOperation> = {
  GetPublicAccessBlock: (input) => ({ name: "GetPublicAccessBlock", ...onBucket(input) }),
  PutPublicAccessBlock: (input) => ({ name: "PutPublicAccessBlock", ...onBucket(input) }),
  DeletePublicAccessBlock: (input) => ({ name: "DeletePublicAccessBlock", ...onBucket(input) }),
};
