import { MAX_KEY_BYTES } from "../../../object/index.ts";
import { invalidArgument, S3Refusal } from "../../errors.ts";
import type { RequestHeaders } from "../../http.ts";
import { onObject } from "../../parse/input.ts";
import { percentDecode } from "../../parse/percent.ts";
import { renamePreconditions, renameSourcePreconditions } from "../../parse/preconditions.ts";
import type { FeatureParsers } from "../feature.ts";
import type { RenameObject } from "./operations.ts";

const SOURCE = "x-amz-rename-source";
const TOKEN = "x-amz-client-token";

export const renameParsers: FeatureParsers<RenameObject> = {
  RenameObject: (input) => ({
    name: "RenameObject",
    ...onObject(input),
    sourceKey: sourceKey(input.headers),
    sourcePreconditions: renameSourcePreconditions(input.headers),
    preconditions: renamePreconditions(input.headers),
    clientToken: clientToken(input.headers),
  }),
};

/** A key of the same bucket, percent-encoded, with or without a slash before it. */
function sourceKey(headers: RequestHeaders): string {
  const value = headers.get(SOURCE);
  if (value === undefined) throw invalidArgument("a rename names its source", SOURCE, "");
  const key = percentDecode(value.startsWith("/") ? value.slice(1) : value);
  if (key === "") throw invalidArgument("a rename names its source", SOURCE, value);
  if (Buffer.byteLength(key, "utf8") > MAX_KEY_BYTES) throw new S3Refusal("KeyTooLongError");
  return key;
}

function clientToken(headers: RequestHeaders): string | undefined {
  const token = headers.get(TOKEN);
  if (token !== undefined && !/^[\x21-\x7e]{1,64}$/.test(token)) {
    throw invalidArgument("a client token has 1 to 64 visible ASCII characters", TOKEN, token);
  }
  return token;
}
