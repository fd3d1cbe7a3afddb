import type { Message } from "@bufbuild/protobuf";
import {
  Code,
  ConnectError,
  type ContextKey,
  type ContextValues,
  createContextKey,
  type HandlerContext,
} from "@connectrpc/connect";
import {
  type CallerRateDecision,
  type Denial,
  type OperationRequest,
  organizationsOf,
  type Principal,
} from "../access/index.ts";
import { Consistency } from "../gen/skerry/search/v1/search_pb.js";
import { ObjectError, type ObjectStore } from "../object/index.ts";
import type { Clock } from "../platform/index.ts";
import { SearchError } from "../search/index.ts";
import { toConnectError } from "./errors.ts";
import { ruleBroken } from "./field-rules.ts";
import { callerGone } from "./listener.ts";
import type { RpcOperationName } from "./operations.ts";
import type { RestAdmission, RpcAuthenticator, RpcGate, RpcHooks, RpcLimits } from "./ports.ts";
import { CALL_REQUEST } from "./ruled-service.ts";

/** What the HTTP edge knows about a call. */
export interface CallInfo {
  readonly requestId: string;
  readonly remoteAddress: string;
}

export const CALL_INFO: ContextKey<CallInfo> = createContextKey<CallInfo>({
  requestId: "",
  remoteAddress: "",
});

/** How far a call got, where more than one place looks at it. */
const PROGRESS: ContextKey<Progress | undefined> = createContextKey<Progress | undefined>(undefined);

interface Progress {
  readonly operation: string;
  readonly context: HandlerContext;
  readonly principal: Principal;
  /** Its method was reached, or it was refused: it has a report. */
  hasReport: boolean;
  isReported: boolean;
}

/** Who is counted for what the call costs: its key, or without one its address. */
export function callerOf(values: ContextValues): string {
  return values.get(PROGRESS)?.principal.keyId ?? values.get(CALL_INFO).remoteAddress;
}

export interface GuardOptions {
  readonly authenticator: RpcAuthenticator;
  readonly gate: RpcGate;
  readonly clock: Clock;
  readonly hooks: RpcHooks;
  readonly limits: RpcLimits;
  /** For decisions that depend on what is there. */
  readonly objects: Pick<ObjectStore, "asOfNow" | "headBucket" | "objectAccess">;
}

/** What a call touches, named by the handler as soon as it knows. */
export interface Touches {
  readonly bucket?: string;
  /** "org/project/name". */
  readonly namespace?: string;
  readonly key?: string;
}

/** What is answered while no quorum can be reached too: callers are judged by what this node knows. */
const LOCAL_OPERATIONS: ReadonlySet<string> = new Set<RpcOperationName>([
  "ClusterService/GetStatus",
  "ServerReflection/ServerReflectionInfo",
]);

/** Where what is left out depends on who calls, it is known once that is. */
type TouchesOf = readonly Touches[] | ((principal: Principal) => readonly Touches[]);

export interface GuardedCall {
  readonly principal: Principal;
  readonly requestId: string;
}

/**
 * The way of every call: authenticate, compare with the rules of its proto, authorize, run, translate the error, report. A handler gets its principal from here and from
 * nowhere else, so there is no call that has not passed the gate.
 */
export class Guard implements RestAdmission {
  readonly #options: GuardOptions;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  async unary<T>(
    operation: RpcOperationName,
    context: HandlerContext,
    touches: TouchesOf,
    run: (call: GuardedCall) => Promise<T>,
  ): Promise<T> {
    const report = this.#begin(operation, context, touches);
    try {
      const result = await run(await this.#admit(operation, context, touches, report));
      report.done("ok");
      return result;
    } catch (error) {
      throw report.failed(error);
    } finally {
      report.leave();
    }
  }

  async *stream<T>(
    operation: RpcOperationName,
    context: HandlerContext,
    touches: TouchesOf,
    run: (call: GuardedCall) => AsyncIterable<T>,
  ): AsyncIterable<T> {
    const report = this.#begin(operation, context, touches);
    try {
      for await (const message of run(await this.#admit(operation, context, touches, report))) {
        try {
          yield message;
        } catch (cause) {
          // Of whoever writes to the caller: that it has left is no fault of the call.
          throw callerGone(cause);
        }
      }
      report.done("ok");
    } catch (error) {
      throw report.failed(error);
    } finally {
      report.done("canceled");
      report.leave();
    }
  }

  refuseStrangers(operation: string, context: HandlerContext): void {
    const principal = this.#authenticate(context);
    context.values.set(PROGRESS, { operation, context, principal, hasReport: false, isReported: false });
  }

  /** The protocol's library has answered a call: one that it refused while it read the message (too large, malformed, cut off) is reported here. */
  answered(values: ContextValues): void {
    const progress = values.get(PROGRESS);
    if (progress === undefined || progress.hasReport) return;
    const { operation, context } = progress;
    // It ends the signal with what it refuses the call with.
    this.refused(operation, context, context.signal.reason);
  }

  refused(operation: string, context: HandlerContext, error: unknown): ConnectError {
    const progress = context.values.get(PROGRESS);
    if (progress?.isReported === true && error instanceof ConnectError) return error;
    const report = new Report(this.#options, operation, context, {});
    report.principal = progress?.principal;
    return report.failed(error);
  }

  async #admit(
    operation: RpcOperationName,
    context: HandlerContext,
    touches: TouchesOf,
    report: Report,
  ): Promise<GuardedCall> {
    report.principal = context.values.get(PROGRESS)?.principal ?? this.#authenticate(context);
    const request = context.values.get(CALL_REQUEST);
    const broken = request === undefined ? undefined : ruleBroken(request.type, request.message);
    if (broken !== undefined) throw broken;
    const isLocal = LOCAL_OPERATIONS.has(operation) || isEventual(request?.message);
    const current = isLocal ? undefined : this.#options.objects.asOfNow();
    if (current !== undefined) {
      await current;
      // The key may have been revoked on another node since this one heard of it.
      report.principal = this.#authenticate(context);
    }
    const { principal } = report;
    const { requestId, remoteAddress } = context.values.get(CALL_INFO);
    const values = (key: string) => contextValues(key, remoteAddress, this.#options.clock.wallMs());
    const named = typeof touches === "function" ? touches(principal) : touches;
    report.touched = named[0] ?? {};
    // To the gate it would be no bucket, and out of every scope.
    if (named.some(({ bucket }) => bucket === "")) {
      throw new ObjectError("bucket-name-invalid", "the name of the bucket is missing");
    }
    for (const touched of named.length === 0 ? [{}] : named) {
      const denial = await this.#judge(principal, { name: operation, ...touched, context: { values } });
      if (denial !== undefined) {
        throw new ConnectError(`the key may not do this (${denial.reason})`, Code.PermissionDenied);
      }
    }
    const paths = named.flatMap(({ namespace }) => (namespace === undefined ? [] : [namespace]));
    const organizations = organizationsOf(principal, paths);
    const rate = this.#options.limits.take(principal, remoteAddress, organizations);
    if (rate.kind === "limited") throw tooMany(rate);
    const leave = this.#options.limits.enter(principal);
    if (leave === undefined) {
      throw new ConnectError("too many requests of this key are under way", Code.ResourceExhausted, {
        "retry-after": "1",
      });
    }
    report.leave = leave;
    return { principal, requestId };
  }

  #authenticate(context: HandlerContext): Principal {
    const { remoteAddress } = context.values.get(CALL_INFO);
    const header = context.requestHeader.get("authorization") ?? undefined;
    const authentication = this.#options.authenticator.authenticate(header, remoteAddress);
    if (authentication.kind === "limited") {
      const seconds = String(Math.ceil(authentication.retryAfterMs / 1000));
      throw new ConnectError("too many failed authentications", Code.ResourceExhausted, {
        "retry-after": seconds,
      });
    }
    if (authentication.kind === "refused")
      throw new ConnectError("the key is not valid", Code.Unauthenticated);
    if (authentication.kind === "anonymous")
      throw new ConnectError("a bearer key is required", Code.Unauthenticated);
    return authentication.principal;
  }

  /** Undefined: allowed. */
  async #judge(principal: Principal, request: OperationRequest): Promise<Denial | undefined> {
    const { gate, objects } = this.#options;
    let decision = gate.authorize(principal, request);
    if (decision.kind === "deny" && decision.reason === "bucket-unknown") {
      // It may have been made on another node a moment ago: after a barrier its absence is the answer.
      await objects.headBucket(request.bucket ?? "");
      decision = gate.authorize(principal, request);
    }
    if (decision.kind !== "depends-on-object") return decision.kind === "deny" ? decision : undefined;
    const { bucket = "", key = "" } = request;
    const settled = decision.decide(await objects.objectAccess({ bucket, key }));
    return settled.kind === "deny" ? settled : undefined;
  }

  #begin(operation: RpcOperationName, context: HandlerContext, touches: TouchesOf): Report {
    const touched = typeof touches === "function" ? {} : (touches[0] ?? {});
    return new Report(this.#options, operation, context, touched);
  }
}

/** A read of what this node knows, which asks nobody. */
function isEventual(message: Message | undefined): boolean {
  return message !== undefined && "consistency" in message && message.consistency === Consistency.EVENTUAL;
}

function tooMany({ of, retryAfterMs }: Extract<CallerRateDecision, { kind: "limited" }>): Error {
  if (of === "organization") {
    const details = { limit: "requestsPerSecond", scope: of, retryAfterMs };
    return new SearchError("overloaded", "too many requests a second of this organization", details);
  }
  return new ConnectError("too many requests a second of this key", Code.ResourceExhausted, {
    "retry-after": String(Math.ceil(retryAfterMs / 1000)),
  });
}

/** What policies may ask of a call. */
function contextValues(key: string, remoteAddress: string, nowMs: number): readonly string[] | undefined {
  if (key === "aws:sourceip") return [remoteAddress];
  if (key === "aws:currenttime") return [new Date(nowMs).toISOString()];
  return key === "aws:epochtime" ? [String(Math.floor(nowMs / 1000))] : undefined;
}

class Report {
  principal: Principal | undefined;
  /** Gives back what was entered. */
  leave: () => void = () => undefined;
  touched: Touches;
  readonly #options: GuardOptions;
  readonly #operation: string;
  readonly #info: CallInfo;
  readonly #progress: Progress | undefined;
  readonly #startedMs: number;
  #reported = false;

  constructor(options: GuardOptions, operation: string, context: HandlerContext, touched: Touches) {
    this.#options = options;
    this.#operation = operation;
    this.#info = context.values.get(CALL_INFO);
    this.#progress = context.values.get(PROGRESS);
    if (this.#progress !== undefined) this.#progress.hasReport = true;
    this.touched = touched;
    this.#startedMs = options.clock.monotonicMs();
  }

  /** The first call counts. */
  done(outcome: string): void {
    if (this.#reported) return;
    this.#reported = true;
    if (this.#progress !== undefined) this.#progress.isReported = true;
    this.#options.hooks.onCall?.({
      requestId: this.#info.requestId,
      operation: this.#operation,
      principalKeyId: this.principal?.keyId,
      bucket: this.touched.bucket,
      key: this.touched.key,
      namespace: this.touched.namespace,
      outcome,
      durationMs: this.#options.clock.monotonicMs() - this.#startedMs,
      remoteAddress: this.#info.remoteAddress,
    });
  }

  /** The error for the caller. */
  failed(error: unknown): ConnectError {
    const known = toConnectError(error);
    if (known === undefined) this.#options.hooks.onUnexpectedError?.(error, this.#info.requestId);
    const answer = known ?? new ConnectError("internal error", Code.Internal);
    answer.metadata.set("x-request-id", this.#info.requestId);
    this.done(Code[answer.code].toLowerCase());
    return answer;
  }
}
