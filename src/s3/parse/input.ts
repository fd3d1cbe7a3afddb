import type { RequestHeaders } from "../http.ts";
import type { RequestTarget } from "./target.ts";

/** What the parser of one operation sees. */
export interface ParseInput {
  readonly target: RequestTarget;
  readonly headers: RequestHeaders;
  readonly bucket: string;
  readonly key: string;
  readonly expectedOwner: string | undefined;
}

export function onBucket({ bucket, expectedOwner }: ParseInput) {
  return { bucket, expectedOwner };
}

export function onObject({ bucket, key, expectedOwner }: ParseInput) {
  return { bucket, key, expectedOwner };
}

export function onUpload({ bucket, key, expectedOwner, target }: ParseInput) {
  return { bucket, key, expectedOwner, uploadId: target.query.get("uploadId") ?? "" };
}
