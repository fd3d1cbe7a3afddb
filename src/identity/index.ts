/**
 * Who may call: users with their canonical ids, and what they are given. The use cases on identity rows, without any protocol.
 *
 * - `store`: the rows; several change together, each only if it still is as it was seen.
 * - `accounts`: users of Skerry, who own buckets and objects. AWS calls them accounts.
 * - `directory`: from a key to the principal with its policies, compiled.
 *
 * Invariants: a key whose user is gone authenticates nobody; a name, an e-mail address and an account number belong to one user; a policy is
 * stored only when it was understood whole.
 */

export { type Account, Accounts, type NewAccount } from "./accounts.ts";
export { IdentityDirectory } from "./directory.ts";
export { IdentityError, type IdentityErrorCode } from "./errors.ts";
export { IdentityStore } from "./store.ts";
