import { IdentityError } from "../errors.ts";
import { givenPolicy, givenPolicyArn } from "../given-policies.ts";
import type { Draft } from "../store.ts";
import { MAX_ATTACHED_POLICIES } from "./checks.ts";
import type { IamContext } from "./context.ts";
import { changed, freshHolder, type HolderAddress, holderOf, holderRow } from "./holders.ts";
import { attachmentIn, type PolicyAddress, policyArn } from "./managed-policies.ts";

export interface AttachedPolicy {
  readonly name: string;
  readonly arn: string;
}

/** Attaching again changes nothing. Refuses "not-found" and "limit". */
export async function attachPolicy(
  { store }: IamContext,
  address: HolderAddress,
  policy: PolicyAddress,
): Promise<void> {
  const row = holderRow(address);
  await store.change((draft) => {
    const holder = holderOf(draft.read(row), address);
    const attachment = attachmentIn(draft, policy);
    const { attachedPolicies } = holder.value;
    if (attachedPolicies.includes(attachment)) return;
    if (attachedPolicies.length >= MAX_ATTACHED_POLICIES) {
      throw new IdentityError(
        "limit",
        `Cannot exceed quota for PoliciesPer${address.kind}: ${MAX_ATTACHED_POLICIES}`,
      );
    }
    count(draft, attachment, policy.arn, 1);
    draft.put(row, changed(holder, { attachedPolicies: [...attachedPolicies, attachment] }));
  });
}

/** Refuses "not-found", also for a policy that is not attached. */
export async function detachPolicy(
  { store }: IamContext,
  address: HolderAddress,
  policy: PolicyAddress,
): Promise<void> {
  const row = holderRow(address);
  await store.change((draft) => {
    const holder = holderOf(draft.read(row), address);
    const attachment = attachmentIn(draft, policy);
    const attachedPolicies = holder.value.attachedPolicies.filter((one) => one !== attachment);
    if (attachedPolicies.length === holder.value.attachedPolicies.length) {
      throw new IdentityError("not-found", `Policy ${policy.arn} was not found.`);
    }
    count(draft, attachment, policy.arn, -1);
    draft.put(row, changed(holder, { attachedPolicies }));
  });
}

/** Refuses "not-found". */
export async function listAttachedPolicies(
  { store }: IamContext,
  address: HolderAddress,
  accountId: string,
): Promise<readonly AttachedPolicy[]> {
  const { value } = await freshHolder(store, address);
  return value.attachedPolicies.flatMap((attachment): readonly AttachedPolicy[] => {
    const given = givenPolicy(attachment);
    if (given !== undefined) return [{ name: given.name, arn: givenPolicyArn(given) }];
    const policy = store.record(attachment, "policy");
    if (policy === undefined) return [];
    return [{ name: policy.name, arn: policyArn(accountId, policy) }];
  });
}

/** A policy counts where it is attached, so that it cannot be removed from under anybody. */
function count(draft: Draft, attachment: string, arn: string, by: 1 | -1): void {
  if (givenPolicy(attachment) !== undefined) return;
  const record = draft.read(attachment)?.record;
  if (record?.case !== "policy") throw new IdentityError("not-found", `Policy ${arn} does not exist.`);
  const value = { ...record.value, attachments: record.value.attachments + by };
  draft.put(attachment, { case: "policy", value });
}
