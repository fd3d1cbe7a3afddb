import type { ObjectParts, ObjectPartsResult } from "../../../object/index.ts";
import type { Handlers } from "../../handlers/call.ts";
import { customerKeyOf } from "../../handlers/read-object.ts";
import { httpTime, xmlResponse } from "../../render/document.ts";
import { versionHeaders } from "../../render/object-headers.ts";
import { writeChecksum } from "../../render/uploads.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import type { GetObjectAttributes } from "./operations.ts";

export const objectAttributesHandlers: Handlers<"GetObjectAttributes"> = {
  GetObjectAttributes: async (operation, call) => {
    const result = await call.store.objectParts({
      bucket: operation.bucket,
      key: operation.key,
      versionId: operation.versionId,
      ...customerKeyOf(call),
    });
    return xmlResponse(render(operation, result), [
      "Last-Modified",
      httpTime(result.info.modifiedAtMs),
      ...versionHeaders(result.info),
    ]);
  },
};

function render(operation: GetObjectAttributes, { info, parts }: ObjectPartsResult): string {
  const { wanted } = operation;
  const xml = new XmlWriter("GetObjectAttributesResponse", S3_NAMESPACE);
  // S3 gives it without the quotes of a header here.
  if (wanted.has("ETag")) xml.leaf("ETag", info.etag);
  if (wanted.has("Checksum") && info.checksum !== undefined) {
    xml.element("Checksum", () => writeChecksum(xml, info.checksum, info.checksumType));
  }
  if (wanted.has("ObjectParts") && parts.length > 0) writeParts(xml, operation, parts);
  if (wanted.has("StorageClass")) xml.leaf("StorageClass", info.attributes.storageClass);
  if (wanted.has("ObjectSize")) xml.leaf("ObjectSize", info.size);
  return xml.end();
}

function writeParts(xml: XmlWriter, operation: GetObjectAttributes, parts: ObjectParts): void {
  const { maxParts, partNumberMarker } = operation;
  const behind = parts.filter(({ partNumber }) => partNumber > partNumberMarker);
  const shown = behind.slice(0, maxParts);
  xml.element("ObjectParts", () => {
    xml
      .leaf("PartsCount", parts.length)
      .leaf("PartNumberMarker", partNumberMarker)
      .leaf("NextPartNumberMarker", shown.at(-1)?.partNumber ?? partNumberMarker)
      .leaf("MaxParts", maxParts)
      .leaf("IsTruncated", behind.length > shown.length);
    for (const { partNumber, sizeBytes, checksum } of shown) {
      xml.element("Part", () => {
        xml.leaf("PartNumber", partNumber).leaf("Size", sizeBytes);
        writeChecksum(xml, checksum);
      });
    }
  });
}
