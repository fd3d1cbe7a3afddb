/** Draws what is done to buckets. */

import { create } from "@bufbuild/protobuf";
import {
  DeleteBucketConfigurationSchema,
  DeleteBucketSchema,
  PutBucketConfigurationSchema,
  SetBucketVersioningSchema,
} from "../../../gen/skerry/meta/v1/commands_pb.js";
import { VersioningState } from "../../../gen/skerry/meta/v1/rows_pb.js";
import { createBucket } from "../commands.ts";
import { BUCKETS, type DrawnCommand, type Draws } from "./draws.ts";

export function createDrawnBucket({ prng, model }: Draws): DrawnCommand {
  const name = prng.pick(BUCKETS);
  return { body: createBucket(name), expected: () => model.createBucket(name) };
}

export function deleteBucket({ prng, model }: Draws): DrawnCommand {
  // Rarely there: one with uploads alone.
  const closable = BUCKETS.filter((bucket) => {
    const found = model.buckets.get(bucket);
    return found?.keys.size === 0 && found.uploads.size > 0;
  });
  const name = prng.pick(closable.length > 0 ? closable : BUCKETS);
  const known = prng.chance(0.5) ? model.buckets.get(name)?.id : undefined;
  const id = prng.chance(0.2) ? prng.between(1, 6) : known;
  const closes = prng.chance(0.7);
  const value = create(DeleteBucketSchema, { name, bucketId: BigInt(id ?? 0), closes });
  return { body: { case: "deleteBucket", value }, expected: () => model.deleteBucket(name, id, closes) };
}

export function configureBucket({ prng, model, nextId }: Draws): DrawnCommand {
  const [bucket, kind] = [prng.pick(BUCKETS), prng.between(1, 3)];
  if (prng.chance(0.4)) {
    const value = create(DeleteBucketConfigurationSchema, { bucket, kind });
    return {
      body: { case: "deleteBucketConfiguration", value },
      expected: () => model.configure(bucket, kind, undefined),
    };
  }
  const document = `document ${nextId()}`;
  const configuration = { kind, format: 1, document: new TextEncoder().encode(document) };
  const value = create(PutBucketConfigurationSchema, { bucket, configuration });
  return {
    body: { case: "putBucketConfiguration", value },
    expected: () => model.configure(bucket, kind, document),
  };
}

export function setVersioning({ prng, model }: Draws): DrawnCommand {
  const [bucket, versioning] = [prng.pick(BUCKETS), prng.pick(["enabled", "suspended"] as const)];
  const state = versioning === "enabled" ? VersioningState.ENABLED : VersioningState.SUSPENDED;
  const value = create(SetBucketVersioningSchema, { bucket, versioning: state });
  return {
    body: { case: "setBucketVersioning", value },
    expected: () => model.setVersioning(bucket, versioning),
  };
}
