/** What names, paths, tags and policies of identities may be. Source: the IAM user guide, "IAM and AWS STS quotas". */

import { create } from "@bufbuild/protobuf";
import { AccessError, parsePolicy, type RandomBytes, randomBase32 } from "../../access/index.ts";
import { type Header, HeaderSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";

export const MAX_IDENTITY_TAGS = 50;
/** Managed policies on one user, group or role. */
export const MAX_ATTACHED_POLICIES = 10;
export const MAX_GROUPS_PER_USER = 10;
/** Users of one group. */
export const MAX_GROUP_MEMBERS = 1000;
export const MAX_ACCESS_KEYS_PER_USER = 2;
/** Of one managed policy. */
export const MAX_POLICY_VERSIONS = 5;
/** Greatest managed policy, in characters that are not white space. */
export const MAX_MANAGED_POLICY_CHARACTERS = 6144;
/** Greatest trust policy, in characters that are not white space. */
const MAX_TRUST_POLICY_CHARACTERS = 4096;

const NAME = /^[\w+=,.@-]+$/;
const PATH = /^\/(?:[\x21-\x7e]{1,510}\/)?$/;
const TAG_KEY = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,128}$/u;
const TAG_VALUE = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]{0,256}$/u;
const MAX_DESCRIPTION_CHARACTERS = 1000;
const UNIQUE_ID_CHARACTERS = 17;

export interface IdentityTag {
  readonly name: string;
  readonly value: string;
}

export function checkName(what: string, name: string, maxCharacters: number): void {
  if (name.length <= maxCharacters && NAME.test(name)) return;
  throw new IdentityError("invalid", `${what} has 1 to ${maxCharacters} of A-Z, a-z, 0-9 and _+=,.@-`);
}

export function checkPath(path: string): void {
  if (PATH.test(path)) return;
  throw new IdentityError("invalid", "a path begins and ends with / and has at most 512 characters");
}

export function checkDescription(text: string): void {
  if (text.length <= MAX_DESCRIPTION_CHARACTERS) return;
  throw new IdentityError("invalid", `a description has at most ${MAX_DESCRIPTION_CHARACTERS} characters`);
}

/** Keys count as the same whatever their case, as in IAM. */
export function checkIdentityTags(tags: readonly IdentityTag[]): void {
  if (tags.length > MAX_IDENTITY_TAGS) {
    throw new IdentityError("limit", `there are at most ${MAX_IDENTITY_TAGS} tags`);
  }
  for (const { name, value } of tags) {
    if (!TAG_KEY.test(name) || !TAG_VALUE.test(value)) throw new IdentityError("invalid", "that is no tag");
  }
  if (new Set(tags.map(({ name }) => name.toLowerCase())).size === tags.length) return;
  throw new IdentityError("invalid", "a key of a tag is there twice");
}

/** With the added ones, each in the place of the one of its key. */
export function withTags(
  present: readonly IdentityTag[],
  added: readonly IdentityTag[],
): readonly IdentityTag[] {
  return [
    ...withoutTags(
      present,
      added.map(({ name }) => name),
    ),
    ...added,
  ];
}

export function withoutTags(
  present: readonly IdentityTag[],
  keys: readonly string[],
): readonly IdentityTag[] {
  const names = new Set(keys.map((key) => key.toLowerCase()));
  return present.filter(({ name }) => !names.has(name.toLowerCase()));
}

export function tagRows(tags: readonly IdentityTag[]): Header[] {
  return tags.map(({ name, value }) => create(HeaderSchema, { name, value }));
}

export function checkDocument(text: string, kind: "identity" | "trust"): void {
  if (kind === "trust" && sizeOf(text) > MAX_TRUST_POLICY_CHARACTERS) {
    throw new IdentityError("limit", `a trust policy has at most ${MAX_TRUST_POLICY_CHARACTERS} characters`);
  }
  try {
    parsePolicy(text, { kind });
  } catch (error) {
    if (error instanceof AccessError) throw new IdentityError("policy-malformed", error.message);
    throw error;
  }
}

/** As IAM counts policies: white space is free. */
export function sizeOf(document: string): number {
  return document.replace(/\s/g, "").length;
}

/** An id that is given out once: "AIDA..." of a user, "AGPA..." of a group, "AROA..." of a role, "ANPA..." of a policy. */
export function uniqueId(prefix: "AIDA" | "AGPA" | "AROA" | "ANPA", randomBytes: RandomBytes): string {
  return prefix + randomBase32(UNIQUE_ID_CHARACTERS, randomBytes);
}
