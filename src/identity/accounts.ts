import { create } from "@bufbuild/protobuf";
import { accountIdOf, ownerNamed } from "../access/index.ts";
import { type AccountRecord, AccountRecordSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { IdentityError } from "./errors.ts";
import { accountIdRow, accountNameRow, accountRow, emailRow, type OwnedKind, ownedPrefix } from "./names.ts";
import type { Draft, IdentityStore } from "./store.ts";

const NAME = /^[a-z0-9][a-z0-9._-]{0,62}$/;
const CANONICAL_ID = /^[A-Za-z0-9_.-]{1,64}$/;
const EMAIL = /^[\x21-\x3f\x41-\x7e]{1,64}@[A-Za-z0-9.-]{1,190}$/;
const MAX_DISPLAY_NAME_CHARACTERS = 128;
const OWNED_KINDS: readonly OwnedKind[] = ["u", "g", "r", "p", "o"];
/** Buckets that are looked at in one read. */
const PAGE_BUCKETS = 1000;

/** A user of Skerry: who owns buckets and objects. */
export interface Account {
  readonly canonicalId: string;
  /** 12 digits, as ARNs have it. */
  readonly accountId: string;
  readonly name: string;
  readonly displayName: string;
  /** "": none. */
  readonly email: string;
  readonly createdAtMs: number;
}

export interface NewAccount {
  readonly name: string;
  /** "": the name. */
  readonly displayName: string;
  readonly email: string;
  /** "": made from the name. */
  readonly canonicalId: string;
}

export class Accounts {
  readonly #store: IdentityStore;
  readonly #clusterId: string;

  constructor(store: IdentityStore, clusterId: string) {
    this.#store = store;
    this.#clusterId = clusterId;
  }

  /** Refuses "invalid" and "exists". */
  async create(request: NewAccount): Promise<Account> {
    const record = this.#record(request);
    await this.#store.change((draft) => {
      draft.add(
        accountRow(record.canonicalId),
        { case: "account", value: record },
        "a user of this canonical id",
      );
      addReferences(draft, record);
    });
    return this.#found(record.canonicalId);
  }

  /** Makes the account, or makes it what is asked for; for the root user, whose particulars are configured. */
  async ensure(request: NewAccount): Promise<void> {
    const record = this.#record(request);
    const row = accountRow(record.canonicalId);
    const present = this.#store.record(row, "account");
    if (present !== undefined && isSame(present, record)) return;
    await this.#store.change((draft) => {
      const old = draft.read(row)?.record;
      if (old?.case === "account") removeReferences(draft, old.value);
      draft.put(row, { case: "account", value: record });
      addReferences(draft, record);
    });
  }

  byCanonicalId(canonicalId: string): Account | undefined {
    return this.#describe(accountRow(canonicalId));
  }

  byName(name: string): Account | undefined {
    return this.#referred(accountNameRow(name));
  }

  byEmail(email: string): Account | undefined {
    return this.#referred(emailRow(email));
  }

  byAccountId(accountId: string): Account | undefined {
    return this.#referred(accountIdRow(accountId));
  }

  async list(): Promise<readonly Account[]> {
    await this.#store.barrier();
    const rows = await this.#store.all("a/");
    return rows.flatMap(({ name }) => this.#describe(name) ?? []);
  }

  /** Refuses "not-found", and "conflict" while it has keys, buckets, or identities of its own. */
  async remove(name: string): Promise<void> {
    await this.#store.barrier();
    const account = this.byName(name);
    if (account === undefined) throw new IdentityError("not-found", `there is no user ${name}`);
    await this.#refuseInUse(account);
    await this.#store.change((draft) => {
      const row = accountRow(account.canonicalId);
      const record = draft.read(row)?.record;
      if (record?.case !== "account") throw new IdentityError("not-found", `there is no user ${name}`);
      draft.remove(row);
      removeReferences(draft, record.value);
    });
  }

  async #refuseInUse({ canonicalId }: Account): Promise<void> {
    const { view } = this.#store.metadata;
    const keys = await view.keys();
    if (keys.some(({ ownerId }) => ownerId === canonicalId)) {
      throw new IdentityError("conflict", "the user still has keys; revoke them first");
    }
    for (const kind of OWNED_KINDS) {
      if (!(await this.#store.has(ownedPrefix(kind, canonicalId)))) continue;
      throw new IdentityError(
        "conflict",
        "the user still has IAM users, groups, roles, policies or providers",
      );
    }
    let after = "";
    for (;;) {
      const page = await view.buckets({ prefix: "", after, limit: PAGE_BUCKETS });
      const owned = page.find(({ ownerId }) => ownerId === canonicalId);
      if (owned !== undefined)
        throw new IdentityError("conflict", `the user still owns the bucket ${owned.name}`);
      if (page.length < PAGE_BUCKETS) return;
      after = page.at(-1)?.name ?? "";
    }
  }

  #record(request: NewAccount): AccountRecord {
    const { name, email } = request;
    const displayName = request.displayName || name;
    const canonicalId = request.canonicalId || ownerNamed(this.#clusterId, name).id;
    if (!NAME.test(name)) {
      throw new IdentityError(
        "invalid",
        "a user's name has 1 to 63 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit",
      );
    }
    if (!CANONICAL_ID.test(canonicalId))
      throw new IdentityError("invalid", "a canonical id has 1 to 64 letters and digits");
    if (displayName.length > MAX_DISPLAY_NAME_CHARACTERS) {
      throw new IdentityError(
        "invalid",
        `a display name has at most ${MAX_DISPLAY_NAME_CHARACTERS} characters`,
      );
    }
    if (email !== "" && !EMAIL.test(email)) throw new IdentityError("invalid", "that is no e-mail address");
    return create(AccountRecordSchema, {
      canonicalId,
      accountId: accountIdOf(canonicalId),
      name,
      displayName,
      email,
    });
  }

  #referred(name: string): Account | undefined {
    const row = this.#store.record(name, "reference");
    return row === undefined ? undefined : this.#describe(row);
  }

  #describe(name: string): Account | undefined {
    const row = this.#store.row(name);
    if (row?.record.case !== "account") return undefined;
    const { canonicalId, accountId, displayName, email, name: userName } = row.record.value;
    return {
      canonicalId,
      accountId,
      name: userName,
      displayName,
      email,
      createdAtMs: Number(row.createdAtMs),
    };
  }

  #found(canonicalId: string): Account {
    const account = this.byCanonicalId(canonicalId);
    if (account === undefined)
      throw new IdentityError("not-found", "the user was removed at once by another caller");
    return account;
  }
}

function addReferences(draft: Draft, record: AccountRecord): void {
  for (const [name, what] of references(record)) {
    draft.add(name, { case: "reference", value: accountRow(record.canonicalId) }, what);
  }
}

function removeReferences(draft: Draft, record: AccountRecord): void {
  for (const [name] of references(record)) draft.remove(name);
}

function references({ name, email, accountId }: AccountRecord): readonly (readonly [string, string])[] {
  const rows: (readonly [string, string])[] = [
    [accountNameRow(name), "a user of this name"],
    [accountIdRow(accountId), "a user of this account id; choose another canonical id"],
  ];
  if (email !== "") rows.push([emailRow(email), "a user with this e-mail address"]);
  return rows;
}

function isSame(a: AccountRecord, b: AccountRecord): boolean {
  return a.name === b.name && a.displayName === b.displayName && a.email === b.email;
}
