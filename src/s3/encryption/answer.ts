import type { EncryptionInfo } from "../../object/index.ts";
import { type RequestHeaders, toHeaderValue } from "../http.ts";

/** What an answer says of an object's encryption. A customer's key is named as the request named it: nothing of it is stored. */
export function encryptionHeaders(
  info: EncryptionInfo | undefined,
  request: RequestHeaders,
): readonly string[] {
  switch (info?.kind) {
    case undefined:
      return [];
    case "sse-s3":
      return ["x-amz-server-side-encryption", "AES256"];
    case "sse-kms":
      return [
        "x-amz-server-side-encryption",
        "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id",
        toHeaderValue(info.keyId),
        ...(info.bucketKey ? ["x-amz-server-side-encryption-bucket-key-enabled", "true"] : []),
      ];
    case "sse-c":
      return [
        "x-amz-server-side-encryption-customer-algorithm",
        "AES256",
        "x-amz-server-side-encryption-customer-key-MD5",
        request.get("x-amz-server-side-encryption-customer-key-md5") ?? "",
      ];
  }
}
