/** Uploads of the model. */

import type { ModelBlob } from "./blobs.ts";
import type { ModelPart, ModelSource, ModelUpload, ModelWrap } from "./rows.ts";
import type { ModelState } from "./state.ts";
import { addVersion } from "./versions.ts";

export interface ModelUploadAddress {
  readonly bucket: string;
  readonly key: string;
  readonly upload: number;
}

interface Completed {
  readonly bucket: string;
  readonly key: string;
  readonly etag: string;
}

export class ModelUploads {
  /** By the upload's id. */
  readonly completed = new Map<number, Completed>();
  readonly #state: ModelState;

  constructor(state: ModelState) {
    this.#state = state;
  }

  create(name: string, key: string, id: number, wrap: ModelWrap | undefined): string {
    const bucket = this.#state.openBucket(name);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    const refusal = this.#state.ring.refusalOf(wrap);
    if (refusal !== undefined) return refusal;
    bucket.uploads.set(id, { id, key, parts: new Map(), wrap });
    return "uploadCreated";
  }

  commitPart(
    address: ModelUploadAddress,
    partNumber: number,
    part: ModelPart,
    blobs: ReadonlyMap<number, ModelBlob>,
  ): string {
    const upload = this.#upload(address);
    if (upload === undefined) return "UPLOAD_UNKNOWN";
    for (const [id, blob] of blobs) this.#state.blobs.rows.set(id, blob);
    upload.parts.set(partNumber, part);
    this.#state.collect();
    return "partCommitted";
  }

  copyPart(address: ModelUploadAddress, partNumber: number, part: ModelPart, source: ModelSource): string {
    const upload = this.#upload(address);
    if (upload === undefined) return "UPLOAD_UNKNOWN";
    if (upload.wrap !== undefined) return "INVALID";
    const from = this.#state.source(source);
    if (from === undefined) return "SOURCE_CHANGED";
    if (from.wrap !== undefined) return "INVALID";
    upload.parts.set(partNumber, part);
    this.#state.collect();
    return "partCommitted";
  }

  complete(
    address: ModelUploadAddress,
    partNumbers: readonly number[],
    version: number,
    etag: string,
  ): string {
    const upload = this.#upload(address);
    if (upload === undefined) {
      const before = this.completed.get(address.upload);
      const isSame = before?.bucket === address.bucket && before.key === address.key && before.etag === etag;
      return isSame ? "objectCommitted" : "UPLOAD_UNKNOWN";
    }
    const bucket = this.#state.openBucket(address.bucket);
    if (bucket === undefined) return "BUCKET_UNKNOWN";
    const parts = partNumbers.map((partNumber) => upload.parts.get(partNumber));
    if (parts.length === 0 || parts.includes(undefined)) return "PART_INVALID";
    const slices = parts.flatMap((part) => part!.slices);
    const { wrap } = upload;
    const tagBytes = parts.reduce((sum, part) => sum + (part!.tagBytes ?? 0), 0);
    const whole = { version, etag, slices, tagBytes, wrap, multipart: true, modifiedMs: this.#state.nowMs };
    addVersion(bucket, address.key, whole, { marker: false, nowMs: this.#state.nowMs });
    bucket.uploads.delete(address.upload);
    this.completed.set(address.upload, { bucket: address.bucket, key: address.key, etag });
    this.#state.oplogLength++;
    this.#state.collect();
    return "objectCommitted";
  }

  abort(address: ModelUploadAddress): string {
    if (this.#upload(address) === undefined) return "UPLOAD_UNKNOWN";
    this.#state.buckets.get(address.bucket)!.uploads.delete(address.upload);
    this.#state.collect();
    return "done";
  }

  #upload(address: ModelUploadAddress): ModelUpload | undefined {
    const upload = this.#state.buckets.get(address.bucket)?.uploads.get(address.upload);
    return upload?.key === address.key ? upload : undefined;
  }
}
