/** Users, groups and roles as what they have in common: policies of their own, and managed policies that are attached to them. */

import type { GroupRecord, IdentityRow, RoleRecord, UserRecord } from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";
import { type OwnedKind, ownedRow } from "../names.ts";
import type { IdentityRecord, IdentityStore } from "../store.ts";

export type HolderKind = "user" | "group" | "role";

export type Holder =
  | { readonly case: "user"; readonly value: UserRecord }
  | { readonly case: "group"; readonly value: GroupRecord }
  | { readonly case: "role"; readonly value: RoleRecord };

/** One of an account's, by its name. */
export interface HolderAddress {
  readonly kind: HolderKind;
  readonly canonicalId: string;
  readonly name: string;
}

const LETTERS: Readonly<Record<HolderKind, OwnedKind>> = { user: "u", group: "g", role: "r" };

/** Characters of policies of its own together that are not white space, as in IAM. */
export const MAX_INLINE_POLICY_CHARACTERS: Readonly<Record<HolderKind, number>> = {
  user: 2048,
  group: 5120,
  role: 10_240,
};

export function holderRow({ kind, canonicalId, name }: HolderAddress): string {
  return ownedRow(LETTERS[kind], canonicalId, name);
}

/** Refuses "not-found". */
export function holderOf(row: IdentityRow | undefined, { kind, name }: HolderAddress): Holder {
  const record = row?.record;
  if (record?.case === kind) return record as Holder;
  throw new IdentityError("not-found", `The ${kind} with name ${name} cannot be found.`);
}

/** As of now. Refuses "not-found". */
export async function freshHolder(store: IdentityStore, address: HolderAddress): Promise<Holder> {
  await store.barrier();
  return holderOf(store.row(holderRow(address)), address);
}

/** The record with other policies. */
export function changed(
  holder: Holder,
  change: Partial<Pick<UserRecord, "inlinePolicies" | "attachedPolicies">>,
): IdentityRecord {
  return { case: holder.case, value: { ...holder.value, ...change } } as IdentityRecord;
}
