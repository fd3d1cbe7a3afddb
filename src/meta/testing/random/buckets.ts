/** Draws what is done to buckets. */

import { create } from "@bufbuild/protobuf";
import {
  DeleteBucketConfigurationSchema,
  DeleteBucketSchema,
  PutBucketConfigurationSchema,
  SetBucketVersioningSchema,
} from "../../../gen/skerry/meta/v1/commands_pb.js";
import { VersioningState } from "../../../gen/skerry/meta/v1/rows_pb.js";
import type { CommandBody } from "../../ports.ts";
import { createBucket } from "../commands.ts";
import { BUCKETS, type DrawnCommand, type Draws } from "./draws.ts";

export function createDrawnBucket({ prng, model }: Draws): DrawnCommand {
  const name = prng.pick(BUCKETS);
  return { body: createBucket(name), expected: () => model.createBucket(name) };
}

export function deleteBucket({ prng, model }: Draws): DrawnCommand {
  const name = prng.pick(BUCKETS);
  const body: CommandBody = { case: "deleteBucket", value: create(DeleteBucketSchema, { name }) };
  return { body, expected: () => model.deleteBucket(name) };
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
