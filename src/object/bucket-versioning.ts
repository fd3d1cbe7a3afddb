import { create } from "@bufbuild/protobuf";
import { SetBucketVersioningSchema, SetObjectLockSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { VersioningState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { ObjectContext } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { expectResult } from "./refusals.ts";
import { RETENTION_MODES, type RetentionMode, retentionModeFromRow } from "./retention.ts";

export type Versioning = "never" | "enabled" | "suspended";

/** What a version gets that names no retention of its own; days or years, not both. */
export interface DefaultRetention {
  readonly mode: RetentionMode;
  readonly days?: number;
  readonly years?: number;
}

export interface BucketVersioning {
  getBucketVersioning(bucket: string): Promise<Versioning>;
  /** Refuses "bucket-state" where object lock needs it enabled. */
  putBucketVersioning(request: {
    readonly bucket: string;
    readonly versioning: "enabled" | "suspended";
  }): Promise<void>;
  /** Refuses "object-lock-not-found" where object lock is off. */
  getObjectLock(bucket: string): Promise<{ readonly defaultRetention: DefaultRetention | undefined }>;
  /** Turns object lock on where it is not. Refuses "bucket-state" unless versioning is enabled. */
  putObjectLock(request: {
    readonly bucket: string;
    readonly defaultRetention: DefaultRetention | undefined;
  }): Promise<void>;
}

const VERSIONING_OF: Readonly<Record<VersioningState, Versioning>> = {
  [VersioningState.UNSPECIFIED]: "never",
  [VersioningState.ENABLED]: "enabled",
  [VersioningState.SUSPENDED]: "suspended",
};

const STATE_OF = { enabled: VersioningState.ENABLED, suspended: VersioningState.SUSPENDED } as const;

export function bucketVersioning(context: ObjectContext): BucketVersioning {
  return {
    getBucketVersioning: async (name) => VERSIONING_OF[(await context.freshBucket(name)).versioning],

    putBucketVersioning: async ({ bucket, versioning }) => {
      const { bucketId } = await context.knownBucket(bucket);
      const value = create(SetBucketVersioningSchema, { bucket, bucketId, versioning: STATE_OF[versioning] });
      expectResult(await context.submit({ case: "setBucketVersioning", value }), "done");
    },

    getObjectLock: async (name) => {
      const row = await context.freshBucket(name);
      if (!row.objectLock) {
        throw new ObjectError("object-lock-not-found", "object lock is not on for this bucket", {
          details: { BucketName: name },
        });
      }
      const mode = retentionModeFromRow(row.defaultRetentionMode);
      if (mode === undefined) return { defaultRetention: undefined };
      const { defaultRetentionDays: days, defaultRetentionYears: years } = row;
      return { defaultRetention: { mode, ...(days > 0 && { days }), ...(years > 0 && { years }) } };
    },

    putObjectLock: async ({ bucket, defaultRetention }) => {
      const { bucketId } = await context.freshBucket(bucket);
      const value = create(SetObjectLockSchema, {
        bucket,
        bucketId,
        ...(defaultRetention && {
          mode: RETENTION_MODES[defaultRetention.mode],
          days: defaultRetention.days ?? 0,
          years: defaultRetention.years ?? 0,
        }),
      });
      expectResult(await context.submit({ case: "setObjectLock", value }), "done");
    },
  };
}
