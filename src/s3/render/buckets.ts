import type { Owner } from "../../access/index.ts";
import type { ListBucketsResult } from "../../object/index.ts";
import type { ListBuckets } from "../operation.ts";
import { writeContinuationToken } from "../parse/continuation.ts";
import { S3_NAMESPACE, XmlWriter } from "../xml/writer.ts";
import { isoTime } from "./document.ts";

export function renderBuckets(operation: ListBuckets, result: ListBucketsResult, owner: Owner): string {
  const xml = new XmlWriter("ListAllMyBucketsResult", S3_NAMESPACE);
  writeOwner(xml, "Owner", owner);
  xml.element("Buckets", () => {
    for (const bucket of result.buckets) {
      xml.element("Bucket", () => {
        xml
          .leaf("Name", bucket.name)
          .leaf("CreationDate", isoTime(bucket.createdAtMs))
          .leaf("BucketRegion", bucket.region);
      });
    }
  });
  if (operation.prefix !== "") xml.leaf("Prefix", operation.prefix);
  if (result.next !== undefined) xml.leaf("ContinuationToken", writeContinuationToken(result.next));
  return xml.end();
}

/** S3 writes nothing for its oldest region. */
export function renderLocation(region: string): string {
  return new XmlWriter("LocationConstraint", S3_NAMESPACE).text(region === "us-east-1" ? "" : region).end();
}

export function writeOwner(xml: XmlWriter, name: "Owner" | "Initiator", owner: Owner): void {
  xml.element(name, () => {
    xml.leaf("ID", owner.id).leaf("DisplayName", owner.displayName);
  });
}
