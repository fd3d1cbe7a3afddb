/** Access keys that an account gives itself and its users. They lie with all other keys; here they are found by whom they are for. */

import { create } from "@bufbuild/protobuf";
import { KEY_KIND, KEY_ROLE, mintS3Key, type Owner } from "../../access/index.ts";
import { PutKeySchema, RefusalCode, RemoveKeySchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { type KeyRow, KeyRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { CommandBody } from "../../meta/index.ts";
import { IdentityError } from "../errors.ts";
import { MAX_ACCESS_KEYS_PER_USER } from "./checks.ts";
import type { IamContext } from "./context.ts";

/** Of a user, or of the account itself. */
export interface KeyHolder {
  readonly owner: Owner;
  readonly user: { readonly name: string; readonly userId: string } | undefined;
}

export interface AccessKey {
  readonly keyId: string;
  readonly isActive: boolean;
  readonly createdAtMs: number;
}

/** Refuses "limit" for a user that has two. The secret is shown this once. */
export async function createAccessKey(
  context: IamContext,
  holder: KeyHolder,
): Promise<AccessKey & { readonly secret: string }> {
  const { owner, user } = holder;
  const present = await listAccessKeys(context, holder);
  // The account's own keys are an operator's to count as well.
  if (user !== undefined && present.length >= MAX_ACCESS_KEYS_PER_USER) {
    throw new IdentityError(
      "limit",
      `Cannot exceed quota for AccessKeysPerUser: ${MAX_ACCESS_KEYS_PER_USER}`,
    );
  }
  const grant = { role: "user" as const, buckets: undefined, owner, ...(user && { user }) };
  const { stored, secret } = mintS3Key(grant, context.sealer, (length) => context.random.bytes(length));
  const key = create(KeyRowSchema, { ...stored, buckets: [], namespaces: [], description: user?.name ?? "" });
  await submit(context, { case: "putKey", value: create(PutKeySchema, { key, replace: false }) });
  const { createdAtMs = 0n } = context.store.metadata.view.key(stored.keyId) ?? {};
  return { keyId: stored.keyId, secret, isActive: true, createdAtMs: Number(createdAtMs) };
}

/** In the order of their ids. */
export async function listAccessKeys(context: IamContext, holder: KeyHolder): Promise<readonly AccessKey[]> {
  const rows = await keysOfUser(context, holder.owner.id, holder.user?.userId ?? "");
  return rows.map(({ keyId, inactive, createdAtMs }) => ({
    keyId,
    isActive: !inactive,
    createdAtMs: Number(createdAtMs),
  }));
}

/** Refuses "not-found". */
export async function setAccessKeyActive(
  context: IamContext,
  holder: KeyHolder,
  request: { readonly keyId: string; readonly isActive: boolean },
): Promise<void> {
  const row = await keyOf(context, holder, request.keyId);
  const key = { ...row, inactive: !request.isActive };
  const value = create(PutKeySchema, { key, replace: true, onlyExisting: true });
  await submit(context, { case: "putKey", value });
}

/** It stops working on every node that has applied that. Refuses "not-found". */
export async function deleteAccessKey(context: IamContext, holder: KeyHolder, keyId: string): Promise<void> {
  const row = await keyOf(context, holder, keyId);
  await submit(context, { case: "removeKey", value: create(RemoveKeySchema, { keyId: row.keyId }) });
}

/** `userId` "": the account's own. */
export async function keysOfUser(
  { store }: IamContext,
  canonicalId: string,
  userId: string,
): Promise<readonly KeyRow[]> {
  await store.barrier();
  const keys = await store.metadata.view.keys();
  return keys.filter((key) => isOf(key, canonicalId, userId));
}

async function keyOf({ store }: IamContext, { owner, user }: KeyHolder, keyId: string): Promise<KeyRow> {
  await store.barrier();
  const key = store.metadata.view.key(keyId);
  if (key !== undefined && isOf(key, owner.id, user?.userId ?? "")) return key;
  throw noSuchKey(keyId);
}

/** Keys of operators are none of an account's own, whoever owns what they make. */
function isOf(key: KeyRow, canonicalId: string, userId: string): boolean {
  const isUserKey = Number(key.kind) === KEY_KIND.s3 && Number(key.role) === KEY_ROLE.user;
  return isUserKey && key.ownerId === canonicalId && key.userId === userId;
}

async function submit({ store }: IamContext, body: CommandBody): Promise<void> {
  const refused = await store.submit(body);
  if (refused === undefined) return;
  switch (refused.code) {
    case RefusalCode.KEY_UNKNOWN:
      throw noSuchKey("");
    case RefusalCode.TOO_LARGE:
      throw new IdentityError("limit", "the cluster holds no more keys");
    default:
      throw new IdentityError("invalid", refused.detail);
  }
}

function noSuchKey(keyId: string): IdentityError {
  return new IdentityError("not-found", `The Access Key with id ${keyId} cannot be found.`);
}
