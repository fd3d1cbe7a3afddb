import type { SupportedOperation } from "../operation.ts";
import { copySourceOf } from "./authorizations.ts";

export interface ExpectedOwner {
  readonly bucket: string;
  /** Canonical id or account id. */
  readonly expectedOwner: string;
}

const NOBODY: readonly ExpectedOwner[] = [];

/** Whose buckets a request says that they are: its own, and that of its copy's source. Nearly all requests say nothing. */
export function expectedOwners(operation: SupportedOperation): readonly ExpectedOwner[] {
  if (operation.name === "ListBuckets" || operation.name === "CreateBucket") return NOBODY;
  const source = copySourceOf(operation);
  if (operation.expectedOwner === undefined && source?.expectedOwner === undefined) return NOBODY;
  return [operation, source].flatMap((one) =>
    one?.expectedOwner === undefined ? [] : [{ bucket: one.bucket, expectedOwner: one.expectedOwner }],
  );
}
