import { create } from "@bufbuild/protobuf";
import { fromBase64Url, ID_BYTES, toBase64Url } from "../base/index.ts";
import { type VersionSelector, VersionSelectorSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { type BucketRow, VersioningState } from "../gen/skerry/meta/v1/rows_pb.js";
import { ObjectError } from "./errors.ts";

/** What clients call the version that was made while versioning was not enabled. */
export const NULL_VERSION = "null";

/** A version's id as clients see it: base64url of the 16 bytes, or "null". */
export function formatVersionId(version: {
  readonly versionId: Uint8Array;
  readonly versioned: boolean;
}): string {
  return version.versioned ? toBase64Url(version.versionId) : NULL_VERSION;
}

/**
 * The same for answers, which say nothing of versions in a bucket that was never versioned. The row of the bucket may be behind the version, which then says by
 * itself that it has an id.
 */
export function shownVersionId(
  bucket: BucketRow,
  version: { readonly versionId: Uint8Array; readonly versioned: boolean },
): string | undefined {
  const isShown = version.versioned || bucket.versioning !== VersioningState.UNSPECIFIED;
  return isShown ? formatVersionId(version) : undefined;
}

/** Undefined: the null version. Refuses "version-id-invalid": whatever is not an id of ours. */
export function parseVersionId(text: string): Uint8Array | undefined {
  if (text === NULL_VERSION) return undefined;
  const bytes = fromBase64Url(text);
  if (bytes?.length !== ID_BYTES) {
    throw new ObjectError("version-id-invalid", "Invalid version id specified", {
      details: { ArgumentName: "versionId", ArgumentValue: text },
    });
  }
  return bytes;
}

/** The version that a command means; to be spread into it. */
export function selectorOf(versionId: string | undefined): { readonly version?: VersionSelector } {
  if (versionId === undefined) return {};
  const bytes = parseVersionId(versionId);
  const version =
    bytes === undefined
      ? { case: "nullVersion" as const, value: true }
      : { case: "versionId" as const, value: bytes };
  return { version: create(VersionSelectorSchema, { version }) };
}
