import { LRUCache } from "lru-cache";
import {
  accountIdOf,
  type Caller,
  conditionKeyName,
  type Identity,
  type Owner,
  type Policy,
  type Principal,
  parsePolicy,
  principalOf,
  type SessionClaims,
  type SessionSubject,
  type StoredKey,
} from "../access/index.ts";
import { givenPolicy } from "./given-policies.ts";
import { accountRow, emailRow, ownedRow, userIdRow } from "./names.ts";
import type { IdentityStore } from "./store.ts";

/** Compiled documents that are kept. */
const MAX_CACHED_POLICIES = 4096;

const ALLOWS_NOTHING: Policy = { statements: [], asksForObject: false };

/** What an identity has been given: texts of its own and of managed policies. */
interface Granted {
  readonly inlinePolicies: readonly { readonly document: string }[];
  /** Names of rows. */
  readonly attachedPolicies: readonly string[];
}

/** Who stands behind a key, and who is meant by a canonical id or an address. Reads rows; what it compiles is kept by its text. */
export class IdentityDirectory {
  readonly #store: IdentityStore;
  readonly #compiled = new LRUCache<string, Policy>({ max: MAX_CACHED_POLICIES });

  constructor(store: IdentityStore) {
    this.#store = store;
  }

  /** Undefined when the key is switched off, or the user that it was made for is gone. */
  principalOfKey(key: StoredKey): Principal | undefined {
    const principal = principalOf(key);
    if (principal === undefined || principal.role !== "user") return principal;
    const owner = this.ownerById(key.ownerId) ?? principal.owner;
    const identity =
      key.userId === "" ? this.accountIdentity(owner.id) : this.userIdentity(owner.id, key.userId);
    return identity && { ...principal, owner, identity };
  }

  /**
   * Who a session is, with what it may do now; undefined when its account, its user or its role is gone. The claims come out of a token that was
   * opened, so that they are as this cluster wrote them.
   */
  principalOfSession(keyId: string, claims: SessionClaims): Principal | undefined {
    const owner = this.ownerById(claims.canonicalId);
    const identity = owner && this.#subjectIdentity(claims);
    if (owner === undefined || identity === undefined) return undefined;
    const issued = conditionKeyName("aws:TokenIssueTime");
    const context = new Map([...identity.context, [issued, [new Date(claims.issuedAtMs).toISOString()]]]);
    const sessionPolicies = claims.policies?.map((text) => this.#compile(text));
    return {
      keyId,
      role: "user",
      buckets: undefined,
      owner,
      identity: { ...identity, context, sessionPolicies },
    };
  }

  #subjectIdentity({ canonicalId, subject }: SessionClaims): Identity | undefined {
    switch (subject.kind) {
      case "account":
        return this.accountIdentity(canonicalId);
      case "user":
        return this.userIdentity(canonicalId, subject.userId);
      case "role":
        return this.#roleIdentity(canonicalId, subject);
    }
  }

  #roleIdentity(
    canonicalId: string,
    subject: Extract<SessionSubject, { readonly kind: "role" }>,
  ): Identity | undefined {
    const { roleName, roleId, sessionName, provider } = subject;
    const role = this.#store.record(ownedRow("r", canonicalId, roleName), "role");
    if (role === undefined || role.roleId !== roleId) return undefined;
    const accountId = this.accountIdOf(canonicalId);
    const caller: Caller = {
      kind: "role-session",
      accountId,
      canonicalId,
      arn: `arn:aws:sts::${accountId}:assumed-role/${role.name}/${sessionName}`,
      roleArn: `arn:aws:iam::${accountId}:role${role.path}${role.name}`,
      uniqueId: roleId,
    };
    const tags = role.tags.map(({ name, value }) => [`aws:PrincipalTag/${name}`, value] as const);
    const federated = provider === undefined ? [] : [["aws:FederatedProvider", provider] as const];
    const more = [["aws:userid", `${roleId}:${sessionName}`] as const, ...federated, ...tags];
    return {
      caller,
      policies: this.policiesOf(role),
      boundary: this.#boundaryOf(role),
      sessionPolicies: undefined,
      context: contextOfCaller(caller, "AssumedRole", more),
    };
  }

  /** The account itself, which may do everything in it. */
  accountIdentity(canonicalId: string): Identity {
    const accountId = this.accountIdOf(canonicalId);
    const arn = `arn:aws:iam::${accountId}:root`;
    const caller: Caller = {
      kind: "account",
      accountId,
      canonicalId,
      arn,
      roleArn: undefined,
      uniqueId: accountId,
    };
    return {
      caller,
      policies: undefined,
      sessionPolicies: undefined,
      context: contextOfCaller(caller, "Account", []),
    };
  }

  userIdentity(canonicalId: string, userId: string): Identity | undefined {
    const row = this.#store.record(userIdRow(canonicalId, userId), "reference");
    const user = row === undefined ? undefined : this.#store.record(row, "user");
    if (user === undefined) return undefined;
    const accountId = this.accountIdOf(canonicalId);
    const arn = `arn:aws:iam::${accountId}:user${user.path}${user.name}`;
    const caller: Caller = {
      kind: "user",
      accountId,
      canonicalId,
      arn,
      roleArn: undefined,
      uniqueId: user.userId,
    };
    const groups = user.groups.flatMap(
      (name) => this.#store.record(ownedRow("g", canonicalId, name), "group") ?? [],
    );
    const tags = user.tags.map(({ name, value }) => [`aws:PrincipalTag/${name}`, value] as const);
    return {
      caller,
      policies: [user, ...groups].flatMap((granted) => this.policiesOf(granted)),
      boundary: this.#boundaryOf(user),
      sessionPolicies: undefined,
      context: contextOfCaller(caller, "User", [["aws:username", user.name], ...tags]),
    };
  }

  policiesOf(granted: Granted): readonly Policy[] {
    const texts = granted.inlinePolicies.map(({ document }) => document);
    for (const name of granted.attachedPolicies) {
      const given = givenPolicy(name);
      if (given !== undefined) {
        texts.push(given.document);
        continue;
      }
      const policy = this.#store.record(name, "policy");
      const version = policy?.versions.find((one) => one.version === policy.defaultVersion);
      if (version !== undefined) texts.push(version.document);
    }
    return texts.map((text) => this.#compile(text));
  }

  /** A boundary that is not there bounds everything: it allows nothing. */
  #boundaryOf({ permissionsBoundary }: { readonly permissionsBoundary: string }): Policy | undefined {
    if (permissionsBoundary === "") return undefined;
    const [policy] = this.policiesOf({ inlinePolicies: [], attachedPolicies: [permissionsBoundary] });
    return policy ?? ALLOWS_NOTHING;
  }

  ownerById(canonicalId: string): Owner | undefined {
    const account = this.#store.record(accountRow(canonicalId), "account");
    return account && { id: account.canonicalId, displayName: account.displayName };
  }

  ownerByEmail(email: string): Owner | undefined {
    const row = this.#store.record(emailRow(email), "reference");
    const account = row === undefined ? undefined : this.#store.record(row, "account");
    return account && { id: account.canonicalId, displayName: account.displayName };
  }

  /** Owners without a row of their own have a number too. */
  accountIdOf(canonicalId: string): string {
    return this.#store.record(accountRow(canonicalId), "account")?.accountId ?? accountIdOf(canonicalId);
  }

  /** Only what was accepted is stored, so that a text which does not parse is a bug or a newer version's: it must not be passed over. */
  #compile(text: string): Policy {
    const known = this.#compiled.get(text);
    if (known !== undefined) return known;
    const policy = parsePolicy(text, { kind: "identity" });
    this.#compiled.set(text, policy);
    return policy;
  }
}

/** Condition keys that tell who asks. */
export function contextOfCaller(
  caller: Extract<Caller, { readonly accountId: string }>,
  principalType: string,
  more: readonly (readonly [string, string])[],
): ReadonlyMap<string, readonly string[]> {
  const pairs: readonly (readonly [string, string])[] = [
    ["aws:PrincipalType", principalType],
    ["aws:PrincipalArn", caller.roleArn ?? caller.arn],
    ["aws:PrincipalAccount", caller.accountId],
    ["aws:userid", caller.uniqueId],
    ...more,
  ];
  return new Map(pairs.map(([key, value]) => [conditionKeyName(key), [value]]));
}
