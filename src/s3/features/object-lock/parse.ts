import { onBucket, onVersion } from "../../parse/input.ts";
import { bypassesGovernance, requireBodyDigest } from "../../parse/object-lock.ts";
import type { FeatureParsers } from "../feature.ts";
import type { ObjectLockOperation } from "./operations.ts";

export const objectLockParsers: FeatureParsers<ObjectLockOperation> = {
  GetObjectLockConfiguration: (input) => ({ name: "GetObjectLockConfiguration", ...onBucket(input) }),
  PutObjectLockConfiguration: (input) => {
    requireBodyDigest(input.headers, "this operation");
    return { name: "PutObjectLockConfiguration", ...onBucket(input) };
  },
  GetObjectRetention: (input) => ({ name: "GetObjectRetention", ...onVersion(input) }),
  PutObjectRetention: (input) => {
    requireBodyDigest(input.headers, "this operation");
    const bypassGovernance = bypassesGovernance(input.headers);
    return { name: "PutObjectRetention", ...onVersion(input), bypassGovernance };
  },
  GetObjectLegalHold: (input) => ({ name: "GetObjectLegalHold", ...onVersion(input) }),
  PutObjectLegalHold: (input) => {
    requireBodyDigest(input.headers, "this operation");
    return { name: "PutObjectLegalHold", ...onVersion(input) };
  },
};
