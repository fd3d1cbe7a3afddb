import { create } from "@bufbuild/protobuf";
import {
  type ApiKeyHasher,
  KEY_KIND,
  KEY_ROLE,
  type KeyGrant,
  type MintedKey,
  mintApiKey,
  mintS3Key,
  type Owner,
  ownerNamed,
  ROLES,
  rotateApiKey,
  type Sealer,
  type StoredKey,
} from "../access/index.ts";
import {
  type CommandResult,
  PutKeySchema,
  RefusalCode,
  RemoveKeySchema,
  RotateKeySchema,
} from "../gen/skerry/meta/v1/commands_pb.js";
import { type KeyRow, KeyRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import type { Accounts } from "../identity/index.ts";
import { type CommandBody, type Metadata, MetaError } from "../meta/index.ts";
import type { Random } from "../platform/index.ts";
import { AdminError } from "./errors.ts";
import type { KeyAdmin, KeyDescription, NewKey } from "./ports.ts";

/** Greatest length of a key's description, in characters. */
const MAX_DESCRIPTION_CHARACTERS = 256;
/** How long a secret may go on working after it was rotated: 30 days. */
const MAX_GRACE_SECONDS = 30 * 24 * 3600;
/** Keys that one cluster holds. */
const MAX_KEYS = 10_000;

export interface KeyAdminOptions {
  readonly clusterId: string;
  readonly metadata: Metadata;
  readonly sealer: Sealer;
  readonly hasher: ApiKeyHasher;
  readonly random: Random;
  readonly accounts: Accounts;
}

/** Minting, listing, rotating and revoking keys. Secrets are shown by `create` and `rotate` and never again. */
export class KeyAdministration implements KeyAdmin {
  readonly #options: KeyAdminOptions;

  constructor(options: KeyAdminOptions) {
    this.#options = options;
  }

  async create(request: NewKey): Promise<{ readonly key: KeyDescription; readonly secret: string }> {
    if (request.description.length > MAX_DESCRIPTION_CHARACTERS) {
      throw new AdminError("invalid", `a description has at most ${MAX_DESCRIPTION_CHARACTERS} characters`);
    }
    const { metadata } = this.#options;
    if ((await metadata.view.keys()).length >= MAX_KEYS) {
      throw new AdminError("overloaded", `a cluster holds at most ${MAX_KEYS} keys; revoke some`);
    }
    const minted = this.#mint(request);
    await this.#submit({
      case: "putKey",
      value: create(PutKeySchema, { key: keyRow(minted.stored, request.description), replace: false }),
    });
    const row = metadata.view.key(minted.stored.keyId);
    if (row === undefined) throw new AdminError("not-found", "the key was revoked at once by another caller");
    return { key: describeKey(row), secret: minted.secret };
  }

  async list(): Promise<readonly KeyDescription[]> {
    const { metadata } = this.#options;
    await this.#translated(metadata.barrier());
    return (await metadata.view.keys()).map(describeKey);
  }

  async revoke(keyId: string): Promise<void> {
    await this.#submit({ case: "removeKey", value: create(RemoveKeySchema, { keyId }) });
  }

  async rotate(
    keyId: string,
    { graceSeconds }: { readonly graceSeconds: number },
  ): Promise<{ readonly key: KeyDescription; readonly secret: string }> {
    const { metadata, hasher, random } = this.#options;
    await this.#translated(metadata.barrier());
    const known = metadata.view.key(keyId);
    if (known === undefined) throw new AdminError("not-found", "there is no key of this id");
    if (Number(known.kind) !== KEY_KIND.api)
      throw new AdminError("invalid", "only API keys are rotated; make another key and revoke this one");
    if (graceSeconds > MAX_GRACE_SECONDS)
      throw new AdminError(
        "invalid",
        `a secret works for at most ${MAX_GRACE_SECONDS} seconds after its rotation`,
      );
    const { secret, secretHash } = rotateApiKey(keyId, hasher, (length) => random.bytes(length));
    const value = create(RotateKeySchema, { keyId, secretHash, graceSeconds: BigInt(graceSeconds) });
    await this.#submit({ case: "rotateKey", value });
    const row = metadata.view.key(keyId);
    if (row === undefined) throw new AdminError("not-found", "the key was revoked at once by another caller");
    return { key: describeKey(row), secret };
  }

  #mint(request: NewKey): MintedKey {
    const { sealer, hasher, random } = this.#options;
    const grant: KeyGrant = {
      role: request.role,
      buckets: request.buckets,
      namespaces: request.namespaces,
      owner: this.#owner(request),
      inflightLimit: request.inflightLimit,
    };
    const randomBytes = (length: number) => random.bytes(length);
    return request.kind === "s3"
      ? mintS3Key(grant, sealer, randomBytes)
      : mintApiKey(grant, hasher, randomBytes);
  }

  #owner(request: NewKey): Owner {
    if (request.user === "") {
      if (request.role === "user") throw new AdminError("invalid", "a key with the role of a user needs one");
      return ownerNamed(this.#options.clusterId, request.ownerDisplayName || request.description || "skerry");
    }
    const account = this.#options.accounts.byName(request.user);
    if (account === undefined) throw new AdminError("not-found", `there is no user ${request.user}`);
    return { id: account.canonicalId, displayName: account.displayName };
  }

  async #submit(body: CommandBody): Promise<void> {
    const result = await this.#translated(this.#options.metadata.submit(body));
    refuse(result);
  }

  async #translated<T>(promise: Promise<T>): Promise<T> {
    try {
      return await promise;
    } catch (error) {
      if (error instanceof MetaError) throw new AdminError(error.code, error.message, { cause: error });
      throw error;
    }
  }
}

/** Throws the AdminError of a refused command. */
export function refuse(result: CommandResult): void {
  if (result.result.case !== "refusal") return;
  const { code, detail } = result.result.value;
  if (code === RefusalCode.KEY_EXISTS) throw new AdminError("exists", "there is a key of this id already");
  if (code === RefusalCode.KEY_UNKNOWN) throw new AdminError("not-found", "there is no key of this id");
  if (code === RefusalCode.ENCRYPTION_KEY_EXISTS) {
    throw new AdminError("exists", "there is an encryption key of this id already");
  }
  if (code === RefusalCode.ENCRYPTION_KEY_UNKNOWN) {
    throw new AdminError("not-found", `there is no encryption key of this id${detail && ` with ${detail}`}`);
  }
  if (code === RefusalCode.ENCRYPTION_KEY_CHANGED) {
    throw new AdminError("unavailable", "the key was rotated by somebody else at the same time");
  }
  if (code === RefusalCode.ENCRYPTION_KEY_IN_USE) {
    const advice =
      "rotate the key, and wait until `skerry encryption-key versions` shows no uses of the version";
    throw new AdminError("refused", detail, { refusal: { reason: "in-use", advice } });
  }
  throw new AdminError("invalid", detail || RefusalCode[code]);
}

/** A key as it lies in the metadata. */
export function keyRow(stored: StoredKey, description: string): KeyRow {
  return create(KeyRowSchema, {
    ...stored,
    buckets: [...stored.buckets],
    namespaces: [...stored.namespaces],
    description,
  });
}

export function describeKey(row: KeyRow): KeyDescription {
  return {
    keyId: row.keyId,
    kind: row.kind === KEY_KIND.s3 ? "s3" : "api",
    role:
      row.role === KEY_ROLE.user ? "user" : (ROLES.find((role) => KEY_ROLE[role] === row.role) ?? "reader"),
    description: row.description,
    buckets: row.buckets.length === 0 ? undefined : row.buckets,
    namespaces: row.namespaces.length === 0 ? undefined : row.namespaces,
    createdAtMs: Number(row.createdAtMs),
    ownerId: row.ownerId,
    ownerDisplayName: row.ownerDisplayName,
    userName: row.userName,
    inactive: row.inactive,
    inflightLimit: row.inflightLimit,
    previousUntilMs: Number(row.previousUntilMs),
  };
}
