/**
 * Identities of an account, as IAM and STS know them, without their protocol: users, groups, roles, policies, keys and sessions.
 *
 * What must be true of several rows together is written together: a member is in its group and the group in its member, a managed policy counts
 * where it is attached, a user is found by its id.
 */

export type { AccessKey, KeyHolder } from "./access-keys.ts";
export * as accessKeys from "./access-keys.ts";
export * as attachments from "./attachments.ts";
export type { BoundedAddress } from "./boundaries.ts";
export * as boundaries from "./boundaries.ts";
export type { IdentityTag } from "./checks.ts";
export type { IamContext } from "./context.ts";
export type { IamGroup } from "./groups.ts";
export * as groups from "./groups.ts";
export type { HolderAddress, HolderKind } from "./holders.ts";
export * as inlinePolicies from "./inline-policies.ts";
export type { ManagedPolicy, ManagedPolicyVersion, PolicyAddress } from "./managed-policies.ts";
export * as managedPolicies from "./managed-policies.ts";
export type { Page, PageRequest } from "./pages.ts";
export type { IdentityProvider, ProviderAddress } from "./providers.ts";
export * as providers from "./providers.ts";
export type { IamRole } from "./roles.ts";
export * as roles from "./roles.ts";
export type { Session } from "./sessions.ts";
export * as sessions from "./sessions.ts";
export * as summary from "./summary.ts";
export * as tags from "./tags.ts";
export type { IamUser } from "./users.ts";
export * as users from "./users.ts";
export { type ProvedWebIdentity, proveWebIdentity } from "./web-identity.ts";
