/** What is said about one version and can be changed: tags, retention, legal hold, and who else may use it. */

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { ObjectAccess } from "../access/index.ts";
import { EMPTY_BYTES } from "../base/index.ts";
import { ChangeObjectSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { attributesFromRow } from "./attributes.ts";
import { objectAccessFromRow } from "./bucket-access.ts";
import type { ObjectContext } from "./context.ts";
import { ObjectError } from "./errors.ts";
import { freshVersion, type VersionAddress } from "./find-version.ts";
import { checkKey } from "./names.ts";
import { expectResult } from "./refusals.ts";
import { LEGAL_HOLDS, type LegalHold, RETENTION_MODES, type Retention } from "./retention.ts";
import { checkTags, MAX_OBJECT_TAGS, type Tag } from "./tags.ts";
import { selectorOf, shownVersionId } from "./version-id.ts";

/** The version that was meant; undefined in a bucket that was never versioned. */
export interface ChangedVersion {
  readonly versionId: string | undefined;
}

/** What a change was decided by; opaque. */
export interface SeenVersion {
  readonly id: Uint8Array;
  readonly acl: Uint8Array;
  /** Undefined: they did not count. */
  readonly tags?: readonly Tag[];
}

/** The version, where it was looked at before it is changed. Refuses "version-changed" when it is not what was seen any more. */
interface Judged {
  readonly seen?: SeenVersion | undefined;
}

/** Each refuses "bucket-not-found", "object-not-found", "version-not-found" and "delete-marker". */
export interface VersionSettings {
  getObjectAcl(
    address: VersionAddress,
  ): Promise<ChangedVersion & ObjectAccess & { readonly seen: SeenVersion }>;
  /**
   * `acl` as `access` encodes it; undefined: the owner alone. Refuses "version-changed" when it is not what was seen any more: another object, or one whose
   * grants somebody has changed, so that nobody's grants are given to what he was not let in to.
   */
  putObjectAcl(
    request: VersionAddress & { readonly acl: Uint8Array | undefined; readonly seen: SeenVersion },
  ): Promise<ChangedVersion>;
  getObjectTags(address: VersionAddress): Promise<ChangedVersion & { readonly tags: readonly Tag[] }>;
  /** None: they are taken away. Refuses "tags-invalid" and "too-many-tags". */
  putObjectTags(
    request: VersionAddress & Judged & { readonly tags: readonly Tag[] },
  ): Promise<ChangedVersion>;
  /** Refuses "bucket-state" where object lock is off; undefined: the version has none. */
  getRetention(address: VersionAddress): Promise<Retention | undefined>;
  /** Refuses "object-locked" where what is there may not become less. */
  putRetention(
    request: VersionAddress &
      Judged & {
        /** Undefined takes it away. */
        readonly retention: Retention | undefined;
        readonly bypassGovernance: boolean;
      },
  ): Promise<void>;
  getLegalHold(address: VersionAddress): Promise<LegalHold | undefined>;
  putLegalHold(request: VersionAddress & Judged & { readonly legalHold: LegalHold }): Promise<void>;
}

export function versionSettings(context: ObjectContext): VersionSettings {
  return {
    getObjectAcl: async (address) => {
      const { bucket, row } = await freshVersion(context, address);
      const { acl = EMPTY_BYTES, tags = [] } = row.attributes ?? {};
      const seen = { id: row.versionId, acl, tags };
      return { versionId: shownVersionId(bucket, row), ...objectAccessFromRow(row), seen };
    },

    putObjectAcl: (request) =>
      change(context, request, { case: "acl", value: request.acl ?? EMPTY_BYTES }, request.seen),

    getObjectTags: async (address) => {
      const { bucket, row } = await freshVersion(context, address);
      return { versionId: shownVersionId(bucket, row), tags: attributesFromRow(row.attributes).tags ?? [] };
    },

    putObjectTags: (request) => {
      checkTags(request.tags, MAX_OBJECT_TAGS);
      return change(context, request, { case: "tags", value: { tags: [...request.tags] } }, request.seen);
    },

    getRetention: async (address) => {
      const { bucket, row } = await freshVersion(context, address);
      requireLock(bucket);
      return attributesFromRow(row.attributes).retention;
    },

    putRetention: async (request) => {
      const { retention, bypassGovernance } = request;
      if (retention !== undefined) checkFuture(context, retention);
      const value = {
        ...(retention && { mode: RETENTION_MODES[retention.mode], untilMs: BigInt(retention.untilMs) }),
        bypassGovernance,
      };
      await change(context, request, { case: "retention", value }, request.seen);
    },

    getLegalHold: async (address) => {
      const { bucket, row } = await freshVersion(context, address);
      requireLock(bucket);
      return attributesFromRow(row.attributes).legalHold;
    },

    putLegalHold: async (request) => {
      await change(
        context,
        request,
        { case: "legalHold", value: LEGAL_HOLDS[request.legalHold] },
        request.seen,
      );
    },
  };
}

/** Refuses "retention-invalid": a retention that is over before it begins. */
export function checkFuture(context: ObjectContext, retention: Retention): void {
  if (retention.untilMs <= context.view.appliedTimeMs()) {
    throw new ObjectError("retention-invalid", "The retain until date must be in the future!");
  }
}

function requireLock(bucket: { readonly objectLock: boolean }): void {
  if (bucket.objectLock) return;
  throw new ObjectError("lock-missing", "Bucket is missing Object Lock Configuration");
}

async function change(
  context: ObjectContext,
  address: VersionAddress,
  asked: NonNullable<MessageInitShape<typeof ChangeObjectSchema>["change"]>,
  seen?: SeenVersion,
): Promise<ChangedVersion> {
  checkKey(address.key);
  const bucket = await context.knownBucket(address.bucket);
  const value = create(ChangeObjectSchema, {
    bucket: address.bucket,
    bucketId: bucket.bucketId,
    key: address.key,
    ...selectorOf(address.versionId),
    change: asked,
    ...(seen && { expectedVersionId: seen.id, expectedAcl: seen.acl }),
    ...(seen?.tags && { expectedTags: { tags: [...seen.tags] } }),
  });
  const changed = expectResult(await context.submit({ case: "changeObject", value }), "objectChanged");
  return { versionId: shownVersionId(context.asCommitted(bucket), changed) };
}
