/**
 * The documents that say how a bucket behaves. This module keeps and bounds them; what is in one is the affair of the feature that writes it. A
 * document is UTF-8 or binary as the feature likes, and carries the number of its format.
 */

import { create } from "@bufbuild/protobuf";
import {
  BucketConfigurationSchema,
  DeleteBucketConfigurationSchema,
  PutBucketConfigurationSchema,
} from "../gen/skerry/meta/v1/commands_pb.js";
import { BucketConfigurationKind as Kind } from "../gen/skerry/meta/v1/rows_pb.js";
import type { ObjectContext } from "./context.ts";
import { expectResult } from "./refusals.ts";

const KIND_OF = {
  cors: Kind.CORS,
  policy: Kind.POLICY,
  lifecycle: Kind.LIFECYCLE,
  tagging: Kind.TAGGING,
  acl: Kind.ACL,
  "public-access-block": Kind.PUBLIC_ACCESS_BLOCK,
  "ownership-controls": Kind.OWNERSHIP_CONTROLS,
  encryption: Kind.ENCRYPTION,
  logging: Kind.LOGGING,
  website: Kind.WEBSITE,
  notification: Kind.NOTIFICATION,
  replication: Kind.REPLICATION,
  "request-payment": Kind.REQUEST_PAYMENT,
  accelerate: Kind.ACCELERATE,
} as const;

export type BucketConfigurationKind = keyof typeof KIND_OF;

/** A stored document. Whoever parses it may keep the result by this very object: another document is another object. */
export interface BucketConfiguration {
  /** From 1, by kind. */
  readonly format: number;
  readonly document: Uint8Array;
}

export interface StoredBucketConfiguration extends BucketConfiguration {
  /** Sequence of the oplog of the change that wrote it. */
  readonly revision: bigint;
}

export interface NewBucketConfiguration {
  readonly kind: BucketConfigurationKind;
  readonly configuration: BucketConfiguration;
}

export function configurationMessage({ kind, configuration }: NewBucketConfiguration) {
  const { format, document } = configuration;
  return create(BucketConfigurationSchema, { kind: KIND_OF[kind], format, document });
}

export interface BucketConfigurations {
  /** As of now. Refuses "bucket-not-found". */
  getBucketConfiguration(request: {
    readonly bucket: string;
    readonly kind: BucketConfigurationKind;
  }): Promise<StoredBucketConfiguration | undefined>;
  /**
   * As this node has applied it, at once: for what every request asks. It may be behind what was acknowledged by another node a moment ago.
   * Undefined also where there is no such bucket.
   */
  localBucketConfiguration(bucket: string, kind: BucketConfigurationKind): BucketConfiguration | undefined;
  /** Refuses "bucket-not-found" and "configuration-too-large". */
  putBucketConfiguration(request: {
    readonly bucket: string;
    readonly kind: BucketConfigurationKind;
    readonly configuration: BucketConfiguration;
  }): Promise<void>;
  /** Taking away what is not there is fine. Refuses "bucket-not-found". */
  deleteBucketConfiguration(request: {
    readonly bucket: string;
    readonly kind: BucketConfigurationKind;
  }): Promise<void>;
}

export function bucketConfigurations(context: ObjectContext): BucketConfigurations {
  return {
    getBucketConfiguration: async ({ bucket, kind }) =>
      context.view.bucketConfiguration(await context.freshBucket(bucket), KIND_OF[kind]),

    localBucketConfiguration: (bucket, kind) => {
      const row = context.view.bucket(bucket);
      return row && context.view.bucketConfiguration(row, KIND_OF[kind]);
    },

    putBucketConfiguration: async ({ bucket, kind, configuration }) => {
      const { bucketId } = await context.knownBucket(bucket);
      const { format, document } = configuration;
      const value = create(PutBucketConfigurationSchema, {
        bucket,
        bucketId,
        configuration: { kind: KIND_OF[kind], format, document },
      });
      expectResult(await context.submit({ case: "putBucketConfiguration", value }), "done");
    },

    deleteBucketConfiguration: async ({ bucket, kind }) => {
      const { bucketId } = await context.knownBucket(bucket);
      const value = create(DeleteBucketConfigurationSchema, { bucket, bucketId, kind: KIND_OF[kind] });
      expectResult(await context.submit({ case: "deleteBucketConfiguration", value }), "done");
    },
  };
}
