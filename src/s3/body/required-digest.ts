import type { BodySource } from "../../object/index.ts";
import { S3Refusal } from "../errors.ts";

/** What uploads must promise about their bytes: nothing; Content-MD5 or any x-amz-checksum-*, as a header or a trailer; or Content-MD5. */
export type RequiredDigest = "off" | "any" | "content-md5";

/** Refuses bodies of objects and parts whose clients promise too little. The signature's own hash is no promise that is kept with the object. */
export function checkRequiredDigest({ expected }: BodySource, required: RequiredDigest): void {
  if (required === "off" || expected.md5 !== undefined) return;
  const hasChecksum = expected.checksum !== undefined || expected.trailer !== undefined;
  if (required === "any" && hasChecksum) return;
  throw new S3Refusal(
    "InvalidRequest",
    required === "any"
      ? "Content-MD5 or x-amz-checksum- HTTP header is required for uploads to this endpoint"
      : "Content-MD5 HTTP header is required for uploads to this endpoint",
  );
}
