import type {
  ListedObject,
  ListedVersion,
  ListObjectsResult,
  ListVersionsResult,
} from "../../object/index.ts";
import type { ListObjects, ListObjectsV2, ListObjectVersions } from "../operation.ts";
import { writeContinuationToken } from "../parse/continuation.ts";
import { percentEncodePath } from "../parse/percent.ts";
import { S3_NAMESPACE, XmlWriter } from "../xml/writer.ts";
import { writeOwner } from "./buckets.ts";
import { isoTime, quoted } from "./document.ts";

/** How names are written: as they are, or percent-encoded where the client asked for it. */
export type NameEncoding = (name: string) => string;

export function nameEncoding(urlEncoded: boolean): NameEncoding {
  return urlEncoded ? percentEncodePath : (name) => name;
}

export function renderListObjects(operation: ListObjects, result: ListObjectsResult): string {
  const encode = nameEncoding(operation.urlEncoded);
  const xml = new XmlWriter("ListBucketResult", S3_NAMESPACE)
    .leaf("Name", operation.bucket)
    // Here S3 writes it as it is, and the Python SDK does not decode it, unless XML could not hold it.
    .leaf("Prefix", isXmlText(operation.prefix) ? operation.prefix : encode(operation.prefix))
    .leaf("Marker", encode(operation.marker));
  // S3 says where to go on only with a delimiter: without one it is the last key.
  if (operation.delimiter !== "" && result.next !== undefined) xml.leaf("NextMarker", encode(result.next));
  writePageFields(xml, operation, encode);
  xml.leaf("IsTruncated", result.next !== undefined);
  for (const object of result.objects) writeObject(xml, object, { encode, owner: true });
  writeCommonPrefixes(xml, result.commonPrefixes, encode);
  return xml.end();
}

/** Tabs and line breaks are the only control characters that XML has. */
function isXmlText(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 && code !== 0x09 && code !== 0x0a && code !== 0x0d) return false;
  }
  return true;
}

export function renderListObjectsV2(operation: ListObjectsV2, result: ListObjectsResult): string {
  const encode = nameEncoding(operation.urlEncoded);
  const xml = new XmlWriter("ListBucketResult", S3_NAMESPACE)
    .leaf("Name", operation.bucket)
    .leaf("Prefix", encode(operation.prefix))
    .leaf("StartAfter", operation.startAfter === undefined ? undefined : encode(operation.startAfter))
    .leaf("ContinuationToken", operation.continuationToken)
    .leaf(
      "NextContinuationToken",
      result.next === undefined ? undefined : writeContinuationToken(result.next),
    )
    .leaf("KeyCount", result.objects.length + result.commonPrefixes.length);
  writePageFields(xml, operation, encode);
  xml.leaf("IsTruncated", result.next !== undefined);
  for (const object of result.objects) writeObject(xml, object, { encode, owner: operation.fetchOwner });
  writeCommonPrefixes(xml, result.commonPrefixes, encode);
  return xml.end();
}

export function renderListVersions(operation: ListObjectVersions, result: ListVersionsResult): string {
  const encode = nameEncoding(operation.urlEncoded);
  const xml = new XmlWriter("ListVersionsResult", S3_NAMESPACE)
    .leaf("Name", operation.bucket)
    .leaf("Prefix", encode(operation.prefix))
    .leaf("KeyMarker", encode(operation.keyMarker))
    .leaf("VersionIdMarker", operation.versionIdMarker ?? "");
  if (result.next !== undefined) {
    xml.leaf("NextKeyMarker", encode(result.next.key)).leaf("NextVersionIdMarker", result.next.versionId);
  }
  writePageFields(xml, operation, encode);
  xml.leaf("IsTruncated", result.next !== undefined);
  for (const version of result.versions) writeVersion(xml, version, encode);
  writeCommonPrefixes(xml, result.commonPrefixes, encode);
  return xml.end();
}

function writeVersion(xml: XmlWriter, version: ListedVersion, encode: NameEncoding): void {
  xml.element(version.deleteMarker ? "DeleteMarker" : "Version", () => {
    xml
      .leaf("Key", encode(version.key))
      .leaf("VersionId", version.versionId)
      .leaf("IsLatest", version.isLatest);
    if (!version.deleteMarker) {
      writeObjectFields(xml, version, true);
      return;
    }
    xml.leaf("LastModified", isoTime(version.modifiedAtMs));
    writeOwner(xml, "Owner", version.owner);
  });
}

function writePageFields(
  xml: XmlWriter,
  operation: { readonly maxKeys: number; readonly delimiter: string; readonly urlEncoded: boolean },
  encode: NameEncoding,
): void {
  xml.leaf("MaxKeys", operation.maxKeys);
  if (operation.delimiter !== "") xml.leaf("Delimiter", encode(operation.delimiter));
  if (operation.urlEncoded) xml.leaf("EncodingType", "url");
}

function writeObject(
  xml: XmlWriter,
  object: ListedObject,
  options: { readonly encode: NameEncoding; readonly owner: boolean },
): void {
  xml.element("Contents", () => {
    xml.leaf("Key", options.encode(object.key));
    writeObjectFields(xml, object, options.owner);
  });
}

function writeObjectFields(xml: XmlWriter, object: ListedObject, withOwner: boolean): void {
  xml.leaf("LastModified", isoTime(object.modifiedAtMs)).leaf("ETag", quoted(object.etag));
  if (object.checksumAlgorithm !== undefined) {
    xml.leaf("ChecksumAlgorithm", object.checksumAlgorithm).leaf("ChecksumType", object.checksumType);
  }
  xml.leaf("Size", object.size);
  if (withOwner) writeOwner(xml, "Owner", object.owner);
  xml.leaf("StorageClass", object.storageClass);
}

export function writeCommonPrefixes(xml: XmlWriter, prefixes: readonly string[], encode: NameEncoding): void {
  for (const prefix of prefixes) {
    xml.element("CommonPrefixes", () => {
      xml.leaf("Prefix", encode(prefix));
    });
  }
}
