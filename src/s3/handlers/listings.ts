import type { ListObjectsResult } from "../../object/index.ts";
import { xmlResponse } from "../render/document.ts";
import { renderListObjects, renderListObjectsV2, renderListVersions } from "../render/listings.ts";
import type { Call, Handlers } from "./call.ts";

export const listingHandlers: Handlers<"ListObjects" | "ListObjectsV2" | "ListObjectVersions"> = {
  ListObjects: async (operation, call) =>
    xmlResponse(renderListObjects(operation, await listObjects(operation, operation.marker, call))),

  ListObjectsV2: async (operation, call) =>
    xmlResponse(renderListObjectsV2(operation, await listObjects(operation, operation.after, call))),

  ListObjectVersions: async (operation, call) =>
    xmlResponse(
      renderListVersions(
        operation,
        await call.store.listVersions({
          bucket: operation.bucket,
          prefix: operation.prefix,
          delimiter: operation.delimiter,
          afterKey: operation.keyMarker,
          afterVersionId: operation.versionIdMarker,
          limit: operation.maxKeys,
        }),
      ),
    ),
};

function listObjects(
  operation: {
    readonly bucket: string;
    readonly prefix: string;
    readonly delimiter: string;
    readonly maxKeys: number;
  },
  after: string,
  call: Call,
): Promise<ListObjectsResult> {
  return call.store.listObjects({
    bucket: operation.bucket,
    prefix: operation.prefix,
    delimiter: operation.delimiter,
    after,
    limit: operation.maxKeys,
  });
}
