import { create } from "@bufbuild/protobuf";
import { InlinePolicySchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";
import { checkDocument, checkName, sizeOf } from "./checks.ts";
import type { IamContext } from "./context.ts";
import {
  changed,
  freshHolder,
  type HolderAddress,
  holderOf,
  holderRow,
  MAX_INLINE_POLICY_CHARACTERS,
} from "./holders.ts";

const MAX_NAME_CHARACTERS = 128;

/** Refuses "not-found", "policy-malformed" and "limit". */
export async function putInlinePolicy(
  { store }: IamContext,
  address: HolderAddress,
  policy: { readonly name: string; readonly document: string },
): Promise<void> {
  checkName("a policy's name", policy.name, MAX_NAME_CHARACTERS);
  checkDocument(policy.document, "identity");
  const row = holderRow(address);
  await store.change((draft) => {
    const holder = holderOf(draft.read(row), address);
    const others = holder.value.inlinePolicies.filter(({ name }) => name !== policy.name);
    const inlinePolicies = [...others, create(InlinePolicySchema, policy)].sort(byName);
    const size = inlinePolicies.reduce((sum, { document }) => sum + sizeOf(document), 0);
    const most = MAX_INLINE_POLICY_CHARACTERS[address.kind];
    if (size > most) {
      throw new IdentityError(
        "limit",
        `Maximum policy size of ${most} bytes exceeded for ${address.kind} ${address.name}`,
      );
    }
    draft.put(row, changed(holder, { inlinePolicies }));
  });
}

/** Refuses "not-found". */
export async function getInlinePolicy(
  { store }: IamContext,
  address: HolderAddress,
  policyName: string,
): Promise<{ readonly holderName: string; readonly document: string }> {
  const { value } = await freshHolder(store, address);
  const policy = value.inlinePolicies.find(({ name }) => name === policyName);
  if (policy === undefined) throw missing(policyName);
  return { holderName: value.name, document: policy.document };
}

/** Refuses "not-found". */
export async function deleteInlinePolicy(
  { store }: IamContext,
  address: HolderAddress,
  policyName: string,
): Promise<void> {
  const row = holderRow(address);
  await store.change((draft) => {
    const holder = holderOf(draft.read(row), address);
    const inlinePolicies = holder.value.inlinePolicies.filter(({ name }) => name !== policyName);
    if (inlinePolicies.length === holder.value.inlinePolicies.length) throw missing(policyName);
    draft.put(row, changed(holder, { inlinePolicies }));
  });
}

/** In the order of their names. Refuses "not-found". */
export async function listInlinePolicies(
  { store }: IamContext,
  address: HolderAddress,
): Promise<readonly string[]> {
  const { value } = await freshHolder(store, address);
  return value.inlinePolicies.map(({ name }) => name);
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}

function missing(policyName: string): IdentityError {
  return new IdentityError("not-found", `The policy with name ${policyName} cannot be found.`);
}
