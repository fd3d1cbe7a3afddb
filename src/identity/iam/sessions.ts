/** Credentials for a while: of a user or an account, and of a role that somebody takes on. */

import {
  accountIdOf,
  type MintedSession,
  mintSession,
  type Policy,
  type Principal,
  parsePolicy,
  type RoleAccess,
  type SessionSubject,
} from "../../access/index.ts";
import { IdentityError } from "../errors.ts";
import { accountIdRow, ownedRow } from "../names.ts";
import { checkDocument } from "./checks.ts";
import type { IamContext } from "./context.ts";
import { listPolicyVersions } from "./managed-policies.ts";
import { describeRole, type IamRole } from "./roles.ts";

/** How long sessions last, in seconds. */
const MIN_SECONDS = 900;
const MAX_SESSION_TOKEN_SECONDS = 129_600;
const DEFAULT_SESSION_TOKEN_SECONDS = 43_200;
const DEFAULT_ROLE_SECONDS = 3600;
/** Greatest policy that comes with a session, in characters. */
const MAX_SESSION_POLICY_CHARACTERS = 2048;
/** Managed policies that a session is confined by; they travel in its token. */
const MAX_SESSION_POLICY_ARNS = 4;
/** Characters of all policies of a session together. */
const MAX_SESSION_POLICIES_CHARACTERS = 4096;
const SESSION_NAME = /^[\w+=,.@-]{2,64}$/;

export interface Session extends MintedSession {
  readonly expiresAtMs: number;
}

/** The role of an ARN, with the account that has it; undefined: there is none. */
export async function roleOfArn(
  context: IamContext,
  arn: string,
): Promise<
  { readonly role: IamRole; readonly canonicalId: string; readonly access: RoleAccess } | undefined
> {
  const match = /^arn:aws:iam::(\d{12}):role(\/(?:[\x21-\x7e]*\/)?)([\w+=,.@-]{1,64})$/.exec(arn);
  const [, accountId = "", path, name = ""] = match ?? [];
  await context.store.barrier();
  const account = context.store.record(accountIdRow(accountId), "reference");
  const record = account === undefined ? undefined : context.store.record(account, "account");
  if (record === undefined) return undefined;
  const role = describeRole(context.store.row(ownedRow("r", record.canonicalId, name)));
  // Rows are found whatever the case; policies that deny a role name it to the letter.
  if (role === undefined || role.path !== path || role.name !== name) return undefined;
  const trust: Policy = parsePolicy(role.trustPolicy, { kind: "trust" });
  return { role, canonicalId: record.canonicalId, access: { accountId, trust } };
}

/** For a caller that the gate let in. Refuses "invalid". */
export function sessionOfUser(
  context: IamContext,
  principal: Principal,
  seconds: number = DEFAULT_SESSION_TOKEN_SECONDS,
): Session {
  checkSeconds(seconds, MAX_SESSION_TOKEN_SECONDS);
  const { caller } = principal.identity ?? {};
  const subject: SessionSubject =
    caller?.kind === "user" ? { kind: "user", userId: caller.uniqueId } : { kind: "account" };
  return mint(context, { canonicalId: principal.owner.id, subject, seconds, policies: undefined });
}

export interface RoleSessionRequest {
  readonly canonicalId: string;
  readonly role: IamRole;
  readonly sessionName: string;
  /** Undefined: an hour. */
  readonly seconds: number | undefined;
  readonly policy: string | undefined;
  readonly policyArns: readonly string[];
  /** ARN of the identity provider whose token is shown; undefined: none is. */
  readonly provider?: string | undefined;
}

/** For a caller that the gate let in. Refuses "invalid", "policy-malformed", "not-found" and "limit". */
export async function sessionOfRole(context: IamContext, request: RoleSessionRequest): Promise<Session> {
  const { canonicalId, role, sessionName, seconds = DEFAULT_ROLE_SECONDS } = request;
  if (!SESSION_NAME.test(sessionName)) {
    throw new IdentityError("invalid", "a role session's name has 2 to 64 of A-Z, a-z, 0-9 and _+=,.@-");
  }
  checkSeconds(seconds, role.maxSessionSeconds);
  const policies = await sessionPolicies(context, request);
  const { provider } = request;
  const subject: SessionSubject = {
    kind: "role",
    roleName: role.name,
    roleId: role.roleId,
    sessionName,
    ...(provider !== undefined && { provider }),
  };
  return mint(context, { canonicalId, subject, seconds, policies });
}

/** Undefined: nothing confines the session. */
async function sessionPolicies(
  context: IamContext,
  { canonicalId, policy, policyArns }: RoleSessionRequest,
): Promise<readonly string[] | undefined> {
  if (policy === undefined && policyArns.length === 0) return undefined;
  if ((policy ?? "").length > MAX_SESSION_POLICY_CHARACTERS) {
    throw new IdentityError(
      "limit",
      `a session's policy has at most ${MAX_SESSION_POLICY_CHARACTERS} characters`,
    );
  }
  if (policyArns.length > MAX_SESSION_POLICY_ARNS) {
    throw new IdentityError("limit", `a session has at most ${MAX_SESSION_POLICY_ARNS} managed policies`);
  }
  const texts: string[] = [];
  if (policy !== undefined) {
    checkDocument(policy, "identity");
    texts.push(policy);
  }
  const accountId = accountIdOf(canonicalId);
  for (const arn of policyArns) {
    const versions = await listPolicyVersions(context, { canonicalId, accountId, arn });
    texts.push(versions.find(({ isDefault }) => isDefault)?.document ?? "");
  }
  if (texts.reduce((sum, text) => sum + text.length, 0) > MAX_SESSION_POLICIES_CHARACTERS) {
    throw new IdentityError("limit", "the policies of the session are too long together");
  }
  return texts;
}

function mint(
  { sealer, random, clock }: IamContext,
  session: {
    readonly canonicalId: string;
    readonly subject: SessionSubject;
    readonly seconds: number;
    readonly policies: readonly string[] | undefined;
  },
): Session {
  const { canonicalId, subject, seconds, policies } = session;
  const issuedAtMs = Math.trunc(clock.wallMs());
  const expiresAtMs = issuedAtMs + seconds * 1000;
  const claims = { issuedAtMs, expiresAtMs, canonicalId, subject, ...(policies && { policies }) };
  return { ...mintSession(claims, sealer, (length) => random.bytes(length)), expiresAtMs };
}

function checkSeconds(seconds: number, most: number): void {
  if (seconds >= MIN_SECONDS && seconds <= most) return;
  throw new IdentityError("invalid", `DurationSeconds is a number from ${MIN_SECONDS} to ${most}`);
}
