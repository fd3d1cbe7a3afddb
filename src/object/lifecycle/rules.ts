/** The rules of a bucket's lifecycle, and the document in which they are kept. What a client may write is checked by the surface that takes it. */

import type { BucketConfiguration } from "../bucket-configuration.ts";
import type { Tag } from "../tags.ts";

export const MAX_LIFECYCLE_RULES = 1_000;
/** Noncurrent versions that a rule may keep whatever their age, as in S3. */
export const MAX_NEWER_NONCURRENT_VERSIONS = 100;

/** All that is set must hold. */
export interface LifecycleConditions {
  readonly prefix?: string;
  readonly tags: readonly Tag[];
  /** In bytes, exclusive. */
  readonly greaterThan?: number;
  readonly lessThan?: number;
}

/** As it was written, so that it can be shown again; the conditions of both parts must hold. */
export interface LifecycleFilter extends LifecycleConditions {
  readonly and?: LifecycleConditions;
}

export type LifecycleExpiration =
  | { readonly kind: "days"; readonly days: number }
  /** At midnight, UTC. */
  | { readonly kind: "date"; readonly dateMs: number }
  /** Delete markers that are all that is left of their key. */
  | { readonly kind: "markers"; readonly isOn: boolean };

export interface LifecycleRule {
  readonly id: string;
  readonly isEnabled: boolean;
  /** The older form of a rule has a prefix instead of a filter. */
  readonly scope:
    | { readonly kind: "prefix"; readonly prefix: string }
    | { readonly kind: "filter"; readonly filter: LifecycleFilter };
  readonly expiration?: LifecycleExpiration;
  readonly noncurrentExpiration?: { readonly days: number; readonly newerVersions?: number };
  readonly abortUploadsAfterDays?: number;
}

export const TRANSITION_MINIMUM_SIZES = ["all_storage_classes_128K", "varies_by_storage_class"] as const;
export type TransitionMinimumSize = (typeof TRANSITION_MINIMUM_SIZES)[number];

export interface Lifecycle {
  readonly rules: readonly LifecycleRule[];
  /** Kept and shown again; there is no storage class to move objects to. */
  readonly transitionMinimumSize: TransitionMinimumSize;
}

const FORMAT = 1;
const PARSED = new WeakMap<BucketConfiguration, Lifecycle>();

/** JSON of `Lifecycle`. */
export function lifecycleDocument(lifecycle: Lifecycle): BucketConfiguration {
  return { format: FORMAT, document: new TextEncoder().encode(JSON.stringify(lifecycle)) };
}

/** Throws on a format that this version does not know. The same document gives the same object. */
export function readLifecycle(configuration: BucketConfiguration): Lifecycle {
  const known = PARSED.get(configuration);
  if (known !== undefined) return known;
  if (configuration.format !== FORMAT) {
    throw new Error(`a bucket's lifecycle has the unknown format ${configuration.format}`);
  }
  const lifecycle = JSON.parse(new TextDecoder().decode(configuration.document)) as Lifecycle;
  PARSED.set(configuration, lifecycle);
  return lifecycle;
}
