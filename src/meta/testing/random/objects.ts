/** Draws what is done to objects. */

import { create } from "@bufbuild/protobuf";
import {
  CommitObjectSchema,
  CopyObjectSchema,
  DeleteObjectsSchema,
  RenameObjectSchema,
} from "../../../gen/skerry/meta/v1/commands_pb.js";
import { etag, id } from "../commands.ts";
import { currentOf, type ModelConditions } from "../model/rows.ts";
import { drawContent, tagBytesOf, toSlice } from "./content.ts";
import { BUCKETS, type DrawnCommand, type Draws, ENCRYPTED, KEYS } from "./draws.ts";
import { drawWrap, encryptionOf } from "./rings.ts";
import { drawSource, drawTarget, selectorOf, versionOf } from "./versions.ts";

export function commitObject(draws: Draws): DrawnCommand {
  const { prng, model, nextId } = draws;
  const [bucket, key] = [prng.pick(BUCKETS), prng.pick(KEYS)];
  // Another node's clock may be behind: its ids are not greater than those that are there.
  const version = prng.chance(0.1) ? prng.between(1, nextId()) : nextId();
  const content = drawContent(draws);
  const conditions = drawConditions(draws, bucket, key);
  const wrap = prng.chance(ENCRYPTED) ? drawWrap(draws) : undefined;
  const tagBytes = tagBytesOf(wrap, content.size);
  const value = create(CommitObjectSchema, {
    bucket,
    key,
    versionId: id(version),
    size: BigInt(content.size - tagBytes),
    ...encryptionOf(wrap, true),
    etag: etag(version),
    blobs: content.newBlobs,
    slices: content.slices.map(toSlice),
    preconditions: {
      ifMatch: conditions.ifMatch === undefined ? [] : [conditions.ifMatch],
      ifNoneMatch: conditions.ifNoneMatch === undefined ? [] : [conditions.ifNoneMatch],
    },
  });
  return {
    body: { case: "commitObject", value },
    expected: () => {
      const object = {
        version,
        etag: etag(version),
        slices: content.slices,
        modifiedMs: model.nowMs,
        wrap,
        tagBytes,
      };
      return model.objects.commit(bucket, key, object, content.blobs(), conditions);
    },
  };
}

function drawConditions({ prng, model }: Draws, bucket: string, key: string): ModelConditions {
  const known = model.buckets.get(bucket);
  const current = (known && currentOf(known, key)?.etag) ?? etag(0);
  const candidates: readonly ModelConditions[] = [
    { ifMatch: current },
    { ifMatch: etag(999_999) },
    { ifMatch: "*" },
    { ifNoneMatch: current },
    { ifNoneMatch: "*" },
  ];
  return prng.chance(0.5) ? {} : prng.pick(candidates);
}

export function deleteObjects(draws: Draws): DrawnCommand {
  const { prng, model, nextId } = draws;
  const [bucket, markerId] = [prng.pick(BUCKETS), nextId()];
  const targets = Array.from({ length: prng.between(1, 3) }, () => drawTarget(draws, bucket));
  const value = create(DeleteObjectsSchema, {
    bucket,
    markerId: id(markerId),
    targets: targets.map(({ key, version }) => ({ key, ...selectorOf(version) })),
  });
  return {
    body: { case: "deleteObjects", value },
    expected: () => model.objects.delete(bucket, targets, markerId),
  };
}

export function copyObject(draws: Draws): DrawnCommand {
  const { prng, model, nextId } = draws;
  const source = drawSource(draws);
  const [bucket, key, version] = [prng.pick(BUCKETS), prng.pick(KEYS), nextId()];
  const from = versionOf(model, source);
  const isEncrypted = (from?.wrap !== undefined) !== prng.chance(0.1);
  const wrap = isEncrypted ? drawWrap(draws) : undefined;
  const salted = (from?.multipart === true) === prng.chance(0.1);
  const value = create(CopyObjectSchema, {
    ...encryptionOf(wrap, salted),
    sourceBucket: source.bucket,
    sourceKey: source.key,
    sourceVersionId: id(source.version),
    bucket,
    key,
    versionId: id(version),
  });
  return {
    body: { case: "copyObject", value },
    expected: () => model.objects.copy(source, bucket, key, { version, wrap, salted }),
  };
}

export function renameObject({ prng, model, nextId }: Draws): DrawnCommand {
  const [bucket, from, to] = [prng.pick(BUCKETS), prng.pick(KEYS), prng.pick(KEYS)] as const;
  const [version, markerId] = [nextId(), nextId()];
  const value = create(RenameObjectSchema, {
    bucket,
    sourceKey: from,
    key: to,
    versionId: id(version),
    markerId: id(markerId),
  });
  return {
    body: { case: "renameObject", value },
    expected: () => model.objects.rename(bucket, from, to, version, markerId),
  };
}
