import type { S3Refusal } from "../errors.ts";
import { S3_NAMESPACE, XmlWriter } from "../xml/writer.ts";

/** What became of one key of DeleteObjects. */
export interface DeletedKey {
  readonly key: string;
  readonly versionId: string | undefined;
  /** Of the delete marker that was made, or removed. */
  readonly markerVersionId: string | undefined;
  /** Undefined: it is gone. */
  readonly refusal: S3Refusal | undefined;
}

/** `quiet`: only what went wrong. */
export function renderDeleted(keys: readonly DeletedKey[], quiet: boolean): string {
  const xml = new XmlWriter("DeleteResult", S3_NAMESPACE);
  for (const { key, versionId, markerVersionId, refusal } of keys) {
    if (refusal !== undefined) {
      xml.element("Error", () => {
        xml
          .leaf("Key", key)
          .leaf("VersionId", versionId)
          .leaf("Code", refusal.code)
          .leaf("Message", refusal.message);
      });
    } else if (!quiet) {
      xml.element("Deleted", () => {
        xml.leaf("Key", key).leaf("VersionId", versionId);
        if (markerVersionId !== undefined) {
          xml.leaf("DeleteMarker", true).leaf("DeleteMarkerVersionId", markerVersionId);
        }
      });
    }
  }
  return xml.end();
}
