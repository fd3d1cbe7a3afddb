import type { ObjectContext } from "../context.ts";
import { ObjectError } from "../errors.ts";
import type { UploadAddress } from "../ports.ts";
import { knownUpload } from "../upload.ts";
import { encryptionInfo } from "./object-keys.ts";
import type { EncryptionInfo } from "./types.ts";

/** How an upload's parts are encrypted; undefined: not at all, or there is no such upload. */
export async function uploadEncryption(
  context: ObjectContext,
  address: UploadAddress,
): Promise<EncryptionInfo | undefined> {
  try {
    const upload = await knownUpload(context, address);
    return encryptionInfo(upload.attributes?.encryption);
  } catch (error) {
    if (error instanceof ObjectError && IS_NONE.has(error.code)) return undefined;
    throw error;
  }
}

const IS_NONE: ReadonlySet<string> = new Set(["upload-not-found", "bucket-not-found"]);
