/** IAM and STS on the service root: forms in, XML out. The same order as for S3: parse, authenticate, authorize, limits, act, render. */

import {
  accountIdOf,
  type OperationRequest,
  type PolicyContext,
  type Principal,
} from "../../access/index.ts";
import { GrowingBuffer } from "../../base/index.ts";
import { boundaries, type IamContext, type ProvedWebIdentity } from "../../identity/index.ts";
import type { Clock } from "../../platform/index.ts";
import { notImplemented, S3Refusal } from "../errors.ts";
import type { S3Request, S3Response } from "../http.ts";
import type { Authorizer } from "../ports.ts";
import type { QueryCall, QueryOperation } from "./operation.ts";
import { QUERY_OPERATIONS, type QueryName, queryName } from "./operations.ts";
import {
  invalid,
  MAX_QUERY_BODY_BYTES,
  MAX_QUERY_BODY_MS,
  type QueryParametersOf,
  readParameters,
} from "./parameters.ts";
import { renderResult } from "./render.ts";

/** A call whose action is known, and nothing else of it believed. */
export interface ParsedQuery {
  readonly name: QueryName;
  readonly action: string;
  readonly operation: QueryOperation;
  readonly parameters: QueryParametersOf;
  readonly body: Uint8Array;
}

/** What every call has beside those of its own. */
const COMMON_PARAMETERS: ReadonlySet<string> = new Set(["Action", "Version"]);

/**
 * Reads at most `MAX_QUERY_BODY_BYTES`. Refuses "NotImplemented" for calls that are not answered here, "RequestTimeout" for bodies that take longer than
 * `MAX_QUERY_BODY_MS`.
 */
export async function readQuery(
  request: Pick<S3Request, "body">,
  clock: Pick<Clock, "monotonicMs">,
): Promise<ParsedQuery> {
  const body = await readBody(request, clock);
  const parameters = readParameters(body);
  const action = parameters.required("Action");
  const operation = Object.hasOwn(QUERY_OPERATIONS, action) ? QUERY_OPERATIONS[action] : undefined;
  if (operation === undefined) throw notImplemented(`The action ${action.slice(0, 64)}`);
  return { name: queryName(action, operation), action, operation, parameters, body };
}

async function readBody(
  { body }: Pick<S3Request, "body">,
  clock: Pick<Clock, "monotonicMs">,
): Promise<Uint8Array> {
  const held = new GrowingBuffer(MAX_QUERY_BODY_BYTES);
  const endMs = clock.monotonicMs() + MAX_QUERY_BODY_MS;
  for await (const piece of body) {
    if (held.sizeBytes + piece.length > MAX_QUERY_BODY_BYTES) {
      throw invalid(`A request has at most ${MAX_QUERY_BODY_BYTES} bytes.`);
    }
    // Progress alone is not enough: whoever sends this is not known yet, and keeps a place from others.
    if (clock.monotonicMs() > endMs) throw new S3Refusal("RequestTimeout");
    held.append(piece);
  }
  return held.bytes();
}

/** Who asks, where the call itself says it; undefined: its signature has to. Refuses what `IdentityError` has for tokens. */
export function proofOf(query: ParsedQuery, iam: IamContext): Promise<ProvedWebIdentity> | undefined {
  const { prove } = query.operation;
  if (prove === undefined) return undefined;
  checkParameters(query);
  return prove({ iam, parameters: query.parameters });
}

function checkParameters({ operation, parameters, action }: ParsedQuery): void {
  for (const name of parameters.names()) {
    if (!COMMON_PARAMETERS.has(name) && !operation.parameters.includes(name)) {
      throw notImplemented(`The parameter ${name.slice(0, 64)} of ${action}`);
    }
  }
}

export interface QueryRun {
  readonly query: ParsedQuery;
  readonly principal: Principal;
  readonly webIdentity: ProvedWebIdentity | undefined;
  readonly iam: IamContext;
  readonly authorizer: Authorizer;
  readonly context: PolicyContext;
  readonly requestId: string;
  /** Called once the gate has let the call in, with what it touches. */
  readonly admitted: (resource: string | undefined) => void;
}

/** For a caller that proved who it is. */
export async function answerQuery(run: QueryRun): Promise<S3Response> {
  const { query, principal, webIdentity, iam, authorizer, requestId } = run;
  const { operation, parameters, action } = query;
  checkParameters(query);
  const canonicalId = principal.owner.id;
  const account = { canonicalId, accountId: accountIdOf(canonicalId) };
  const call: QueryCall = { iam, principal, account, parameters, webIdentity };
  const { resource, alsoResource, role } = await operation.target(call);
  const asked: OperationRequest = {
    name: query.name,
    context: withParameters(run.context, call),
    ...(role !== undefined && { role }),
  };
  for (const one of alsoResource === undefined ? [resource] : [resource, alsoResource]) {
    const { kind } = authorizer.authorize(principal, {
      ...asked,
      ...(one !== undefined && { resource: one }),
    });
    if (kind !== "allow") throw denied(run, one);
  }
  run.admitted(resource);
  return renderResult({ service: operation.service, action, requestId }, await operation.run(call));
}

/** What trust policies ask of a session that is wanted. */
function withParameters(context: PolicyContext, call: QueryCall): PolicyContext {
  const { parameters } = call;
  return {
    values: (key) => {
      if (key === "iam:permissionsboundary") return listOf(boundaryOf(call));
      if (key === "sts:externalid") return listOf(parameters.optional("ExternalId"));
      if (key === "sts:rolesessionname") return listOf(parameters.optional("RoleSessionName"));
      return context.values(key);
    },
  };
}

/** The boundary that a call would set, or else the one that bounds whom it changes. Source: "Actions, resources, and condition keys for IAM". */
function boundaryOf({ iam, account, parameters }: QueryCall): string | undefined {
  const named = parameters.optional("PermissionsBoundary");
  if (named !== undefined) return named;
  for (const [kind, letter, parameter] of [
    ["user", "u", "UserName"],
    ["role", "r", "RoleName"],
  ] as const) {
    const name = parameters.optional(parameter);
    if (name === undefined) continue;
    const record = iam.store.record(`${letter}/${account.canonicalId}/${name.toLowerCase()}`, kind);
    if (record !== undefined) {
      return boundaries.boundaryArn(iam.store, record.permissionsBoundary, account.accountId);
    }
  }
  return undefined;
}

function listOf(value: string | undefined): readonly string[] | undefined {
  return value === undefined ? undefined : [value];
}

/** In IAM's words: clients show them. */
function denied({ principal, query }: QueryRun, resource: string | undefined): S3Refusal {
  const { caller } = principal.identity ?? {};
  const who = caller !== undefined && "arn" in caller ? caller.arn : principal.keyId;
  const where = resource === undefined ? "" : ` on resource: ${resource}`;
  return new S3Refusal("AccessDenied", `User: ${who} is not authorized to perform: ${query.name}${where}`);
}
