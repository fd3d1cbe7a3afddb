/**
 * Who may call: users with their canonical ids, and what they are given. The use cases on identity rows, without any protocol.
 *
 * - `store`: the rows; several change together, each only if it still is as it was seen.
 * - `accounts`: users of Skerry, who own buckets and objects. AWS calls them accounts.
 * - `directory`: from a key or a session to the principal with its policies, compiled.
 * - `iam`: users, groups, roles, policies, keys and sessions of an account, as IAM and STS know them.
 *
 * Invariants: a key whose user is gone authenticates nobody; a name, an e-mail address and an account number belong to one user; a policy is
 * stored only when it was understood whole.
 */

export { type Account, Accounts, type NewAccount } from "./accounts.ts";
export { IdentityDirectory } from "./directory.ts";
export { IdentityError, type IdentityErrorCode } from "./errors.ts";
export * from "./iam/index.ts";
export type { IssuerKeys } from "./ports.ts";
export { type SessionHolder, sessionHolder } from "./session-holder.ts";
export { IdentityStore } from "./store.ts";
