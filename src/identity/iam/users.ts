import { create } from "@bufbuild/protobuf";
import {
  HeaderSchema,
  type IdentityRow,
  type UserRecord,
  UserRecordSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";
import { ownedPrefix, ownedRow, userIdRow } from "../names.ts";
import { keysOfUser } from "./access-keys.ts";
import { releaseBoundary, takeBoundary } from "./boundaries.ts";
import { checkIdentityTags, checkName, checkPath, type IdentityTag, uniqueId } from "./checks.ts";
import type { IamContext } from "./context.ts";
import { holderOf } from "./holders.ts";
import type { PolicyAddress } from "./managed-policies.ts";
import { type Page, type PageRequest, pageOf } from "./pages.ts";

const MAX_NAME_CHARACTERS = 64;

export interface IamUser {
  readonly name: string;
  readonly path: string;
  readonly userId: string;
  readonly tags: readonly IdentityTag[];
  readonly groups: readonly string[];
  /** Row name of the policy that bounds it; empty: nothing does. */
  readonly permissionsBoundary: string;
  readonly createdAtMs: number;
}

/** Refuses "exists", "invalid" and, for a boundary that is not there, "not-found". */
export async function createUser(
  context: IamContext,
  canonicalId: string,
  user: {
    readonly name: string;
    readonly path: string;
    readonly tags: readonly IdentityTag[];
    readonly boundary?: PolicyAddress | undefined;
  },
): Promise<IamUser> {
  checkName("a user's name", user.name, MAX_NAME_CHARACTERS);
  checkPath(user.path);
  checkIdentityTags(user.tags);
  const row = ownedRow("u", canonicalId, user.name);
  const userId = uniqueId("AIDA", (length) => context.random.bytes(length));
  const value = create(UserRecordSchema, {
    canonicalId,
    name: user.name,
    path: user.path,
    userId,
    tags: user.tags.map((tag) => create(HeaderSchema, tag)),
  });
  await context.store.change((draft) => {
    const permissionsBoundary = takeBoundary(draft, user.boundary);
    draft.add(
      row,
      { case: "user", value: { ...value, permissionsBoundary } },
      `a user with name ${user.name}`,
    );
    draft.add(userIdRow(canonicalId, userId), { case: "reference", value: row }, "a user of this id");
  });
  return described(context, row, user.name);
}

/** Refuses "not-found". */
export async function getUser(context: IamContext, canonicalId: string, name: string): Promise<IamUser> {
  await context.store.barrier();
  return described(context, ownedRow("u", canonicalId, name), name);
}

/** By name, whatever its case. */
export function listUsers(
  context: IamContext,
  canonicalId: string,
  request: PageRequest & { readonly pathPrefix: string },
): Promise<Page<IamUser>> {
  return pageOf(context.store, ownedPrefix("u", canonicalId), request, (row) => {
    const user = describe(row);
    return user?.path.startsWith(request.pathPrefix) === true ? user : undefined;
  });
}

/** Its keys, its policies and its groups go on being its own. Refuses "not-found", "exists" and "invalid". */
export async function updateUser(
  context: IamContext,
  canonicalId: string,
  name: string,
  change: { readonly name?: string | undefined; readonly path?: string | undefined },
): Promise<void> {
  if (change.name !== undefined) checkName("a user's name", change.name, MAX_NAME_CHARACTERS);
  if (change.path !== undefined) checkPath(change.path);
  const row = ownedRow("u", canonicalId, name);
  await context.store.change((draft) => {
    const before = draft.read(row);
    const holder = holderOf(before, { kind: "user", canonicalId, name });
    const user = holder.value as UserRecord;
    const value: UserRecord = {
      ...user,
      name: change.name ?? user.name,
      path: change.path ?? user.path,
      createdAtMs: user.createdAtMs || (before?.createdAtMs ?? 0n),
    };
    const newRow = ownedRow("u", canonicalId, value.name);
    if (newRow === row) return draft.put(row, { case: "user", value });
    draft.remove(row);
    draft.add(newRow, { case: "user", value }, `a user with name ${value.name}`);
    draft.put(userIdRow(canonicalId, user.userId), { case: "reference", value: newRow });
    for (const groupName of user.groups) {
      const groupRow = ownedRow("g", canonicalId, groupName);
      const group = draft.read(groupRow)?.record;
      if (group?.case !== "group") continue;
      const members = group.value.members.map((member) => (member === user.name ? value.name : member));
      draft.put(groupRow, { case: "group", value: { ...group.value, members } });
    }
  });
}

/** Refuses "not-found", and "conflict" while it has keys, policies or groups. */
export async function deleteUser(context: IamContext, canonicalId: string, name: string): Promise<void> {
  const user = await getUser(context, canonicalId, name);
  if ((await keysOfUser(context, canonicalId, user.userId)).length > 0) {
    throw new IdentityError("conflict", "Cannot delete entity, must delete access keys first.");
  }
  const row = ownedRow("u", canonicalId, name);
  await context.store.change((draft) => {
    const { value } = holderOf(draft.read(row), { kind: "user", canonicalId, name });
    const { inlinePolicies, attachedPolicies, groups, userId } = value as UserRecord;
    if (inlinePolicies.length > 0)
      throw new IdentityError("conflict", "Cannot delete entity, must delete policies first.");
    if (attachedPolicies.length > 0) {
      throw new IdentityError("conflict", "Cannot delete entity, must detach all policies first.");
    }
    if (groups.length > 0) {
      throw new IdentityError("conflict", "Cannot delete entity, must remove users from group first.");
    }
    releaseBoundary(draft, (value as UserRecord).permissionsBoundary);
    draft.remove(row);
    draft.remove(userIdRow(canonicalId, userId));
  });
}

export function describe(row: IdentityRow | undefined): IamUser | undefined {
  if (row?.record.case !== "user") return undefined;
  const { name, path, userId, tags, groups, permissionsBoundary, createdAtMs } = row.record.value;
  const madeAtMs = Number(createdAtMs || row.createdAtMs);
  return { name, path, userId, tags, groups, permissionsBoundary, createdAtMs: madeAtMs };
}

function described({ store }: IamContext, row: string, name: string): IamUser {
  const user = describe(store.row(row));
  if (user === undefined) throw new IdentityError("not-found", `The user with name ${name} cannot be found.`);
  return user;
}
