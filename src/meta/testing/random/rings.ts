/** Draws what the model test does with the key ring, and the encryption of what it writes. */

import { create } from "@bufbuild/protobuf";
import {
  PutEncryptionKeySchema,
  RemoveEncryptionKeyVersionSchema,
  RewrapDataKeysSchema,
  RotateEncryptionKeySchema,
} from "../../../gen/skerry/meta/v1/commands_pb.js";
import { EncryptionKind } from "../../../gen/skerry/meta/v1/rows_pb.js";
import { id } from "../commands.ts";
import type { ModelRewrap, ModelWrap } from "../model/rows.ts";
import { BUCKETS, type DrawnCommand, type Draws } from "./draws.ts";

export const RING_KEY = "ring";
/** A body's greatest size here makes one frame: its tag. */
export const FRAME_TAG_BYTES = 16;
const SALT = new Uint8Array(16).fill(5);

/** The encryption of an object, or of an upload: that has no salt. */
export function encryptionOf(wrap: ModelWrap | undefined, salted: boolean) {
  if (wrap === undefined) return {};
  const encryption = {
    version: 1,
    kind: wrap.wrapped % 2 === 0 ? EncryptionKind.SSE_S3 : EncryptionKind.SSE_KMS,
    keyId: RING_KEY,
    keyVersion: wrap.version,
    wrappedKey: id(wrap.wrapped),
    ...(salted && { salt: SALT }),
  };
  return { attributes: { encryption } };
}

export function saltOf(wrap: ModelWrap | undefined) {
  return wrap === undefined ? {} : { salt: SALT };
}

/** Of something new: mostly by the newest version, sometimes by one that does not wrap any more, or not yet. */
export function drawWrap({ prng, model, nextId }: Draws): ModelWrap {
  const newest = model.ring.newest ?? 1;
  const version = prng.chance(0.1) ? prng.between(1, newest + 1) : newest;
  return { version, wrapped: nextId() };
}

export function rotateRing({ prng, model }: Draws): DrawnCommand {
  const expected = model.ring.newest ?? 0;
  const secretSealed = new Uint8Array(61);
  if (expected === 0) {
    const value = create(PutEncryptionKeySchema, { keyId: RING_KEY, secretSealed });
    return { body: { case: "putEncryptionKey", value }, expected: () => model.ring.rotate(0) };
  }
  const expectedVersion = prng.chance(0.1) ? expected + 1 : expected;
  const value = create(RotateEncryptionKeySchema, { keyId: RING_KEY, expectedVersion, secretSealed });
  return {
    body: { case: "rotateEncryptionKey", value },
    expected: () => model.ring.rotate(expectedVersion),
  };
}

export function removeRingVersion({ prng, model }: Draws): DrawnCommand {
  const version = prng.chance(0.1)
    ? 999
    : prng.pick(model.ring.versions.length > 0 ? model.ring.versions : [1]);
  const value = create(RemoveEncryptionKeyVersionSchema, { keyId: RING_KEY, version });
  return {
    body: { case: "removeEncryptionKeyVersion", value },
    expected: () => model.removeRingVersion(version),
  };
}

/** Most of what a bucket has; sometimes with what was there before, or was not. */
export function rewrap(draws: Draws): DrawnCommand {
  const { prng, model, nextId } = draws;
  const bucket = prng.pick(BUCKETS);
  const known = model.buckets.get(bucket);
  const rows: readonly Omit<ModelRewrap, "next">[] = [
    ...[...(known?.keys ?? [])].flatMap(([key, versions]) =>
      versions.map(({ version, wrap }) => {
        const expected = wrap?.wrapped ?? 0;
        return { kind: "version" as const, key, id: version, expected };
      }),
    ),
    ...Array.from(known?.uploads.values() ?? [], ({ id: upload, key, wrap }) => ({
      kind: "upload" as const,
      key,
      id: upload,
      expected: wrap?.wrapped ?? 0,
    })),
    { kind: "version", key: "a", id: 999_999, expected: 1 },
  ];
  const likely = rows.filter(({ expected }) => expected > 0 || prng.chance(0.2));
  const drawn = prng.shuffle(likely.length > 0 ? likely : [...rows]).slice(0, prng.between(1, 6));
  const targets: readonly ModelRewrap[] = [...drawn, drawn[0]!].map((target) => ({
    ...target,
    expected: prng.chance(0.1) ? 999_999 : target.expected,
    next: { ...drawWrap(draws), wrapped: nextId() },
  }));
  const value = create(RewrapDataKeysSchema, {
    bucket,
    targets: targets.map(({ kind, key, id: row, expected, next }) => ({
      key,
      row:
        kind === "version"
          ? { case: "versionId" as const, value: id(row) }
          : { case: "uploadId" as const, value: id(row) },
      encryptionKeyId: RING_KEY,
      expectedWrappedKey: id(expected),
      keyVersion: next.version,
      wrappedKey: id(next.wrapped),
    })),
  });
  return { body: { case: "rewrapDataKeys", value }, expected: () => model.rewrap(bucket, targets) };
}
