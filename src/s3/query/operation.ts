import type { Principal, ResourceKind, Role, RoleAccess } from "../../access/index.ts";
import {
  boundaries,
  type IamContext,
  type PolicyAddress,
  type ProvedWebIdentity,
} from "../../identity/index.ts";
import type { QueryParametersOf } from "./parameters.ts";

/** What an answer holds. Names are constants of the operations; an array becomes `member` elements, a map `entry` elements. */
export type QueryValue =
  | string
  | number
  | boolean
  | undefined
  | readonly QueryValue[]
  | ReadonlyMap<string, number>
  | { readonly [name: string]: QueryValue };

export interface QueryCall {
  readonly iam: IamContext;
  readonly principal: Principal;
  /** The account that the caller acts in. */
  readonly account: { readonly canonicalId: string; readonly accountId: string };
  readonly parameters: QueryParametersOf;
  /** What the caller was proved by, where no signature is asked for. */
  readonly webIdentity?: ProvedWebIdentity | undefined;
}

/** What the gate is asked about. */
export interface QueryTarget {
  readonly resource?: string;
  /** What must be allowed as well. */
  readonly alsoResource?: string | undefined;
  readonly role?: RoleAccess | undefined;
}

/** One call of IAM or STS: its row for the gate, the parameters that it knows, and what it does. */
export interface QueryOperation {
  readonly service: "iam" | "sts";
  readonly leastRole: Role;
  readonly resource: Extract<ResourceKind, "caller" | "identity" | "session" | "role">;
  /** Any other is refused: ignoring it would do something else than was asked. */
  readonly parameters: readonly string[];
  readonly target: (call: QueryCall) => QueryTarget | Promise<QueryTarget>;
  /** For a call that brings its own proof of who asks, instead of a signature. */
  readonly prove?: (call: Pick<QueryCall, "iam" | "parameters">) => Promise<ProvedWebIdentity>;
  /** Undefined: the answer has no result. */
  readonly run: (call: QueryCall) => Promise<QueryValue>;
}

export type QueryTable = Readonly<Record<string, QueryOperation>>;

interface Definition {
  readonly parameters: readonly string[];
  readonly target: (call: QueryCall) => string;
  /** What else must be allowed; undefined: nothing. */
  readonly alsoTarget?: (call: QueryCall) => string | undefined;
  readonly run: (call: QueryCall) => Promise<QueryValue>;
}

/** A call of IAM. Reading and writing identities is an operator's only with the greatest role. */
export function ofIam({ parameters, target, alsoTarget, run }: Definition): QueryOperation {
  return {
    service: "iam",
    leastRole: "admin",
    resource: "identity",
    parameters,
    target: (call) => ({ resource: target(call), alsoResource: alsoTarget?.(call) }),
    run,
  };
}

type Kind = "user" | "group" | "role";

/** The ARN of one of the account's, with the path that it has; of what is not there, with the path that it would have without a word. */
export function arnOf(call: QueryCall, kind: Kind, name: string, path?: string): string {
  const own = knownOf(call, kind, name);
  return `arn:aws:iam::${call.account.accountId}:${kind}${path ?? own.path}${own.name}`;
}

/** The ARN that one of the account's gets by another name or path; undefined: it keeps its own. */
export function movedArn(
  call: QueryCall,
  kind: Kind,
  move: { readonly name: string; readonly newName: string | undefined; readonly newPath: string | undefined },
): string | undefined {
  const { newName, newPath } = move;
  if (newName === undefined && newPath === undefined) return undefined;
  const own = knownOf(call, kind, move.name);
  return `arn:aws:iam::${call.account.accountId}:${kind}${newPath ?? own.path}${newName ?? own.name}`;
}

function knownOf(
  call: QueryCall,
  kind: Kind,
  name: string,
): { readonly name: string; readonly path: string } {
  const letter = { user: "u", group: "g", role: "r" }[kind];
  const row = call.iam.store.row(`${letter}/${call.account.canonicalId}/${name.toLowerCase()}`)?.record;
  const known = row !== undefined && "value" in row && typeof row.value === "object" ? row.value : undefined;
  return known !== undefined && "path" in known
    ? { name: known.name, path: known.path }
    : { name, path: "/" };
}

/** A member that says what bounds a user or a role; none where nothing does. */
export function boundaryValue(
  { iam, account }: QueryCall,
  { permissionsBoundary }: { readonly permissionsBoundary: string },
): { readonly PermissionsBoundary?: QueryValue } {
  const arn = boundaries.boundaryArn(iam.store, permissionsBoundary, account.accountId);
  if (arn === undefined) return {};
  return { PermissionsBoundary: { PermissionsBoundaryType: "Policy", PermissionsBoundaryArn: arn } };
}

/** The policy that the parameter PermissionsBoundary names. */
export function namedBoundary({ account, parameters }: QueryCall): PolicyAddress | undefined {
  const arn = parameters.optional("PermissionsBoundary");
  return arn === undefined ? undefined : { ...account, arn };
}

export function everyOf(call: QueryCall, kind: "user" | "group" | "role" | "policy"): string {
  return `arn:aws:iam::${call.account.accountId}:${kind}/`;
}

/** As IAM writes times: whole seconds. */
export function isoTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** The result of a list: named members, and where to go on. */
export function listed(
  name: string,
  page: { readonly items: readonly QueryValue[]; readonly marker?: string | undefined },
): QueryValue {
  return { [name]: page.items, IsTruncated: page.marker !== undefined, Marker: page.marker };
}
