/** Who is calling and what it asks for: the two values that every decision is made from. */

import type { ObjectAccess } from "./bucket-access.ts";
import type { PolicyContext } from "./policy/context.ts";
import type { Policy } from "./policy/policy.ts";
import type { Caller } from "./policy/principals.ts";

/**
 * What a key may do of itself. The first three are for operators and programs: they hold on every bucket in the key's scope. A key of the role
 * `user` has nothing of itself: it may do what its user may, by owning, by policies and by grants.
 */
export type Role = "reader" | "writer" | "admin" | "user";

export interface Principal {
  /** The access key id, or the public part of an API key. */
  readonly keyId: string;
  readonly role: Role;
  /** Buckets that it may touch; undefined: all. */
  readonly buckets: readonly string[] | undefined;
  /** Namespaces that it may touch, as `namespaces.ts` writes scopes; undefined: all, unless it is limited to buckets. */
  readonly namespaces?: readonly string[];
  readonly owner: Owner;
  /** As what policies see it. Undefined: as the account of its owner. */
  readonly identity?: Identity;
  /** Requests under way at once; undefined: the configured number. */
  readonly inflightLimit?: number;
}

export interface Identity {
  readonly caller: Caller;
  /** What it was given; undefined: everything, as the account itself has. */
  readonly policies: readonly Policy[] | undefined;
  /** What bounds `policies`: what it does not allow they cannot. Undefined: nothing does. */
  readonly boundary?: Policy | undefined;
  /** Policies of a session: what they do not allow is denied. Undefined: there are none. */
  readonly sessionPolicies: readonly Policy[] | undefined;
  /** Condition keys that come with it ("aws:username"), as `conditionKeyName` spells them. */
  readonly context: ReadonlyMap<string, readonly string[]>;
}

/** Canonical user id (64 hexadecimal digits) and display name, as S3 shows them. */
export interface Owner {
  readonly id: string;
  readonly displayName: string;
}

/** One request as one value: routing, authorization, limits, metrics and audit all use it. `name` is a row of the operations table. */
export interface OperationRequest {
  readonly name: string;
  readonly bucket?: string | undefined;
  /** "org/project/name". */
  readonly namespace?: string;
  readonly key?: string | undefined;
  /** Instead of the row's: "s3:GetObjectVersion" where a version is named. */
  readonly action?: string | undefined;
  /** ARN of what an operation on identities touches. */
  readonly resource?: string;
  /** What the role says of itself that the caller asks to be; undefined: there is none of that name. */
  readonly role?: RoleAccess;
  /** What policies may ask about the request. */
  readonly context?: PolicyContext;
}

export interface RoleAccess {
  readonly accountId: string;
  readonly trust: Policy;
}

export type Decision =
  | { readonly kind: "allow" }
  | Denial
  /** What the object says of itself decides. */
  | {
      readonly kind: "depends-on-object";
      /** The answer as far as it is known without the object: a denial that nothing about it can change. */
      readonly unless: { readonly kind: "allow" } | Denial;
      /** Undefined: there is no such object; allowed means that the caller may know. */
      decide(object: ObjectAccess | undefined): { readonly kind: "allow" } | Denial;
    };

export interface Denial {
  readonly kind: "deny";
  readonly reason:
    | "anonymous"
    | "role"
    | "scope"
    | "unknown-operation"
    /** There is no such bucket here; it may have been made elsewhere a moment ago. */
    | "bucket-unknown"
    /** Nothing allows it. */
    | "policy"
    /** A policy denies it. */
    | "denied";
}

export function deny(reason: Denial["reason"]): Denial {
  return { kind: "deny", reason };
}
