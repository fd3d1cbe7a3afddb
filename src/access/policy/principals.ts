/** The Principal element. Source: the IAM user guide, "AWS JSON policy elements: Principal". */

import type { PrincipalPattern } from "./policy.ts";
import { isJsonObject, type JsonValue } from "./strict-json.ts";

/** Who asks, as policies name it. */
export type Caller =
  | { readonly kind: "anonymous" }
  | {
      readonly kind: "account" | "user" | "role-session";
      /** 12 digits. */
      readonly accountId: string;
      readonly canonicalId: string;
      /** `arn:aws:iam::123456789012:user/name`; of a role's session, that of the session. */
      readonly arn: string;
      /** Of a role's session: `arn:aws:iam::123456789012:role/name`. */
      readonly roleArn: string | undefined;
      /** Of the user or the role. */
      readonly uniqueId: string;
    }
  | { readonly kind: "federated"; readonly provider: string }
  | { readonly kind: "service"; readonly service: string };

/** How a list of principals fits: as one that was named, or only as one of a named account, which must allow it itself. */
export type PrincipalFit = "named" | "of-account" | "none";

const ACCOUNT_ROOT = /^arn:aws:iam::([\w-]{1,128}):root$/;
const IDENTITY_ARN =
  /^arn:aws:(?:iam::[\w-]{0,128}:(?:user|role)\/[\w+=,.@/:-]{1,576}|sts::[\w-]{1,128}:(?:assumed-role\/[\w+=,.@-]{1,64}\/[\w+=,.@-]{1,64}|federated-user\/[\w+=,.@-]{1,64}))$/;

/** Undefined: it has a form that is not understood. */
export function parsePrincipals(value: JsonValue): readonly PrincipalPattern[] | undefined {
  if (value === "*") return [{ kind: "everyone" }];
  if (!isJsonObject(value)) return undefined;
  const patterns: PrincipalPattern[] = [];
  for (const [type, names] of Object.entries(value)) {
    const list = typeof names === "string" ? [names] : names;
    if (!Array.isArray(list)) return undefined;
    for (const name of list as readonly JsonValue[]) {
      const pattern = typeof name === "string" ? parsePrincipal(type, name) : undefined;
      if (pattern === undefined) return undefined;
      patterns.push(pattern);
    }
  }
  return patterns.length === 0 ? undefined : patterns;
}

function parsePrincipal(type: string, name: string): PrincipalPattern | undefined {
  switch (type) {
    case "AWS":
      return parseAwsPrincipal(name);
    case "CanonicalUser":
      return /^[\w-]{1,128}$/.test(name) ? { kind: "canonical", canonicalId: name } : undefined;
    case "Federated":
      return /^[\x21-\x7e]{1,512}$/.test(name) && name !== "*"
        ? { kind: "federated", provider: name }
        : undefined;
    case "Service":
      return /^[a-z0-9.-]{1,128}$/.test(name) ? { kind: "service", service: name } : undefined;
    default:
      return undefined;
  }
}

function parseAwsPrincipal(name: string): PrincipalPattern | undefined {
  if (name === "*") return { kind: "everyone" };
  if (/^\d{12}$/.test(name)) return { kind: "account", accountId: name };
  const account = ACCOUNT_ROOT.exec(name)?.[1];
  if (account !== undefined) return { kind: "account", accountId: account };
  if (IDENTITY_ARN.test(name)) return { kind: "arn", arn: name };
  return /^A[A-Z0-9]{15,127}$/.test(name) ? { kind: "unique-id", id: name } : undefined;
}

export function fitOfPrincipals(patterns: readonly PrincipalPattern[], caller: Caller): PrincipalFit {
  let fit: PrincipalFit = "none";
  for (const pattern of patterns) {
    const found = fitOf(pattern, caller);
    if (found === "named") return "named";
    if (found === "of-account") fit = found;
  }
  return fit;
}

function fitOf(pattern: PrincipalPattern, caller: Caller): PrincipalFit {
  if (pattern.kind === "everyone") return "named";
  switch (caller.kind) {
    case "anonymous":
      return "none";
    case "federated":
      return pattern.kind === "federated" && pattern.provider === caller.provider ? "named" : "none";
    case "service":
      return pattern.kind === "service" && pattern.service === caller.service ? "named" : "none";
    default:
      return fitOfIdentity(pattern, caller);
  }
}

function fitOfIdentity(
  pattern: PrincipalPattern,
  caller: Extract<Caller, { readonly accountId: string }>,
): PrincipalFit {
  const ofAccount = caller.kind === "account" ? "named" : "of-account";
  switch (pattern.kind) {
    case "account":
      return pattern.accountId === caller.accountId ? ofAccount : "none";
    case "canonical":
      return pattern.canonicalId === caller.canonicalId ? ofAccount : "none";
    case "arn":
      return pattern.arn === caller.arn || pattern.arn === caller.roleArn ? "named" : "none";
    case "unique-id":
      return pattern.id === caller.uniqueId ? "named" : "none";
    default:
      return "none";
  }
}
