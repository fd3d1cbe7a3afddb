import { fromBase64Url, ID_BYTES, toBase64Url } from "../base/index.ts";
import { ObjectError } from "./errors.ts";

/** Upload ids as clients see them: base64url of the 16 bytes. */
export function formatUploadId(uploadId: Uint8Array): string {
  return toBase64Url(uploadId);
}

/** Refuses "upload-not-found": whatever is not an id of ours cannot name an upload. */
export function parseUploadId(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (bytes?.length !== ID_BYTES) throw uploadNotFound(text);
  return bytes;
}

/** Where a list goes on: the upload need not be there any more. Refuses "upload-marker-invalid". */
export function parseUploadMarker(text: string): Uint8Array {
  const bytes = fromBase64Url(text);
  if (bytes?.length !== ID_BYTES) {
    throw new ObjectError("upload-marker-invalid", "Invalid uploadId marker", {
      details: { ArgumentName: "upload-id-marker", ArgumentValue: text },
    });
  }
  return bytes;
}

export function uploadNotFound(uploadId: string): ObjectError {
  return new ObjectError(
    "upload-not-found",
    "there is no upload of this id: it was completed, aborted or never begun",
    { details: { UploadId: uploadId } },
  );
}
