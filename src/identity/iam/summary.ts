import { MAX_IDENTITIES } from "../../meta/index.ts";
import { ownedPrefix } from "../names.ts";
import {
  MAX_ACCESS_KEYS_PER_USER,
  MAX_ATTACHED_POLICIES,
  MAX_GROUPS_PER_USER,
  MAX_POLICY_VERSIONS,
} from "./checks.ts";
import type { IamContext } from "./context.ts";

/** What an account has, and how much of it there may be. A cluster has one limit for all accounts together. */
export async function accountSummary(
  { store }: IamContext,
  canonicalId: string,
): Promise<ReadonlyMap<string, number>> {
  await store.barrier();
  const [users = 0, groups = 0, roles = 0, policies = 0, providers = 0] = await Promise.all(
    (["u", "g", "r", "p", "o"] as const).map((kind) => store.count(ownedPrefix(kind, canonicalId))),
  );
  const quota = Number(MAX_IDENTITIES);
  return new Map([
    ["Users", users],
    ["UsersQuota", quota],
    ["Groups", groups],
    ["GroupsQuota", quota],
    ["Roles", roles],
    ["RolesQuota", quota],
    ["Policies", policies],
    ["PoliciesQuota", quota],
    ["Providers", providers],
    ["AccessKeysPerUserQuota", MAX_ACCESS_KEYS_PER_USER],
    ["GroupsPerUserQuota", MAX_GROUPS_PER_USER],
    ["AttachedPoliciesPerUserQuota", MAX_ATTACHED_POLICIES],
    ["AttachedPoliciesPerGroupQuota", MAX_ATTACHED_POLICIES],
    ["AttachedPoliciesPerRoleQuota", MAX_ATTACHED_POLICIES],
    ["VersionsPerPolicyQuota", MAX_POLICY_VERSIONS],
  ]);
}
