/** Who is calling and what it asks for: the two values that every decision is made from. */

export type Role = "reader" | "writer" | "admin";

export interface Principal {
  /** The access key id, or the public part of an API key. */
  readonly keyId: string;
  readonly role: Role;
  /** Buckets that it may touch; undefined: all. */
  readonly buckets: readonly string[] | undefined;
  readonly owner: Owner;
}

/** Canonical user id (64 hexadecimal digits) and display name, as S3 shows them. */
export interface Owner {
  readonly id: string;
  readonly displayName: string;
}

/** One request as one value: routing, authorization, limits, metrics and audit all use it. `name` is a row of the operations table. */
export interface OperationRequest {
  readonly name: string;
  readonly bucket?: string;
  readonly key?: string;
}

export type Decision =
  | { readonly kind: "allow" }
  | { readonly kind: "deny"; readonly reason: "anonymous" | "role" | "scope" | "unknown-operation" };
