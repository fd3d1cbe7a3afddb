import type { RoleRecord, UserRecord } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { IdentityRecord } from "../store.ts";
import { checkIdentityTags, type IdentityTag, tagRows, withoutTags, withTags } from "./checks.ts";
import type { IamContext } from "./context.ts";
import { freshHolder, type HolderAddress, holderOf, holderRow } from "./holders.ts";

/** Of users and roles; groups have none. */
export type TaggedAddress = HolderAddress & { readonly kind: "user" | "role" };

/** A tag replaces the one of the same key. Refuses "not-found", "invalid" and "limit". */
export function addTags(
  context: IamContext,
  address: TaggedAddress,
  tags: readonly IdentityTag[],
): Promise<void> {
  checkIdentityTags(tags);
  return change(context, address, (present) => withTags(present, tags));
}

/** Refuses "not-found". */
export function removeTags(
  context: IamContext,
  address: TaggedAddress,
  keys: readonly string[],
): Promise<void> {
  return change(context, address, (present) => withoutTags(present, keys));
}

/** Refuses "not-found". */
export async function listTags(
  { store }: IamContext,
  address: TaggedAddress,
): Promise<readonly IdentityTag[]> {
  return tagsOf((await freshHolder(store, address)).value as UserRecord | RoleRecord);
}

async function change(
  { store }: IamContext,
  address: TaggedAddress,
  plan: (present: readonly IdentityTag[]) => readonly IdentityTag[],
): Promise<void> {
  const row = holderRow(address);
  await store.change((draft) => {
    const holder = holderOf(draft.read(row), address);
    const tags = plan(tagsOf(holder.value as UserRecord | RoleRecord));
    checkIdentityTags(tags);
    const value = { ...holder.value, tags: tagRows(tags) };
    draft.put(row, { case: holder.case, value } as IdentityRecord);
  });
}

function tagsOf({ tags }: UserRecord | RoleRecord): readonly IdentityTag[] {
  return tags.map(({ name, value }) => ({ name, value }));
}
