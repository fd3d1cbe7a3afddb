import { MAX_KEY_BYTES } from "../../object/index.ts";
import { invalidArgument, notImplemented, S3Refusal } from "../errors.ts";
import type { RequestHeaders } from "../http.ts";
import type { CopySource } from "../operation.ts";
import { parseVersion } from "./input.ts";
import { percentDecode } from "./percent.ts";
import { sourcePreconditions } from "./preconditions.ts";

const HEADER = "x-amz-copy-source";

/** "/bucket/key" or "bucket/key", percent-encoded, perhaps with "?versionId=". */
export function parseCopySource(headers: RequestHeaders): CopySource {
  const value = headers.get(HEADER) ?? "";
  if (value.startsWith("arn:")) throw notImplemented("An ARN as copy source");
  const question = value.indexOf("?");
  const versionId = question < 0 ? undefined : parseSourceVersion(value.slice(question + 1), value);
  const path = percentDecode(question < 0 ? value : value.slice(0, question));
  const start = path.startsWith("/") ? 1 : 0;
  const slash = path.indexOf("/", start);
  const bucket = slash < 0 ? "" : path.slice(start, slash);
  const key = slash < 0 ? "" : path.slice(slash + 1);
  if (bucket === "" || key === "") {
    throw invalidArgument(
      "Copy Source must mention the source bucket and key: sourcebucket/sourcekey",
      HEADER,
      value,
    );
  }
  if (Buffer.byteLength(key, "utf8") > MAX_KEY_BYTES) throw new S3Refusal("KeyTooLongError");
  return {
    bucket,
    key,
    versionId,
    preconditions: sourcePreconditions(headers),
    expectedOwner: headers.get("x-amz-source-expected-bucket-owner"),
  };
}

function parseSourceVersion(query: string, value: string): string | undefined {
  if (!query.startsWith("versionId=")) throw invalidArgument("Invalid copy source", HEADER, value);
  return parseVersion(percentDecode(query.slice("versionId=".length)));
}
