/** What the commands on multipart uploads share. */

import { assert } from "../base/index.ts";
import { type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  type PartRow,
  PartRowSchema,
  type UploadRow,
  UploadRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { countUse } from "./encryption-uses.ts";
import { partKey, partReferrer, uploadKey, uploadOrderKey } from "./keys.ts";
import { META_ID_BYTES } from "./limits.ts";
import type { ReferenceChanges } from "./references.ts";
import { refusal } from "./result.ts";

/** An upload is bound to its bucket and key: the id alone opens nothing. */
export function findUpload(
  state: ApplyState,
  address: { readonly bucket: string; readonly key: string; readonly uploadId: Uint8Array },
): UploadRow | Refusal {
  const known =
    address.uploadId.length === META_ID_BYTES
      ? state.read(uploadKey(address.uploadId), UploadRowSchema)
      : undefined;
  if (known === undefined || known.bucket !== address.bucket || known.key !== address.key) {
    return refusal(RefusalCode.UPLOAD_UNKNOWN, "");
  }
  return known;
}

export function readPart(state: ApplyState, uploadId: Uint8Array, partNumber: number): PartRow | undefined {
  return state.read(partKey(uploadId, partNumber), PartRowSchema);
}

/** Bit `partNumber` set. */
export function withPart(bitmap: Uint8Array, partNumber: number): Uint8Array {
  const at = partNumber >>> 3;
  const next = new Uint8Array(Math.max(bitmap.length, at + 1));
  next.set(bitmap);
  next[at] = next[at]! | (1 << (partNumber & 7));
  return next;
}

/** The numbers whose bits are set, ascending. */
export function* partNumbers(bitmap: Uint8Array): Generator<number> {
  for (const [at, byte] of bitmap.entries()) {
    for (let bit = 0; bit < 8; bit++) {
      if ((byte & (1 << bit)) !== 0) yield at * 8 + bit;
    }
  }
}

/** Removes an upload with all of its parts; their references go into `references`. */
export function removeUpload(state: ApplyState, upload: UploadRow, references: ReferenceChanges): void {
  for (const partNumber of partNumbers(upload.partBitmap)) {
    const part = readPart(state, upload.uploadId, partNumber);
    assert(part !== undefined, "a part in the bitmap has a row");
    references.drop(part.slices, partReferrer(upload.uploadId, partNumber));
    state.delete(partKey(upload.uploadId, partNumber));
  }
  countUse(state, upload.attributes?.encryption, -1n);
  state.delete(uploadKey(upload.uploadId));
  state.delete(uploadOrderKey(upload.bucketId, upload.key, upload.uploadId));
}
