import { onBucket, onVersion } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import { parseAclHeaders } from "./headers.ts";
import type { AclOperation } from "./operations.ts";

export const aclParsers: FeatureParsers<AclOperation> = {
  GetBucketAcl: (input) => ({ name: "GetBucketAcl", ...onBucket(input) }),
  GetObjectAcl: (input) => ({ name: "GetObjectAcl", ...onVersion(input) }),
  PutBucketAcl: (input) => ({
    name: "PutBucketAcl",
    ...onBucket(input),
    acl: parseAclHeaders(input.headers),
  }),
  PutObjectAcl: (input) => ({
    name: "PutObjectAcl",
    ...onVersion(input),
    acl: parseAclHeaders(input.headers),
  }),
};
