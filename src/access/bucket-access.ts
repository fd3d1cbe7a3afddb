/** What a bucket and an object say about who may use them. */

import type { Acl } from "./acl.ts";
import type { Policy } from "./policy/policy.ts";

export const OBJECT_OWNERSHIPS = ["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"] as const;
export type ObjectOwnership = (typeof OBJECT_OWNERSHIPS)[number];

export interface PublicAccessBlock {
  readonly blockPublicAcls: boolean;
  readonly ignorePublicAcls: boolean;
  readonly blockPublicPolicy: boolean;
  readonly restrictPublicBuckets: boolean;
}

export const NO_PUBLIC_ACCESS_BLOCK: PublicAccessBlock = {
  blockPublicAcls: false,
  ignorePublicAcls: false,
  blockPublicPolicy: false,
  restrictPublicBuckets: false,
};

export interface BucketAccess {
  readonly ownerId: string;
  readonly policy: Policy | undefined;
  /** Undefined: the owner alone. */
  readonly acl: Acl | undefined;
  readonly publicAccessBlock: PublicAccessBlock;
  readonly ownership: ObjectOwnership;
}

export interface ObjectAccess {
  readonly ownerId: string;
  /** Undefined: the owner alone. */
  readonly acl: Acl | undefined;
  readonly tags: readonly { readonly key: string; readonly value: string }[];
}
