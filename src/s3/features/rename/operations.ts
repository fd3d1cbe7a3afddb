import type { Preconditions } from "../../../object/index.ts";
import type { OnObject } from "../../operation-parts.ts";
import { supported } from "../../operation-row.ts";
import type { FeatureParameters, FeatureRows } from "../feature.ts";

/** `key` is the new one. */
export interface RenameObject extends OnObject {
  readonly name: "RenameObject";
  readonly sourceKey: string;
  readonly sourcePreconditions: Preconditions | undefined;
  readonly preconditions: Preconditions | undefined;
  readonly clientToken: string | undefined;
}

export const RENAME_OPERATIONS: FeatureRows<RenameObject> = {
  // And the rights to read and to delete the old key: `authorize/authorizations.ts` asks for them.
  RenameObject: supported("object", "writer", "PutObject"),
};

export const RENAME_PARAMETERS: FeatureParameters<RenameObject> = {
  RenameObject: new Set(["renameObject"]),
};
