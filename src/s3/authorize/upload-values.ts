/**
 * Encryption is asked for when an upload begins, and its parts say nothing of it: to policies that ask for encryption a part, and the completion, are encrypted as their
 * upload is. Source: Amazon S3 API Reference, "UploadPart".
 */

import type { EncryptionInfo, ObjectStore, UploadAddress } from "../../object/index.ts";
import type { S3Operation } from "../operation.ts";
import type { ValuesBeside } from "./request-context.ts";

/** Undefined: it adds nothing to an upload. */
export function uploadAddedTo(operation: S3Operation): UploadAddress | undefined {
  switch (operation.name) {
    case "UploadPart":
    case "UploadPartCopy":
    case "CompleteMultipartUpload":
      return operation;
    default:
      return undefined;
  }
}

/** Of an upload that is not there: none. */
export async function uploadValues(
  { bucket, key, uploadId }: UploadAddress,
  store: Pick<ObjectStore, "uploadEncryption">,
): Promise<ValuesBeside> {
  return { values: encryptionValues(await store.uploadEncryption({ bucket, key, uploadId })) };
}

const SSE = "s3:x-amz-server-side-encryption";

function encryptionValues(encryption: EncryptionInfo | undefined): ReadonlyMap<string, string | undefined> {
  const isCustomers = encryption?.kind === "sse-c";
  const isKms = encryption?.kind === "sse-kms";
  const algorithm = isKms ? "aws:kms" : encryption?.kind === "sse-s3" ? "AES256" : undefined;
  return new Map([
    [SSE, algorithm],
    [`${SSE}-aws-kms-key-id`, isKms ? encryption.keyId : undefined],
    [`${SSE}-customer-algorithm`, isCustomers ? "AES256" : undefined],
  ]);
}
