/** OpenID Connect providers that an account trusts: issuers whose tokens may stand for its roles' callers. */

import { create } from "@bufbuild/protobuf";
import {
  type IdentityRow,
  type ProviderRecord,
  ProviderRecordSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "../errors.ts";
import { ownedPrefix, ownedRow } from "../names.ts";
import { checkIdentityTags, type IdentityTag, tagRows, withoutTags, withTags } from "./checks.ts";
import type { IamContext } from "./context.ts";

export const MAX_PROVIDERS = 100;
export const MAX_CLIENT_IDS = 100;
const MAX_THUMBPRINTS = 5;
const MAX_URL_CHARACTERS = 255;
const CLIENT_ID = /^[\x20-\x7e]{1,255}$/;
/** SHA-1 of a certificate, in hexadecimal. */
const THUMBPRINT = /^[0-9a-f]{40}$/;

export interface IdentityProvider {
  /** Without "https://". */
  readonly url: string;
  readonly arn: string;
  readonly clientIds: readonly string[];
  readonly thumbprints: readonly string[];
  readonly tags: readonly IdentityTag[];
  readonly createdAtMs: number;
}

export interface ProviderAddress {
  readonly canonicalId: string;
  readonly accountId: string;
  readonly arn: string;
}

export interface NewProvider {
  readonly url: string;
  readonly clientIds: readonly string[];
  readonly thumbprints: readonly string[];
  readonly tags: readonly IdentityTag[];
}

type Account = Omit<ProviderAddress, "arn">;

/** Refuses "invalid", "exists" and "limit". */
export async function createProvider(
  context: IamContext,
  account: Account,
  provider: NewProvider,
): Promise<IdentityProvider> {
  const url = checkUrl(provider.url);
  const clientIds = checkClientIds(provider.clientIds);
  const thumbprints = checkThumbprints(provider.thumbprints);
  checkIdentityTags(provider.tags);
  if ((await context.store.count(ownedPrefix("o", account.canonicalId))) >= MAX_PROVIDERS) {
    throw new IdentityError(
      "limit",
      `Cannot exceed quota for OpenIDConnectProvidersPerAccount: ${MAX_PROVIDERS}`,
    );
  }
  const row = ownedRow("o", account.canonicalId, url);
  const tags = tagRows(provider.tags);
  const { canonicalId } = account;
  const value = create(ProviderRecordSchema, { canonicalId, url, clientIds, thumbprints, tags });
  await context.store.change((draft) =>
    draft.add(row, { case: "provider", value }, `a provider with url https://${url}`),
  );
  return describe(context.store.row(row), account) ?? gone(url);
}

/** Refuses "not-found". */
export async function getProvider(context: IamContext, address: ProviderAddress): Promise<IdentityProvider> {
  await context.store.barrier();
  const provider = describe(context.store.row(rowOf(address)), address);
  return provider?.arn === address.arn ? provider : gone(address.arn);
}

export async function listProviders(
  { store }: IamContext,
  account: Account,
): Promise<readonly IdentityProvider[]> {
  await store.barrier();
  const rows = await store.all(ownedPrefix("o", account.canonicalId));
  return rows.flatMap((row) => describe(row, account) ?? []);
}

/** Its tokens are good for nothing any more; sessions that came of them go on to their end. Refuses "not-found". */
export function deleteProvider({ store }: IamContext, address: ProviderAddress): Promise<void> {
  const row = rowOf(address);
  return store.change((draft) => {
    providerOf(draft.read(row), address);
    draft.remove(row);
  });
}

/** Adding one that is there changes nothing. Refuses "not-found", "invalid" and "limit". */
export function addClientId(context: IamContext, address: ProviderAddress, clientId: string): Promise<void> {
  return change(context, address, ({ clientIds }) => ({
    clientIds: checkClientIds([...clientIds, clientId]),
  }));
}

/** Removing one that is not there changes nothing. Refuses "not-found". */
export function removeClientId(
  context: IamContext,
  address: ProviderAddress,
  clientId: string,
): Promise<void> {
  return change(context, address, ({ clientIds }) => ({
    clientIds: clientIds.filter((one) => one !== clientId),
  }));
}

/** Refuses "not-found" and "invalid". */
export function setThumbprints(
  context: IamContext,
  address: ProviderAddress,
  thumbprints: readonly string[],
): Promise<void> {
  const checked = checkThumbprints(thumbprints);
  return change(context, address, () => ({ thumbprints: checked }));
}

/** A tag replaces the one of the same key. Refuses "not-found", "invalid" and "limit". */
export function addProviderTags(
  context: IamContext,
  address: ProviderAddress,
  added: readonly IdentityTag[],
): Promise<void> {
  checkIdentityTags(added);
  return change(context, address, ({ tags }) => ({ tags: tagRows(withTags(tags, added)) }));
}

/** Refuses "not-found". */
export function removeProviderTags(
  context: IamContext,
  address: ProviderAddress,
  keys: readonly string[],
): Promise<void> {
  return change(context, address, ({ tags }) => ({ tags: tagRows(withoutTags(tags, keys)) }));
}

/** The provider of this issuer in an account, as this node has applied it. */
export function providerOfIssuer(
  { store }: IamContext,
  account: Account,
  issuer: string,
): IdentityProvider | undefined {
  const provider = describe(
    store.row(ownedRow("o", account.canonicalId, issuer.replace(/^https:\/\//, ""))),
    account,
  );
  // Rows are found whatever the case; an issuer is what it says, to the letter.
  const isSame = provider !== undefined && (issuer === provider.url || issuer === `https://${provider.url}`);
  return isSame ? provider : undefined;
}

function change(
  { store }: IamContext,
  address: ProviderAddress,
  plan: (present: ProviderRecord) => Partial<Pick<ProviderRecord, "clientIds" | "thumbprints" | "tags">>,
): Promise<void> {
  const row = rowOf(address);
  return store.change((draft) => {
    const present = providerOf(draft.read(row), address);
    draft.put(row, { case: "provider", value: { ...present, ...plan(present) } });
  });
}

function rowOf({ canonicalId, accountId, arn }: ProviderAddress): string {
  const prefix = arnOf(accountId, "");
  return arn.startsWith(prefix) ? ownedRow("o", canonicalId, arn.slice(prefix.length)) : gone(arn);
}

/** Rows are found whatever the case; what a caller may do was decided on the ARN to the letter. */
function providerOf(row: IdentityRow | undefined, { accountId, arn }: ProviderAddress): ProviderRecord {
  const record = row?.record;
  if (record?.case !== "provider" || arnOf(accountId, record.value.url) !== arn) return gone(arn);
  return record.value;
}

function arnOf(accountId: string, url: string): string {
  return `arn:aws:iam::${accountId}:oidc-provider/${url}`;
}

function describe(row: IdentityRow | undefined, { accountId }: Account): IdentityProvider | undefined {
  if (row?.record.case !== "provider") return undefined;
  const { url, clientIds, thumbprints, tags } = row.record.value;
  return {
    url,
    arn: arnOf(accountId, url),
    clientIds,
    thumbprints,
    tags: tags.map(({ name, value }) => ({ name, value })),
    createdAtMs: Number(row.createdAtMs),
  };
}

/** An issuer's address as OpenID Connect has it: https, no query and no fragment; nor a name, a password or anything that two readers could read in two ways. */
function checkUrl(text: string): string {
  const url = URL.parse(text);
  const plain = text.replace(/\/$/, "");
  const isPlain =
    url !== null &&
    url.protocol === "https:" &&
    text.length <= MAX_URL_CHARACTERS &&
    url.href.replace(/\/$/, "") === plain;
  if (!isPlain || url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") {
    throw new IdentityError(
      "invalid",
      "Url is the address of an issuer: https, without query, fragment, name and password",
    );
  }
  return plain.slice("https://".length);
}

function checkClientIds(clientIds: readonly string[]): string[] {
  const distinct = [...new Set(clientIds)];
  if (!distinct.every((clientId) => CLIENT_ID.test(clientId))) {
    throw new IdentityError("invalid", "a client id has 1 to 255 characters of ASCII");
  }
  if (distinct.length > MAX_CLIENT_IDS) {
    throw new IdentityError(
      "limit",
      `Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: ${MAX_CLIENT_IDS}`,
    );
  }
  return distinct;
}

function checkThumbprints(thumbprints: readonly string[]): string[] {
  const lower = thumbprints.map((text) => text.toLowerCase());
  if (lower.length > MAX_THUMBPRINTS) {
    throw new IdentityError(
      "invalid",
      `Thumbprint list must contain fewer than ${MAX_THUMBPRINTS + 1} entries.`,
    );
  }
  if (lower.every((text) => THUMBPRINT.test(text))) return lower;
  throw new IdentityError("invalid", "a thumbprint is the SHA-1 of a certificate: 40 hexadecimal digits");
}

function gone(what: string): never {
  throw new IdentityError("not-found", `OpenIDConnect Provider not found for ${what}`);
}
