/**
 * Rows of the operations table. Each surface (S3, the Connect services, REST) brings its own rows; one gate holds all of them, and a
 * request whose name has no row is refused.
 */

import type { Role } from "./types.ts";

/**
 * What an operation touches, which is what its scope is checked against.
 *
 * - `service`: nothing in particular (ListBuckets, GetCallerIdentity). What it returns must be filtered by the principal.
 * - `bucket`, `object`: the bucket that the request names.
 * - `namespace`: the namespace that the request names.
 * - `cluster`: the whole installation; out of reach of a key that is limited to buckets or namespaces.
 * - `key`: keys; a key that is limited to namespaces gets at those within its own limits, which the operation sees to.
 * - `caller`: who asks. Everybody with a key may know who it is.
 * - `identity`: users, groups, roles, policies and keys of the caller's account, by the ARN that the request names.
 * - `session`: credentials for a while, of a user that shows lasting ones.
 * - `role`: a role that lets in whom its trust policy names.
 */
export type ResourceKind =
  | "service"
  | "bucket"
  | "object"
  | "namespace"
  | "cluster"
  | "key"
  | "caller"
  | "identity"
  | "session"
  | "role";

export interface Operation {
  /** Unique over all surfaces: "PutObject", "skerry.admin.v1.KeyService/Create". */
  readonly name: string;
  /** As policies and the audit log spell it: "s3:PutObject", "admin:CreateKey". */
  readonly action: string;
  readonly leastRole: Role;
  readonly resource: ResourceKind;
  /** As policies of buckets and users know it, where that is another name: what is the same on every surface has one. */
  readonly policyAction?: string;
  /** Makes the bucket that it names: nothing about that bucket can be asked yet. */
  readonly creates?: boolean;
}
