/**
 * The documents of a bucket that say who may use it, as the gate takes them. Each is parsed once: a stored document is the same object until it
 * is replaced.
 */

import {
  type Acl,
  type BucketAccess,
  decodeAcl,
  encodeAcl,
  NO_PUBLIC_ACCESS_BLOCK,
  OBJECT_OWNERSHIPS,
  type ObjectAccess,
  type ObjectOwnership,
  type Policy,
  type PublicAccessBlock,
  parsePolicy,
} from "../access/index.ts";
import { BucketConfigurationKind as Kind, type ObjectRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { MetadataView } from "../meta/index.ts";
import { attributesFromRow } from "./attributes.ts";
import type { BucketConfiguration } from "./bucket-configuration.ts";
import type { ObjectContext } from "./context.ts";
import { type VersionAddress, versionIfAny } from "./find-version.ts";
import type { ObjectAttributes, ObjectInfo } from "./ports.ts";

/** Of all documents here. */
const FORMAT = 1;
const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** Buckets on which nobody said anything are as S3 had them first: objects belong to who writes them. */
const DEFAULT_OBJECT_OWNERSHIP: ObjectOwnership = "ObjectWriter";

/** Reading takes a microsecond, and entries are applied a thousand times a second at most: two would do. */
const ACCESS_ATTEMPTS = 8;

export interface BucketAccesses {
  /** As this node has applied it; undefined: there is no such bucket here. */
  bucketAccess(bucket: string): BucketAccess | undefined;
  /** Of a version as of now; undefined: there is none, or a delete marker. Refuses "bucket-not-found". */
  objectAccess(address: VersionAddress): Promise<ObjectAccess | undefined>;
}

export function bucketAccesses(context: ObjectContext): BucketAccesses {
  const policies = new WeakMap<BucketConfiguration, Policy>();
  const acls = new WeakMap<BucketConfiguration, Acl>();
  const blocks = new WeakMap<BucketConfiguration, PublicAccessBlock>();
  const ownerships = new WeakMap<BucketConfiguration, ObjectOwnership>();
  const access = (bucket: string): BucketAccess | undefined => {
    const row = context.view.bucket(bucket);
    if (row === undefined) return undefined;
    const document = (kind: Kind): BucketConfiguration | undefined =>
      row.configuredKinds === 0n ? undefined : context.view.bucketConfiguration(row, kind);
    const policy = document(Kind.POLICY);
    const acl = document(Kind.ACL);
    const block = document(Kind.PUBLIC_ACCESS_BLOCK);
    const ownership = document(Kind.OWNERSHIP_CONTROLS);
    return {
      ownerId: row.ownerId,
      policy: policy && once(policies, policy, (stored) => readPolicyDocument(stored, bucket)),
      acl: acl && once(acls, acl, readAclDocument),
      publicAccessBlock: block ? once(blocks, block, readPublicAccessBlockDocument) : NO_PUBLIC_ACCESS_BLOCK,
      ownership: ownership ? once(ownerships, ownership, readOwnershipDocument) : DEFAULT_OBJECT_OWNERSHIP,
    };
  };
  return {
    bucketAccess: (bucket) => stillBucketAccess(context.view, () => access(bucket)),

    objectAccess: async (address) => {
      const found = await versionIfAny(context, address);
      return found && objectAccessFromRow(found.row);
    },
  };
}

/** Documents that were changed one after the other are not seen with the later change alone: a thread may be held up between two of its reads. */
function stillBucketAccess(
  view: Pick<MetadataView, "appliedIndex">,
  read: () => BucketAccess | undefined,
): BucketAccess | undefined {
  for (let attempt = 1; ; attempt++) {
    const index = view.appliedIndex();
    const access = read();
    if (view.appliedIndex() === index || attempt === ACCESS_ATTEMPTS) return access;
  }
}

function once<T>(
  known: WeakMap<BucketConfiguration, T>,
  stored: BucketConfiguration,
  read: (stored: BucketConfiguration) => T,
): T {
  const found = known.get(stored);
  if (found !== undefined) return found;
  const value = read(stored);
  known.set(stored, value);
  return value;
}

export function policyDocument(text: string): BucketConfiguration {
  return { format: FORMAT, document: encoder.encode(text) };
}

export function policyText(stored: BucketConfiguration): string {
  return decoder.decode(checked(stored));
}

/** What was stored was accepted; whichever actions it names are known or were. */
function readPolicyDocument(stored: BucketConfiguration, bucket: string): Policy {
  return parsePolicy(policyText(stored), { kind: "bucket", bucket, isAction: () => true });
}

export function aclDocument(acl: Acl): BucketConfiguration {
  return { format: FORMAT, document: encodeAcl(acl) };
}

function readAclDocument(stored: BucketConfiguration): Acl {
  return decodeAcl(checked(stored));
}

export function publicAccessBlockDocument(block: PublicAccessBlock): BucketConfiguration {
  return { format: FORMAT, document: encoder.encode(JSON.stringify(block)) };
}

export function readPublicAccessBlockDocument(stored: BucketConfiguration): PublicAccessBlock {
  const value = JSON.parse(decoder.decode(checked(stored))) as Partial<
    Record<keyof PublicAccessBlock, unknown>
  >;
  return {
    blockPublicAcls: value.blockPublicAcls === true,
    ignorePublicAcls: value.ignorePublicAcls === true,
    blockPublicPolicy: value.blockPublicPolicy === true,
    restrictPublicBuckets: value.restrictPublicBuckets === true,
  };
}

export function ownershipDocument(ownership: ObjectOwnership): BucketConfiguration {
  return { format: FORMAT, document: encoder.encode(ownership) };
}

export function readOwnershipDocument(stored: BucketConfiguration): ObjectOwnership {
  const name = decoder.decode(checked(stored));
  const known = OBJECT_OWNERSHIPS.find((ownership) => ownership === name);
  if (known === undefined) throw new Error("a stored object ownership is not known");
  return known;
}

/** A format of a newer version is never guessed: the request ends with an internal error, and nobody is let in. */
function checked({ format, document }: BucketConfiguration): Uint8Array {
  if (format !== FORMAT) throw new Error(`format ${format} of a bucket's document is not known`);
  return document;
}

/** What an object says of itself, as the gate takes it. */
export function objectAccessOf({ owner, attributes }: ObjectInfo): ObjectAccess {
  return accessOf(owner.id, attributes);
}

export function objectAccessFromRow(row: ObjectRow): ObjectAccess {
  return accessOf(row.ownerId, attributesFromRow(row.attributes));
}

function accessOf(ownerId: string, { acl, tags = [] }: ObjectAttributes): ObjectAccess {
  return { ownerId, acl: acl === undefined ? undefined : decodeAcl(acl), tags };
}
