import { onVersion } from "../../parse/input.ts";
import type { FeatureParsers } from "../feature.ts";
import type { ObjectTaggingOperation } from "./operations.ts";

export const objectTaggingParsers: FeatureParsers<ObjectTaggingOperation> = {
  GetObjectTagging: (input) => ({ name: "GetObjectTagging", ...onVersion(input) }),
  PutObjectTagging: (input) => ({ name: "PutObjectTagging", ...onVersion(input) }),
  DeleteObjectTagging: (input) => ({ name: "DeleteObjectTagging", ...onVersion(input) }),
};
