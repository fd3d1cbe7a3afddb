import type {
  Checksum,
  ListPartsResult,
  ListUploadsResult,
  PutObjectResult,
  UploadPartResult,
} from "../../object/index.ts";
import type { ChecksumType, CompleteMultipartUpload, ListMultipartUploads, ListParts } from "../operation.ts";
import { S3_NAMESPACE, XmlWriter } from "../xml/writer.ts";
import { writeOwner } from "./buckets.ts";
import { isoTime, quoted } from "./document.ts";
import { nameEncoding, writeCommonPrefixes } from "./listings.ts";

export function renderInitiated(bucket: string, key: string, uploadId: string): string {
  return new XmlWriter("InitiateMultipartUploadResult", S3_NAMESPACE)
    .leaf("Bucket", bucket)
    .leaf("Key", key)
    .leaf("UploadId", uploadId)
    .end();
}

export function renderCompleted(
  operation: CompleteMultipartUpload,
  result: PutObjectResult,
  location: string,
): string {
  const xml = new XmlWriter("CompleteMultipartUploadResult", S3_NAMESPACE)
    .leaf("Location", location)
    .leaf("Bucket", operation.bucket)
    .leaf("Key", operation.key)
    .leaf("ETag", quoted(result.etag));
  writeChecksum(xml, result.checksum, result.checksumType);
  return xml.end();
}

export function renderCopied(
  root: "CopyObjectResult" | "CopyPartResult",
  result: UploadPartResult & { readonly checksumType?: ChecksumType | undefined },
): string {
  const xml = new XmlWriter(root, S3_NAMESPACE)
    .leaf("LastModified", isoTime(result.modifiedAtMs))
    .leaf("ETag", quoted(result.etag));
  writeChecksum(xml, result.checksum, result.checksumType);
  return xml.end();
}

const CHECKSUM_ELEMENTS: Readonly<Record<Checksum["algorithm"], string>> = {
  CRC32: "ChecksumCRC32",
  CRC32C: "ChecksumCRC32C",
  CRC64NVME: "ChecksumCRC64NVME",
  SHA1: "ChecksumSHA1",
  SHA256: "ChecksumSHA256",
};

export function writeChecksum(
  xml: XmlWriter,
  checksum: Checksum | undefined,
  type?: ChecksumType | undefined,
): void {
  if (checksum === undefined) return;
  xml.leaf(CHECKSUM_ELEMENTS[checksum.algorithm], checksum.value).leaf("ChecksumType", type);
}

export function renderParts(operation: ListParts, result: ListPartsResult): string {
  const xml = new XmlWriter("ListPartsResult", S3_NAMESPACE)
    .leaf("Bucket", operation.bucket)
    .leaf("Key", operation.key)
    .leaf("UploadId", operation.uploadId);
  writeOwner(xml, "Initiator", result.owner);
  writeOwner(xml, "Owner", result.owner);
  xml
    .leaf("StorageClass", result.storageClass)
    .leaf("PartNumberMarker", operation.partNumberMarker)
    .leaf("NextPartNumberMarker", result.parts.at(-1)?.partNumber ?? 0)
    .leaf("MaxParts", operation.maxParts)
    .leaf("IsTruncated", result.next !== undefined)
    .leaf("ChecksumAlgorithm", result.checksumAlgorithm)
    .leaf("ChecksumType", result.checksumType);
  for (const part of result.parts) {
    xml.element("Part", () => {
      xml
        .leaf("PartNumber", part.partNumber)
        .leaf("LastModified", isoTime(part.modifiedAtMs))
        .leaf("ETag", quoted(part.etag))
        .leaf("Size", part.size);
      writeChecksum(xml, part.checksum);
    });
  }
  return xml.end();
}

export function renderUploads(operation: ListMultipartUploads, result: ListUploadsResult): string {
  const encode = nameEncoding(operation.urlEncoded);
  const xml = new XmlWriter("ListMultipartUploadsResult", S3_NAMESPACE)
    .leaf("Bucket", operation.bucket)
    .leaf("KeyMarker", encode(operation.keyMarker))
    .leaf("UploadIdMarker", operation.uploadIdMarker);
  if (result.next !== undefined) {
    xml.leaf("NextKeyMarker", encode(result.next.key)).leaf("NextUploadIdMarker", result.next.uploadId);
  }
  xml.leaf("Prefix", encode(operation.prefix));
  if (operation.delimiter !== "") xml.leaf("Delimiter", encode(operation.delimiter));
  if (operation.urlEncoded) xml.leaf("EncodingType", "url");
  xml.leaf("MaxUploads", operation.maxUploads).leaf("IsTruncated", result.next !== undefined);
  for (const upload of result.uploads) {
    xml.element("Upload", () => {
      xml.leaf("Key", encode(upload.key)).leaf("UploadId", upload.uploadId);
      writeOwner(xml, "Initiator", upload.owner);
      writeOwner(xml, "Owner", upload.owner);
      xml
        .leaf("StorageClass", upload.storageClass)
        .leaf("Initiated", isoTime(upload.initiatedAtMs))
        .leaf("ChecksumAlgorithm", upload.checksumAlgorithm)
        .leaf("ChecksumType", upload.checksumType);
    });
  }
  writeCommonPrefixes(xml, result.commonPrefixes, encode);
  return xml.end();
}
