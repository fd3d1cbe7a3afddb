import {
  conditionKeyName,
  type Decision,
  type Denial,
  type ObjectAccess,
  type OperationRequest,
  type PolicyContext,
  type Principal,
} from "../../access/index.ts";
import type { ObjectStore } from "../../object/index.ts";
import { S3Refusal } from "../errors.ts";
import type { Authorizer } from "../ports.ts";
import type { Authorization } from "./authorizations.ts";

/** Judges an object that was found, or that there is none, before anything of it is shown. Throws "AccessDenied". */
export type Admit = (object: ObjectAccess | undefined) => void;

/** Those that look at the object anyway, and do nothing to another one: they judge what they found, so that nothing comes in between. */
const JUDGE_THEMSELVES: ReadonlySet<string> = new Set([
  "GetObject",
  "HeadObject",
  "PutObjectAcl",
  "PutObjectTagging",
  "DeleteObjectTagging",
  "PutObjectRetention",
  "PutObjectLegalHold",
]);

export interface RequestGateOptions {
  readonly authorizer: Authorizer;
  readonly store: ObjectStore;
}

/** Puts a request's questions to the gate, and reads what the answers depend on. */
export class RequestGate {
  readonly #authorizer: Authorizer;
  readonly #store: ObjectStore;

  constructor({ authorizer, store }: RequestGateOptions) {
    this.#authorizer = authorizer;
    this.#store = store;
  }

  /**
   * At once where nothing has to be read, which is the usual case; a promise costs a turn of the event loop. Throws, or rejects with, "AccessDenied"
   * and "NoSuchBucket".
   */
  authorize(
    principal: Principal | undefined,
    asked: readonly Authorization[],
    context: PolicyContext,
  ): Admit | undefined | Promise<Admit | undefined> {
    let admit: Admit | undefined;
    for (const [index, authorization] of asked.entries()) {
      const decision = this.#decide(principal, authorization, context);
      if (decision.kind === "allow") continue;
      if (isTolerated(decision, authorization)) continue;
      if (decision.kind === "depends-on-object" && index === 0 && JUDGE_THEMSELVES.has(authorization.name)) {
        admit = admission(decision);
        continue;
      }
      if (decision.kind === "deny" && decision.reason !== "bucket-unknown")
        throw new S3Refusal("AccessDenied");
      return this.#authorizeSlowly(principal, asked, context);
    }
    return admit;
  }

  /** Whether one of many things that a request names may be done. */
  allows(
    principal: Principal | undefined,
    authorization: Authorization,
    context: PolicyContext,
  ): boolean | Promise<boolean> {
    const decision = this.#decide(principal, authorization, context);
    if (decision.kind !== "depends-on-object") return decision.kind === "allow";
    return this.#found(authorization).then((object) => decision.decide(object).kind === "allow");
  }

  #found({ bucket = "", key = "", versionId }: Authorization): Promise<ObjectAccess | undefined> {
    return this.#store.objectAccess({ bucket, key, versionId });
  }

  async #authorizeSlowly(
    principal: Principal | undefined,
    asked: readonly Authorization[],
    context: PolicyContext,
  ): Promise<Admit | undefined> {
    let admit: Admit | undefined;
    for (const [index, authorization] of asked.entries()) {
      const decision = await this.#decideFresh(principal, authorization, context);
      if (decision.kind === "allow" || isTolerated(decision, authorization)) continue;
      if (decision.kind === "deny") throw new S3Refusal("AccessDenied");
      if (index === 0 && JUDGE_THEMSELVES.has(authorization.name)) admit = admission(decision);
      else admission(decision)(await this.#found(authorization));
    }
    return admit;
  }

  /** A bucket that is not known here may have been made on another node a moment ago: after a barrier its absence is the answer. */
  async #decideFresh(
    principal: Principal | undefined,
    authorization: Authorization,
    context: PolicyContext,
  ): Promise<Decision> {
    const decision = this.#decide(principal, authorization, context);
    if (decision.kind !== "deny" || decision.reason !== "bucket-unknown") return decision;
    await this.#store.headBucket(authorization.bucket ?? "");
    return this.#decide(principal, authorization, context);
  }

  #decide(principal: Principal | undefined, authorization: Authorization, context: PolicyContext): Decision {
    const request: OperationRequest = { ...authorization, context: contextOf(authorization, context) };
    return this.#authorizer.authorize(principal, request);
  }
}

/** A request may name several versions (the source of a copy, many to delete): each question has that of its own object. */
function contextOf({ versionId }: Authorization, request: PolicyContext): PolicyContext {
  const ownVersion = versionId === undefined ? undefined : [versionId];
  return {
    values: (key) => (conditionKeyName(key) === "s3:versionid" ? ownVersion : request.values(key)),
  };
}

/** What only comes along with a request needs nobody's permission of its own, but it must not be denied. */
function isTolerated(decision: Decision, { implied }: Authorization): boolean {
  if (implied !== true) return false;
  const settled = decision.kind === "depends-on-object" ? decision.unless : decision;
  return settled.kind === "allow" || settled.reason === "policy";
}

function admission(decision: Extract<Decision, { readonly kind: "depends-on-object" }>): Admit {
  return (object) => {
    const settled: { readonly kind: "allow" } | Denial = decision.decide(object);
    if (settled.kind === "deny") throw new S3Refusal("AccessDenied");
  };
}
