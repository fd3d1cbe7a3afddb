import type { OnVersion } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

export const OBJECT_ATTRIBUTES = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"] as const;
export type ObjectAttributeName = (typeof OBJECT_ATTRIBUTES)[number];

export interface GetObjectAttributes extends OnVersion {
  readonly name: "GetObjectAttributes";
  readonly wanted: ReadonlySet<ObjectAttributeName>;
  readonly maxParts: number;
  readonly partNumberMarker: number;
}

export const OBJECT_ATTRIBUTES_OPERATIONS: FeatureRows<GetObjectAttributes> = {
  GetObjectAttributes: supported("object", "reader", "GetObjectAttributes"),
};

export const OBJECT_ATTRIBUTES_PARAMETERS: FeatureParameters<GetObjectAttributes> = {
  GetObjectAttributes: new Set(["attributes", "versionId"]),
};
