/**
 * What a bucket is as a website. Stored as JSON in UTF-8, format 1: a `Website`, whose absent members are left out. Source: the S3 user guide, "Hosting a
 * static website using Amazon S3", and the API reference, PutBucketWebsite.
 */

import type { BucketConfiguration } from "../../../object/index.ts";

export type Protocol = "http" | "https";

export type Website =
  | { readonly kind: "redirect"; readonly hostName: string; readonly protocol?: Protocol }
  | {
      readonly kind: "documents";
      /** What is added to a key that is empty or ends with "/". */
      readonly indexSuffix: string;
      /** The key of what is shown instead of an error. */
      readonly errorKey?: string;
      readonly rules: readonly RoutingRule[];
    };

export interface RoutingRule {
  readonly condition: RoutingCondition;
  readonly redirect: RoutingRedirect;
}

/** What is absent is not asked. */
export interface RoutingCondition {
  readonly keyPrefix?: string;
  readonly errorStatus?: number;
}

/** What is absent is as in the request. */
export interface RoutingRedirect {
  readonly protocol?: Protocol;
  readonly hostName?: string;
  readonly key?: KeyReplacement;
  readonly status?: number;
}

export type KeyReplacement =
  | { readonly kind: "prefix"; readonly text: string }
  | { readonly kind: "whole"; readonly text: string };

export const WEBSITE_KIND = "website";
/** Routing rules of one website, as in S3. */
export const MAX_ROUTING_RULES = 50;

const FORMAT = 1;
const parsed = new WeakMap<BucketConfiguration, Website>();

export function websiteDocument(website: Website): BucketConfiguration {
  return { format: FORMAT, document: new TextEncoder().encode(JSON.stringify(website)) };
}

/** Parsed once for each stored document. A format of a newer version is never guessed. */
export function websiteOf(stored: BucketConfiguration): Website {
  const known = parsed.get(stored);
  if (known !== undefined) return known;
  if (stored.format !== FORMAT) throw new Error(`format ${stored.format} of a website is not known`);
  const website = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(stored.document)) as Website;
  parsed.set(stored, website);
  return website;
}

/**
 * The first rule that says where a request of this key is sent. `errorStatus`: what the key was answered with; undefined: nothing was looked up yet, and rules that
 * wait for an error do not count.
 */
export function matchingRule(
  rules: readonly RoutingRule[],
  key: string,
  errorStatus: number | undefined,
): RoutingRule | undefined {
  return rules.find(
    ({ condition }) =>
      condition.errorStatus === errorStatus &&
      (condition.keyPrefix === undefined || key.startsWith(condition.keyPrefix)),
  );
}
