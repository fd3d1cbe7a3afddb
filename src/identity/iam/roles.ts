import { create } from "@bufbuild/protobuf";
import {
  HeaderSchema,
  type IdentityRow,
  type RoleRecord,
  RoleRecordSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";
import { ownedPrefix, ownedRow } from "../names.ts";
import { releaseBoundary, takeBoundary } from "./boundaries.ts";
import {
  checkDescription,
  checkDocument,
  checkIdentityTags,
  checkName,
  checkPath,
  type IdentityTag,
  uniqueId,
} from "./checks.ts";
import type { IamContext } from "./context.ts";
import { holderOf } from "./holders.ts";
import type { PolicyAddress } from "./managed-policies.ts";
import { type Page, type PageRequest, pageOf } from "./pages.ts";

const MAX_NAME_CHARACTERS = 64;
/** How long a session of a role may be allowed to last, in seconds. */
const MIN_SESSION_SECONDS = 3600;
const MAX_SESSION_SECONDS = 43_200;

export interface IamRole {
  readonly name: string;
  readonly path: string;
  readonly roleId: string;
  readonly trustPolicy: string;
  readonly description: string;
  readonly maxSessionSeconds: number;
  readonly tags: readonly IdentityTag[];
  /** Row name of the policy that bounds it; empty: nothing does. */
  readonly permissionsBoundary: string;
  readonly createdAtMs: number;
}

export interface NewRole {
  readonly name: string;
  readonly path: string;
  readonly trustPolicy: string;
  readonly description: string;
  readonly maxSessionSeconds: number;
  readonly tags: readonly IdentityTag[];
  readonly boundary?: PolicyAddress | undefined;
}

/** Refuses "exists", "invalid", "policy-malformed" and, for a boundary that is not there, "not-found". */
export async function createRole(context: IamContext, canonicalId: string, role: NewRole): Promise<IamRole> {
  checkName("a role's name", role.name, MAX_NAME_CHARACTERS);
  checkPath(role.path);
  checkDocument(role.trustPolicy, "trust");
  checkDescription(role.description);
  checkSessionSeconds(role.maxSessionSeconds);
  checkIdentityTags(role.tags);
  const row = ownedRow("r", canonicalId, role.name);
  const { name, path, trustPolicy, description, maxSessionSeconds } = role;
  const value = create(RoleRecordSchema, {
    name,
    path,
    trustPolicy,
    description,
    maxSessionSeconds,
    canonicalId,
    roleId: uniqueId("AROA", (length) => context.random.bytes(length)),
    tags: role.tags.map((tag) => create(HeaderSchema, tag)),
  });
  await context.store.change((draft) => {
    const permissionsBoundary = takeBoundary(draft, role.boundary);
    draft.add(row, { case: "role", value: { ...value, permissionsBoundary } }, `a role with name ${name}`);
  });
  return described(context, row, role.name);
}

/** Refuses "not-found". */
export async function getRole(context: IamContext, canonicalId: string, name: string): Promise<IamRole> {
  await context.store.barrier();
  return described(context, ownedRow("r", canonicalId, name), name);
}

export function listRoles(
  context: IamContext,
  canonicalId: string,
  request: PageRequest & { readonly pathPrefix: string },
): Promise<Page<IamRole>> {
  return pageOf(context.store, ownedPrefix("r", canonicalId), request, (row) => {
    const role = describeRole(row);
    return role?.path.startsWith(request.pathPrefix) === true ? role : undefined;
  });
}

/** Refuses "not-found", "invalid" and "policy-malformed". */
export async function updateRole(
  context: IamContext,
  canonicalId: string,
  name: string,
  change: Partial<Pick<NewRole, "description" | "maxSessionSeconds" | "trustPolicy">>,
): Promise<void> {
  if (change.description !== undefined) checkDescription(change.description);
  if (change.maxSessionSeconds !== undefined) checkSessionSeconds(change.maxSessionSeconds);
  if (change.trustPolicy !== undefined) checkDocument(change.trustPolicy, "trust");
  const row = ownedRow("r", canonicalId, name);
  await context.store.change((draft) => {
    const role = holderOf(draft.read(row), { kind: "role", canonicalId, name }).value as RoleRecord;
    draft.put(row, { case: "role", value: { ...role, ...change } });
  });
}

/** Its sessions end with it. Refuses "not-found", and "conflict" while it has policies. */
export async function deleteRole(context: IamContext, canonicalId: string, name: string): Promise<void> {
  const row = ownedRow("r", canonicalId, name);
  await context.store.change((draft) => {
    const { value } = holderOf(draft.read(row), { kind: "role", canonicalId, name });
    if (value.inlinePolicies.length > 0)
      throw new IdentityError("conflict", "Cannot delete entity, must delete policies first.");
    if (value.attachedPolicies.length > 0) {
      throw new IdentityError("conflict", "Cannot delete entity, must detach all policies first.");
    }
    releaseBoundary(draft, (value as RoleRecord).permissionsBoundary);
    draft.remove(row);
  });
}

export function describeRole(row: IdentityRow | undefined): IamRole | undefined {
  if (row?.record.case !== "role") return undefined;
  const { name, path, roleId, trustPolicy, description, maxSessionSeconds, tags, permissionsBoundary } =
    row.record.value;
  const createdAtMs = Number(row.createdAtMs);
  return {
    name,
    path,
    roleId,
    trustPolicy,
    description,
    maxSessionSeconds,
    tags,
    permissionsBoundary,
    createdAtMs,
  };
}

function described({ store }: IamContext, row: string, name: string): IamRole {
  const role = describeRole(store.row(row));
  if (role === undefined) throw new IdentityError("not-found", `The role with name ${name} cannot be found.`);
  return role;
}

function checkSessionSeconds(seconds: number): void {
  if (seconds >= MIN_SESSION_SECONDS && seconds <= MAX_SESSION_SECONDS) return;
  throw new IdentityError(
    "invalid",
    `MaxSessionDuration is a number from ${MIN_SESSION_SECONDS} to ${MAX_SESSION_SECONDS}`,
  );
}
