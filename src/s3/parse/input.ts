import { invalidArgument } from "../errors.ts";
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

export function onVersion(input: ParseInput) {
  return { ...onObject(input), versionId: parseVersion(input.target.query.get("versionId")) };
}

/** Whether it is an id is found out where ids are made. */
export function parseVersion(text: string | undefined): string | undefined {
  if (text === "") throw invalidArgument("Version id cannot be the empty string", "versionId", text);
  return text;
}

export function onUpload({ bucket, key, expectedOwner, target }: ParseInput) {
  return { bucket, key, expectedOwner, uploadId: target.query.get("uploadId") ?? "" };
}
