import { create } from "@bufbuild/protobuf";
import {
  type GroupRecord,
  GroupRecordSchema,
  type IdentityRow,
  type UserRecord,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";
import { ownedPrefix, ownedRow } from "../names.ts";
import type { Draft } from "../store.ts";
import { checkName, checkPath, MAX_GROUP_MEMBERS, MAX_GROUPS_PER_USER, uniqueId } from "./checks.ts";
import type { IamContext } from "./context.ts";
import { holderOf } from "./holders.ts";
import { type Page, type PageRequest, pageOf } from "./pages.ts";
import { describe as describeUser, getUser, type IamUser } from "./users.ts";

const MAX_NAME_CHARACTERS = 128;

export interface IamGroup {
  readonly name: string;
  readonly path: string;
  readonly groupId: string;
  readonly createdAtMs: number;
}

/** Refuses "exists" and "invalid". */
export async function createGroup(
  context: IamContext,
  canonicalId: string,
  group: { readonly name: string; readonly path: string },
): Promise<IamGroup> {
  const { name, path } = group;
  checkName("a group's name", name, MAX_NAME_CHARACTERS);
  checkPath(path);
  const row = ownedRow("g", canonicalId, name);
  const groupId = uniqueId("AGPA", (length) => context.random.bytes(length));
  const value = create(GroupRecordSchema, { canonicalId, name, path, groupId });
  await context.store.change((draft) =>
    draft.add(row, { case: "group", value }, `a group with name ${name}`),
  );
  return described(context, row, name);
}

/** With its users. Refuses "not-found". */
export async function getGroup(
  context: IamContext,
  canonicalId: string,
  name: string,
): Promise<{ readonly group: IamGroup; readonly users: readonly IamUser[] }> {
  await context.store.barrier();
  const row = ownedRow("g", canonicalId, name);
  const group = described(context, row, name);
  const members = context.store.record(row, "group")?.members ?? [];
  const users = members.flatMap(
    (member) => describeUser(context.store.row(ownedRow("u", canonicalId, member))) ?? [],
  );
  return { group, users };
}

export function listGroups(
  context: IamContext,
  canonicalId: string,
  request: PageRequest & { readonly pathPrefix: string },
): Promise<Page<IamGroup>> {
  return pageOf(context.store, ownedPrefix("g", canonicalId), request, (row) => {
    const group = describe(row);
    return group?.path.startsWith(request.pathPrefix) === true ? group : undefined;
  });
}

/** Refuses "not-found". */
export async function listGroupsOfUser(
  context: IamContext,
  canonicalId: string,
  userName: string,
): Promise<readonly IamGroup[]> {
  const { groups } = await getUser(context, canonicalId, userName);
  return groups.flatMap((name) => describe(context.store.row(ownedRow("g", canonicalId, name))) ?? []);
}

/** Its users and policies stay. Refuses "not-found", "exists", "invalid", and "limit" where too many users would have to be told. */
export async function updateGroup(
  context: IamContext,
  canonicalId: string,
  name: string,
  change: { readonly name?: string | undefined; readonly path?: string | undefined },
): Promise<void> {
  if (change.name !== undefined) checkName("a group's name", change.name, MAX_NAME_CHARACTERS);
  if (change.path !== undefined) checkPath(change.path);
  const row = ownedRow("g", canonicalId, name);
  await context.store.change((draft) => {
    const before = draft.read(row);
    const group = holderOf(before, { kind: "group", canonicalId, name }).value as GroupRecord;
    const value: GroupRecord = {
      ...group,
      name: change.name ?? group.name,
      path: change.path ?? group.path,
      createdAtMs: group.createdAtMs || (before?.createdAtMs ?? 0n),
    };
    const newRow = ownedRow("g", canonicalId, value.name);
    if (newRow === row) {
      draft.put(row, { case: "group", value });
    } else {
      draft.remove(row);
      draft.add(newRow, { case: "group", value }, `a group with name ${value.name}`);
    }
    if (value.name !== group.name) renameInUsers(draft, group, value.name);
  });
}

/** Users in a group that can be renamed: all of them change in the same command, with the group's two rows. */
const MAX_RENAMED_MEMBERS = 62;

function renameInUsers(draft: Draft, group: GroupRecord, newName: string): void {
  if (group.members.length > MAX_RENAMED_MEMBERS) {
    throw new IdentityError("limit", `a group with more than ${MAX_RENAMED_MEMBERS} users keeps its name`);
  }
  for (const member of group.members) {
    const userRow = ownedRow("u", group.canonicalId, member);
    const user = draft.read(userRow)?.record;
    if (user?.case !== "user") continue;
    const groups = user.value.groups.map((one) => (one === group.name ? newName : one));
    draft.put(userRow, { case: "user", value: { ...user.value, groups } });
  }
}

/** Refuses "not-found", and "conflict" while it has policies or users. */
export async function deleteGroup(context: IamContext, canonicalId: string, name: string): Promise<void> {
  const row = ownedRow("g", canonicalId, name);
  await context.store.change((draft) => {
    const { value } = holderOf(draft.read(row), { kind: "group", canonicalId, name });
    const { members, inlinePolicies, attachedPolicies } = value as GroupRecord;
    if (members.length > 0) {
      throw new IdentityError("conflict", "Cannot delete entity, must remove users from group first.");
    }
    if (inlinePolicies.length > 0)
      throw new IdentityError("conflict", "Cannot delete entity, must delete policies first.");
    if (attachedPolicies.length > 0) {
      throw new IdentityError("conflict", "Cannot delete entity, must detach all policies first.");
    }
    draft.remove(row);
  });
}

/** A user that is in it already stays. Refuses "not-found" and "limit". */
export async function addUserToGroup(
  context: IamContext,
  canonicalId: string,
  names: { readonly group: string; readonly user: string },
): Promise<void> {
  await changeMembership(context, canonicalId, names, (group, user) => {
    if (user.groups.includes(group.name)) return { group, user };
    if (user.groups.length >= MAX_GROUPS_PER_USER || group.members.length >= MAX_GROUP_MEMBERS) {
      throw new IdentityError(
        "limit",
        `a user is in at most ${MAX_GROUPS_PER_USER} groups, and a group has at most ${MAX_GROUP_MEMBERS} users`,
      );
    }
    return {
      group: { ...group, members: [...group.members, user.name] },
      user: { ...user, groups: [...user.groups, group.name] },
    };
  });
}

/** Refuses "not-found". */
export async function removeUserFromGroup(
  context: IamContext,
  canonicalId: string,
  names: { readonly group: string; readonly user: string },
): Promise<void> {
  await changeMembership(context, canonicalId, names, (group, user) => ({
    group: { ...group, members: group.members.filter((member) => member !== user.name) },
    user: { ...user, groups: user.groups.filter((one) => one !== group.name) },
  }));
}

interface Membership {
  readonly group: GroupRecord;
  readonly user: UserRecord;
}

/** Both sides change together, or neither. */
async function changeMembership(
  { store }: IamContext,
  canonicalId: string,
  names: { readonly group: string; readonly user: string },
  change: (group: GroupRecord, user: UserRecord) => Membership,
): Promise<void> {
  const groupRow = ownedRow("g", canonicalId, names.group);
  const userRow = ownedRow("u", canonicalId, names.user);
  await store.change((draft) => {
    const group = holderOf(draft.read(groupRow), { kind: "group", canonicalId, name: names.group });
    const user = holderOf(draft.read(userRow), { kind: "user", canonicalId, name: names.user });
    const after = change(group.value as GroupRecord, user.value as UserRecord);
    draft.put(groupRow, { case: "group", value: after.group });
    draft.put(userRow, { case: "user", value: after.user });
  });
}

function describe(row: IdentityRow | undefined): IamGroup | undefined {
  if (row?.record.case !== "group") return undefined;
  const { name, path, groupId, createdAtMs } = row.record.value;
  return { name, path, groupId, createdAtMs: Number(createdAtMs || row.createdAtMs) };
}

function described({ store }: IamContext, row: string, name: string): IamGroup {
  const group = describe(store.row(row));
  if (group === undefined)
    throw new IdentityError("not-found", `The group with name ${name} cannot be found.`);
  return group;
}
