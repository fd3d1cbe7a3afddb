import type { OnVersion } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export type ObjectTaggingOperation =
  | (OnVersion & { readonly name: "GetObjectTagging" })
  | (OnVersion & { readonly name: "PutObjectTagging" })
  | (OnVersion & { readonly name: "DeleteObjectTagging" });

export const OBJECT_TAGGING_OPERATIONS: FeatureRows<ObjectTaggingOperation> = {
  GetObjectTagging: supported("object", "reader", "GetObjectTagging"),
  PutObjectTagging: supported("object", "writer", "PutObjectTagging"),
  DeleteObjectTagging: supported("object", "writer", "DeleteObjectTagging"),
};

const SUB_RESOURCE: ReadonlySet<string> = new Set(["tagging", "versionId"]);

export const OBJECT_TAGGING_PARAMETERS: FeatureParameters<ObjectTaggingOperation> = {
  GetObjectTagging: SUB_RESOURCE,
  PutObjectTagging: SUB_RESOURCE,
  DeleteObjectTagging: SUB_RESOURCE,
};
