import type { VersionAddress } from "../../object/index.ts";
import type { RequestHeaders } from "../http.ts";
import type { CopySource, S3Operation } from "../operation.ts";
import { S3_OPERATIONS, type S3OperationName } from "../operations.ts";
import type { QueryParameters } from "../parse/query.ts";

/** One question to the gate. */
export interface Authorization {
  readonly name: S3OperationName;
  readonly bucket?: string | undefined;
  readonly key?: string | undefined;
  /** Undefined: the current one. */
  readonly versionId?: string | undefined;
  /** Instead of the row's. */
  readonly action?: string;
  /** What comes along with the request: enough that nothing denies it. */
  readonly implied?: boolean;
}

/** Actions that have another name where a version is meant. */
const VERSION_ACTIONS: ReadonlyMap<string, string> = new Map([
  ["s3:GetObject", "s3:GetObjectVersion"],
  ["s3:GetObjectAcl", "s3:GetObjectVersionAcl"],
  ["s3:GetObjectAttributes", "s3:GetObjectVersionAttributes"],
  ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"],
  ["s3:GetObjectTorrent", "s3:GetObjectVersionTorrent"],
  ["s3:PutObjectAcl", "s3:PutObjectVersionAcl"],
  ["s3:PutObjectTagging", "s3:PutObjectVersionTagging"],
  ["s3:DeleteObject", "s3:DeleteObjectVersion"],
  ["s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"],
]);

/** Headers that do what an operation of its own does as well. */
const IMPLIED_ACTIONS: readonly (readonly [string, string])[] = [
  ["x-amz-tagging", "s3:PutObjectTagging"],
  ["x-amz-acl", "s3:PutObjectAcl"],
  ["x-amz-grant-full-control", "s3:PutObjectAcl"],
  ["x-amz-grant-read", "s3:PutObjectAcl"],
  ["x-amz-grant-read-acp", "s3:PutObjectAcl"],
  ["x-amz-grant-write", "s3:PutObjectAcl"],
  ["x-amz-grant-write-acp", "s3:PutObjectAcl"],
  ["x-amz-object-lock-mode", "s3:PutObjectRetention"],
  ["x-amz-object-lock-legal-hold", "s3:PutObjectLegalHold"],
];
const WRITES: ReadonlySet<S3OperationName> = new Set(["PutObject", "CopyObject", "CreateMultipartUpload"]);

/** Everything that a request does, each as what it is: a copy reads its source, a version is not its key. */
export function authorizationsOf(
  operation: S3Operation,
  headers: RequestHeaders,
  query: QueryParameters,
): readonly Authorization[] {
  const { name } = operation;
  const { bucket, key, versionId } = operation as Partial<VersionAddress>;
  const place: Authorization = { name, bucket, key, versionId };
  const versioned = query.has("versionId") ? versionAction(name) : undefined;
  // Each of its keys is a question of its own, when the document has been read.
  if (name === "DeleteObjects") return [{ ...place, implied: true }];
  const asked: Authorization[] = [versioned === undefined ? place : { ...place, action: versioned }];
  if (WRITES.has(name)) {
    for (const [header, action] of IMPLIED_ACTIONS) {
      if (headers.has(header)) asked.push({ ...place, action, implied: true });
    }
  }
  const source = copySourceOf(operation);
  if (source !== undefined) asked.push(sourceAuthorization(source));
  // What a rename takes away from its old key, and what it shows under the new one, need the rights of both.
  if (name === "RenameObject") {
    const old = { ...place, key: operation.sourceKey };
    asked.push({ ...old, name: "GetObject" }, { ...old, name: "DeleteObject" });
  }
  if ("bypassGovernance" in operation && operation.bypassGovernance) {
    asked.push({ ...place, name: "BypassGovernanceRetention" });
  }
  return asked;
}

function sourceAuthorization(source: CopySource): Authorization {
  const { bucket, key, versionId } = source;
  return {
    name: "GetObject",
    bucket,
    key,
    ...(versionId !== undefined && { versionId, action: "s3:GetObjectVersion" }),
  };
}

export function copySourceOf(operation: S3Operation): CopySource | undefined {
  return operation.name === "CopyObject" || operation.name === "UploadPartCopy"
    ? operation.source
    : undefined;
}

function versionAction(name: S3OperationName): string | undefined {
  return VERSION_ACTIONS.get(S3_OPERATIONS[name].action);
}
