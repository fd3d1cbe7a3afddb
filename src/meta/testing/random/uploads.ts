/** Draws uploads, their parts and their ends. */

import { create } from "@bufbuild/protobuf";
import { concatBytes, fromHex, toHex } from "../../../base/index.ts";
import {
  AbortUploadSchema,
  CommitPartSchema,
  CompleteUploadSchema,
  CreateUploadSchema,
} from "../../../gen/skerry/meta/v1/commands_pb.js";
import { etag, id } from "../commands.ts";
import { testHasher } from "../harness.ts";
import type { Model } from "../model/model.ts";
import type { ModelUpload } from "../model/rows.ts";
import type { ModelUploadAddress } from "../model/uploads.ts";
import { drawContent, tagBytesOf, toSlice } from "./content.ts";
import { BUCKETS, type DrawnCommand, type Draws, ENCRYPTED, KEYS } from "./draws.ts";
import { drawWrap, encryptionOf, saltOf } from "./rings.ts";
import { drawSource, versionOf } from "./versions.ts";

export function createUpload(draws: Draws): DrawnCommand {
  const { prng, model, nextId } = draws;
  const [bucket, key, upload] = [prng.pick(BUCKETS), prng.pick(KEYS), nextId()];
  const wrap = prng.chance(ENCRYPTED) ? drawWrap(draws) : undefined;
  const value = create(CreateUploadSchema, {
    bucket,
    key,
    uploadId: id(upload),
    ...encryptionOf(wrap, false),
  });
  return {
    body: { case: "createUpload", value },
    expected: () => model.uploads.create(bucket, key, upload, wrap),
  };
}

export function commitPart(draws: Draws): DrawnCommand {
  const { prng, model, nextId } = draws;
  const address = drawUpload(draws);
  const [partNumber, digest, content] = [prng.between(1, 20), etag(nextId()), drawContent(draws)];
  const wrap = openUpload(model, address.upload)?.wrap;
  const tagBytes = tagBytesOf(wrap, content.size);
  const value = create(CommitPartSchema, {
    bucket: address.bucket,
    key: address.key,
    uploadId: id(address.upload),
    partNumber,
    size: BigInt(content.size - tagBytes),
    ...saltOf(wrap),
    etag: digest,
    blobs: content.newBlobs,
    slices: content.slices.map(toSlice),
  });
  return {
    body: { case: "commitPart", value },
    expected: () =>
      model.uploads.commitPart(
        address,
        partNumber,
        { etag: digest, slices: content.slices, tagBytes },
        content.blobs(),
      ),
  };
}

export function copyPart(draws: Draws): DrawnCommand {
  const { prng, model, nextId } = draws;
  const [address, source] = [drawUpload(draws), drawSource(draws)];
  const from = versionOf(model, source)?.slices ?? [];
  // Every slice of the source, each without its first byte where it has more than one.
  const slices = from.map(({ blob, offset, length }) =>
    length > 1 ? { blob, offset: offset + 1, length: length - 1 } : { blob, offset, length },
  );
  const [partNumber, digest] = [prng.between(1, 20), etag(nextId())];
  const value = create(CommitPartSchema, {
    bucket: address.bucket,
    key: address.key,
    uploadId: id(address.upload),
    partNumber,
    size: BigInt(slices.reduce((sum, { length }) => sum + length, 0)),
    etag: digest,
    slices: slices.map(toSlice),
    sourceBucket: source.bucket,
    sourceKey: source.key,
    sourceVersionId: id(source.version),
  });
  return {
    body: { case: "commitPart", value },
    expected: () => model.uploads.copyPart(address, partNumber, { etag: digest, slices }, source),
  };
}

export function completeUpload(draws: Draws): DrawnCommand {
  const { prng, model, nextId } = draws;
  const address = drawUpload(draws);
  const known = openUpload(model, address.upload)?.parts ?? new Map();
  const partNumbers = [...known.keys()].sort((a, b) => a - b).filter(() => prng.chance(0.8));
  if (prng.chance(0.1)) partNumbers.push(21);
  const digests = partNumbers.map((partNumber) => known.get(partNumber)?.etag ?? etag(0));
  const md5 = testHasher.md5(concatBytes(digests.map((digest) => fromHex(digest)!)));
  const [version, whole] = [nextId(), `${toHex(md5)}-${digests.length}`];
  // A repeated completion comes with the ETag of the first one.
  const wanted = model.uploads.completed.get(address.upload)?.etag ?? whole;
  const value = create(CompleteUploadSchema, {
    bucket: address.bucket,
    key: address.key,
    uploadId: id(address.upload),
    parts: partNumbers.map((partNumber, at) => ({ partNumber, etag: digests[at]! })),
    versionId: id(version),
    etag: wanted,
  });
  return {
    body: { case: "completeUpload", value },
    expected: () => model.uploads.complete(address, partNumbers, version, wanted),
  };
}

export function abortUpload(draws: Draws): DrawnCommand {
  const { model } = draws;
  const address = drawUpload(draws);
  const value = create(AbortUploadSchema, {
    bucket: address.bucket,
    key: address.key,
    uploadId: id(address.upload),
  });
  return { body: { case: "abortUpload", value }, expected: () => model.uploads.abort(address) };
}

/** Mostly an upload that is open or was completed, sometimes one that never was. */
function drawUpload({ prng, model }: Draws): ModelUploadAddress {
  const open = [...model.buckets].flatMap(([bucket, { uploads }]) =>
    Array.from(uploads.values(), ({ id: upload, key }) => ({ bucket, key, upload })),
  );
  const done = Array.from(model.uploads.completed, ([upload, { bucket, key }]) => ({
    bucket,
    key,
    upload,
  })).slice(-2);
  const all = [...open, ...open, ...open, ...done, { bucket: "bucket-a", key: "a", upload: 999_999 }];
  return prng.pick(all);
}

function openUpload(model: Model, upload: number): ModelUpload | undefined {
  for (const { uploads } of model.buckets.values()) {
    const found = uploads.get(upload);
    if (found !== undefined) return found;
  }
  return undefined;
}
