/** Policies with a name and versions of their own, which are attached to users, groups and roles. */

import { create } from "@bufbuild/protobuf";
import {
  type IdentityRow,
  type PolicyRecord,
  PolicyRecordSchema,
  PolicyVersionSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";
import { attachmentOf, GIVEN_POLICIES, givenPolicy, givenPolicyArn } from "../given-policies.ts";
import { ownedPrefix, ownedRow } from "../names.ts";
import type { Draft } from "../store.ts";
import {
  checkDescription,
  checkDocument,
  checkName,
  checkPath,
  MAX_MANAGED_POLICY_CHARACTERS,
  MAX_POLICY_VERSIONS,
  sizeOf,
  uniqueId,
} from "./checks.ts";
import type { IamContext } from "./context.ts";
import { type Page, type PageRequest, pageOf } from "./pages.ts";

const MAX_NAME_CHARACTERS = 128;

export interface ManagedPolicy {
  readonly name: string;
  readonly arn: string;
  readonly path: string;
  readonly policyId: string;
  readonly description: string;
  /** "v1". */
  readonly defaultVersion: string;
  readonly attachments: number;
  /** Users and roles that it bounds. */
  readonly boundaryUses: number;
  readonly createdAtMs: number;
  readonly updatedAtMs: number;
}

export interface ManagedPolicyVersion {
  readonly version: string;
  readonly document: string;
  readonly isDefault: boolean;
  readonly createdAtMs: number;
}

export interface NewManagedPolicy {
  readonly name: string;
  readonly path: string;
  readonly description: string;
  readonly document: string;
}

/** Who has it, and which one. */
export interface PolicyAddress {
  readonly canonicalId: string;
  readonly accountId: string;
  readonly arn: string;
}

/** Refuses "exists", "invalid", "limit" and "policy-malformed". */
export async function createPolicy(
  context: IamContext,
  account: { readonly canonicalId: string; readonly accountId: string },
  policy: NewManagedPolicy,
): Promise<ManagedPolicy> {
  const { name, path, description, document } = policy;
  checkName("a policy's name", name, MAX_NAME_CHARACTERS);
  checkPath(path);
  checkDescription(description);
  checkManaged(document);
  const row = ownedRow("p", account.canonicalId, name);
  const policyId = uniqueId("ANPA", (length) => context.random.bytes(length));
  const createdAtMs = BigInt(Math.trunc(context.clock.wallMs()));
  const value = create(PolicyRecordSchema, {
    canonicalId: account.canonicalId,
    name,
    path,
    policyId,
    description,
    versions: [create(PolicyVersionSchema, { version: 1, document, createdAtMs })],
    defaultVersion: 1,
    nextVersion: 2,
    updatedAtMs: createdAtMs,
  });
  await context.store.change((draft) =>
    draft.add(row, { case: "policy", value }, `a policy with name ${name}`),
  );
  return describe(context.store.row(row), account.accountId) ?? gone(name);
}

/** Refuses "not-found". */
export async function getPolicy(context: IamContext, address: PolicyAddress): Promise<ManagedPolicy> {
  const row = rowOf(address);
  const given = givenPolicy(row);
  if (given !== undefined) return describeGiven(given);
  await context.store.barrier();
  const policy = describe(context.store.row(row), address.accountId);
  return policy?.arn === address.arn ? policy : gone(address.arn);
}

/** The account's own, AWS's, or both. */
export async function listPolicies(
  context: IamContext,
  account: { readonly canonicalId: string; readonly accountId: string },
  request: PageRequest & {
    readonly scope: "All" | "AWS" | "Local";
    readonly pathPrefix: string;
    readonly onlyAttached: boolean;
  },
): Promise<Page<ManagedPolicy>> {
  const { scope, pathPrefix, onlyAttached } = request;
  const given =
    scope === "Local" || request.marker !== undefined || onlyAttached || !"/".startsWith(pathPrefix)
      ? []
      : GIVEN_POLICIES.map(describeGiven);
  if (scope === "AWS") return { items: given, marker: undefined };
  const page = await pageOf(context.store, ownedPrefix("p", account.canonicalId), request, (row) => {
    const policy = describe(row, account.accountId);
    if (policy === undefined || !policy.path.startsWith(pathPrefix)) return undefined;
    return onlyAttached && policy.attachments === 0 ? undefined : policy;
  });
  return { ...page, items: [...given, ...page.items] };
}

/** Refuses "not-found", and "conflict" while it is attached or has other versions. */
export async function deletePolicy(context: IamContext, address: PolicyAddress): Promise<void> {
  const row = ownRow(address);
  await context.store.change((draft) => {
    const policy = policyOf(draft.read(row), address);
    if (policy.attachments > 0)
      throw new IdentityError("conflict", "Cannot delete a policy attached to entities.");
    if (policy.boundaryUses > 0) {
      throw new IdentityError("conflict", "Cannot delete a policy that is a permissions boundary.");
    }
    if (policy.versions.length > 1) {
      throw new IdentityError("conflict", "This policy has more than one version.");
    }
    draft.remove(row);
  });
}

/** Refuses "not-found", "limit" and "policy-malformed". Gives the new version. */
export async function createPolicyVersion(
  context: IamContext,
  address: PolicyAddress,
  request: { readonly document: string; readonly isDefault: boolean },
): Promise<ManagedPolicyVersion> {
  checkManaged(request.document);
  const row = ownRow(address);
  const createdAtMs = BigInt(Math.trunc(context.clock.wallMs()));
  let version = 0;
  await context.store.change((draft) => {
    const policy = policyOf(draft.read(row), address);
    if (policy.versions.length >= MAX_POLICY_VERSIONS) {
      throw new IdentityError("limit", `A managed policy can have up to ${MAX_POLICY_VERSIONS} versions.`);
    }
    version = policy.nextVersion;
    const added = create(PolicyVersionSchema, { version, document: request.document, createdAtMs });
    const defaultVersion = request.isDefault ? version : policy.defaultVersion;
    put(draft, row, {
      ...policy,
      versions: [...policy.versions, added],
      defaultVersion,
      nextVersion: version + 1,
      updatedAtMs: createdAtMs,
    });
  });
  return {
    version: `v${version}`,
    document: request.document,
    isDefault: request.isDefault,
    createdAtMs: Number(createdAtMs),
  };
}

/** Refuses "not-found". */
export async function listPolicyVersions(
  context: IamContext,
  address: PolicyAddress,
): Promise<readonly ManagedPolicyVersion[]> {
  const row = rowOf(address);
  const given = givenPolicy(row);
  if (given !== undefined) {
    return [{ version: "v1", document: given.document, isDefault: true, createdAtMs: 0 }];
  }
  await context.store.barrier();
  const policy = policyOf(context.store.row(row), address);
  return policy.versions.map(({ version, document, createdAtMs }) => ({
    version: `v${version}`,
    document,
    isDefault: version === policy.defaultVersion,
    createdAtMs: Number(createdAtMs),
  }));
}

/** Refuses "not-found". */
export async function getPolicyVersion(
  context: IamContext,
  address: PolicyAddress,
  version: string,
): Promise<ManagedPolicyVersion> {
  const versions = await listPolicyVersions(context, address);
  return versions.find((one) => one.version === version) ?? gone(`${address.arn} version ${version}`);
}

/** Refuses "not-found". */
export async function setDefaultPolicyVersion(
  context: IamContext,
  address: PolicyAddress,
  version: string,
): Promise<void> {
  const row = ownRow(address);
  await context.store.change((draft) => {
    const policy = policyOf(draft.read(row), address);
    put(draft, row, { ...policy, defaultVersion: versionIn(policy, version) });
  });
}

/** Refuses "not-found", and "conflict" for the default version. */
export async function deletePolicyVersion(
  context: IamContext,
  address: PolicyAddress,
  version: string,
): Promise<void> {
  const row = ownRow(address);
  await context.store.change((draft) => {
    const policy = policyOf(draft.read(row), address);
    const number = versionIn(policy, version);
    if (number === policy.defaultVersion) {
      throw new IdentityError("conflict", "Cannot delete the default version of a policy.");
    }
    const versions = policy.versions.filter((one) => one.version !== number);
    put(draft, row, { ...policy, versions });
  });
}

/** What an attachment to the policy is called: its row, or the name of a given one. Refuses "not-found", also for an ARN that only resembles its own. */
export function attachmentIn(draft: Draft, address: PolicyAddress): string {
  const row = rowOf(address);
  if (givenPolicy(row) === undefined) policyOf(draft.read(row), address);
  return row;
}

export function policyArn(
  accountId: string,
  { path, name }: { readonly path: string; readonly name: string },
): string {
  return `arn:aws:iam::${accountId}:policy${path}${name}`;
}

/** Where the policy lies, if it is there. Refuses "not-found" for an ARN that is none of the account's. */
function rowOf({ canonicalId, accountId, arn }: PolicyAddress): string {
  const given = GIVEN_POLICIES.find((policy) => givenPolicyArn(policy) === arn);
  if (given !== undefined) return attachmentOf(given);
  const name = new RegExp(`^arn:aws:iam::${accountId}:policy/(?:.*/)?([^/]+)$`).exec(arn)?.[1];
  return name === undefined ? gone(arn) : ownedRow("p", canonicalId, name);
}

function ownRow(address: PolicyAddress): string {
  const row = rowOf(address);
  if (givenPolicy(row) === undefined) return row;
  throw new IdentityError("conflict", "A policy of AWS cannot be changed.");
}

/** Rows are found by the name alone, whatever its case; what a caller may do was decided on the whole ARN, to the letter. */
function policyOf(row: IdentityRow | undefined, { accountId, arn }: PolicyAddress): PolicyRecord {
  const record = row?.record;
  if (record?.case !== "policy" || policyArn(accountId, record.value) !== arn) return gone(arn);
  return record.value;
}

function versionIn(policy: PolicyRecord, version: string): number {
  const found = policy.versions.find((one) => `v${one.version}` === version);
  if (found !== undefined) return found.version;
  throw new IdentityError("not-found", `Policy ${policy.name} version ${version} does not exist.`);
}

function put(draft: Draft, row: string, value: PolicyRecord): void {
  draft.put(row, { case: "policy", value });
}

function checkManaged(document: string): void {
  checkDocument(document, "identity");
  if (sizeOf(document) <= MAX_MANAGED_POLICY_CHARACTERS) return;
  throw new IdentityError(
    "limit",
    `a managed policy has at most ${MAX_MANAGED_POLICY_CHARACTERS} characters`,
  );
}

function describe(row: IdentityRow | undefined, accountId: string): ManagedPolicy | undefined {
  if (row?.record.case !== "policy") return undefined;
  const { name, path, policyId, description, defaultVersion, attachments, boundaryUses, updatedAtMs } =
    row.record.value;
  return {
    name,
    path,
    policyId,
    description,
    attachments,
    boundaryUses,
    arn: policyArn(accountId, { path, name }),
    defaultVersion: `v${defaultVersion}`,
    createdAtMs: Number(row.createdAtMs),
    updatedAtMs: Number(updatedAtMs),
  };
}

function describeGiven(given: (typeof GIVEN_POLICIES)[number]): ManagedPolicy {
  return {
    name: given.name,
    path: "/",
    policyId: given.policyId,
    description: given.description,
    attachments: 0,
    boundaryUses: 0,
    arn: givenPolicyArn(given),
    defaultVersion: "v1",
    createdAtMs: 0,
    updatedAtMs: 0,
  };
}

function gone(what: string): never {
  throw new IdentityError("not-found", `Policy ${what} does not exist or is not attachable.`);
}
