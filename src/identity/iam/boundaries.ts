/** Policies that bound what users and roles may be given. */

import type { RoleRecord, UserRecord } from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";
import { givenPolicy, givenPolicyArn } from "../given-policies.ts";
import type { Draft, IdentityRecord, IdentityStore } from "../store.ts";
import type { IamContext } from "./context.ts";
import { type HolderAddress, holderOf, holderRow } from "./holders.ts";
import { attachmentIn, type PolicyAddress, policyArn } from "./managed-policies.ts";

/** Of users and roles; groups have none. */
export type BoundedAddress = HolderAddress & { readonly kind: "user" | "role" };

/** In the place of the one before. Refuses "not-found", also for a policy that is not there. */
export function setBoundary(
  { store }: IamContext,
  address: BoundedAddress,
  policy: PolicyAddress,
): Promise<void> {
  return store.change((draft) => replace(draft, address, takeBoundary(draft, policy)));
}

/** Taking away what is not there is fine. Refuses "not-found" for the user or the role. */
export function removeBoundary({ store }: IamContext, address: BoundedAddress): Promise<void> {
  return store.change((draft) => replace(draft, address, ""));
}

/** For a record that is made with it: the name that the record keeps. Counts the use, so that the policy is not removed from under anybody. */
export function takeBoundary(draft: Draft, policy: PolicyAddress | undefined): string {
  if (policy === undefined) return "";
  const row = attachmentIn(draft, policy);
  count(draft, row, policy.arn, 1);
  return row;
}

/** For a record that goes. */
export function releaseBoundary(draft: Draft, row: string): void {
  if (row !== "") count(draft, row, row, -1);
}

/** The ARN of a boundary's row; undefined: there is none. */
export function boundaryArn(store: IdentityStore, row: string, accountId: string): string | undefined {
  if (row === "") return undefined;
  const given = givenPolicy(row);
  if (given !== undefined) return givenPolicyArn(given);
  const policy = store.record(row, "policy");
  return policy && policyArn(accountId, policy);
}

function replace(draft: Draft, address: BoundedAddress, permissionsBoundary: string): void {
  const row = holderRow(address);
  const holder = holderOf(draft.read(row), address);
  const record = holder.value as UserRecord | RoleRecord;
  releaseBoundary(draft, record.permissionsBoundary);
  draft.put(row, { case: holder.case, value: { ...record, permissionsBoundary } } as IdentityRecord);
}

function count(draft: Draft, row: string, arn: string, by: 1 | -1): void {
  if (givenPolicy(row) !== undefined) return;
  const record = draft.read(row)?.record;
  if (record?.case !== "policy") throw new IdentityError("not-found", `Scope ARN: ${arn} does not exist.`);
  const value = { ...record.value, boundaryUses: record.value.boundaryUses + by };
  draft.put(row, { case: "policy", value });
}
