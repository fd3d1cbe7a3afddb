import { accountIdOf, type Principal } from "../access/index.ts";
import type { IamContext, ProvedWebIdentity } from "../identity/index.ts";
import type { ObjectStore } from "../object/index.ts";
import type { Clock, Hasher, Random } from "../platform/index.ts";
import { type Authenticated, authenticate } from "./auth/authenticate.ts";
import { sha256Hex } from "./auth/hmac.ts";
import { SigningKeys } from "./auth/signing-keys.ts";
import { anonymousCaller } from "./authorize/anonymous.ts";
import { authorizationsOf } from "./authorize/authorizations.ts";
import { type ExpectedOwner, expectedOwners } from "./authorize/expected-owners.ts";
import { isJudgedByBody, readJudgedBody } from "./authorize/judged-body.ts";
import { requestContext, type ValuesBeside } from "./authorize/request-context.ts";
import { RequestGate } from "./authorize/request-gate.ts";
import { uploadAddedTo, uploadValues } from "./authorize/upload-values.ts";
import type { RequiredDigest } from "./body/required-digest.ts";
import { CallerAdmission } from "./caller-admission.ts";
import { notImplemented, type S3ErrorCode, S3Refusal } from "./errors.ts";
import { answerPreflight, withCorsHeaders } from "./features/cors/answer.ts";
import { renderErrorPage } from "./features/website/error-page.ts";
import { serveVisit } from "./features/website/serve.ts";
import { readVisit, websiteBucket } from "./features/website/visit.ts";
import { WEBSITE_KIND, websiteOf } from "./features/website/website.ts";
import type { Call, HandlerContext } from "./handlers/call.ts";
import { handleOperation } from "./handlers/handle-operation.ts";
import type { RequestHeaders, S3Request, S3Response } from "./http.ts";
import type { S3Operation } from "./operation.ts";
import { S3_OPERATIONS, type S3OperationName, type UnsupportedName } from "./operations.ts";
import { parsePosted, parseRequest, parseVisit } from "./parse/parse-request.ts";
import type { QueryParameters } from "./parse/query.ts";
import type { RequestTarget } from "./parse/target.ts";
import type {
  Authorizer,
  CallerLimits,
  CredentialSource,
  GatewayHooks,
  OwnerDirectory,
  ReplayGuard,
} from "./ports.ts";
import { authenticateForm } from "./post/authenticate-form.ts";
import { asPut, checkForm, readForm, renderPosted } from "./post/post-object.ts";
import { answerQuery, type ParsedQuery, proofOf, readQuery } from "./query/endpoint.ts";
import { queryRefusalOf } from "./query/errors.ts";
import type { QueryName } from "./query/operations.ts";
import { renderQueryError } from "./query/render.ts";
import { refusalOf, renderError } from "./render/error.ts";
import { RequestIds } from "./request-ids.ts";

export interface GatewayOptions {
  readonly store: ObjectStore;
  readonly credentials: CredentialSource;
  readonly authorizer: Authorizer;
  /** Who is meant by an id or an address in a grant. Without it nobody can be granted anything by name. */
  readonly owners?: OwnerDirectory;
  /** What IAM and STS act on. Without it their calls are answered with 501. */
  readonly identities?: Pick<IamContext, "store" | "sealer" | "issuerKeys">;
  readonly hasher: Hasher;
  readonly clock: Clock;
  readonly random: Random;
  /** The region that this endpoint is in; credential scopes must name it unless `anyRegion`. */
  readonly region: string;
  readonly anyRegion?: boolean;
  /** Take customers' keys (SSE-C) from clients without TLS too: where something before this server ends TLS. Default: refuse. */
  readonly customerKeysOverHttp?: boolean;
  /** Names of destinations that notifications may go to. Default: none. */
  readonly notificationDestinations?: readonly string[];
  /** Domains whose direct children are buckets ("s3.example.com" for "photos.s3.example.com"). Path style always works. */
  readonly baseDomains?: readonly string[];
  /** Domains whose direct children are websites: "photos.web.example.com" shows the bucket "photos" to whoever looks. Default: none. */
  readonly websiteDomains?: readonly string[];
  /** Names this node in answers (x-amz-id-2); nothing that tells an outsider more than to tell nodes apart. */
  readonly hostId: string;
  readonly maxClockSkewMs?: number;
  readonly limits?: CallerLimits;
  /** Without it requests may come again while their signatures are good. */
  readonly replays?: ReplayGuard;
  readonly requiredDigest?: RequiredDigest;
  readonly hooks?: GatewayHooks;
}

/** What became of one request, as far as it is known before the answer is sent. */
export interface RequestFacts {
  readonly operation: S3OperationName | QueryName | undefined;
  readonly principalKeyId: string | undefined;
  readonly requesterId: string | undefined;
  readonly bucket: string | undefined;
  readonly key: string | undefined;
  readonly errorCode: S3ErrorCode | undefined;
  /** Asked for by a visitor of a website. */
  readonly isWebsite: boolean;
}

export interface Answer {
  readonly requestId: string;
  readonly response: S3Response;
  readonly facts: RequestFacts;
  /** To be called once, when the answer has been sent or given up. */
  readonly release: () => void;
  /** To be called when the client did not get the whole answer: it may ask again. */
  readonly unserved: () => void;
}

/** Facts that are found out on the way. */
interface Progress {
  operation: S3OperationName | QueryName | undefined;
  /** Who reads the answer: IAM and STS, and visitors of websites, are told of errors in another way. */
  surface: "rest" | "query" | "website";
  principal: Principal | undefined;
  bucket: string | undefined;
  key: string | undefined;
  release: () => void;
  unserved: () => void;
}

/** One request whose caller has been looked at. */
interface Asked {
  readonly request: S3Request;
  readonly headers: RequestHeaders;
  readonly query: QueryParameters;
  /** Undefined: nobody. */
  readonly caller: Principal | undefined;
  readonly acting: Authenticated;
  /** Of a form: how it was signed. */
  readonly beside?: ValuesBeside;
}

const lowerCase = (domains: readonly string[] = []) => domains.map((domain) => domain.toLowerCase());

const NO_HEADERS: RequestHeaders = new Map();
const NOTHING_TO_RELEASE = (): void => {};

const NO_OWNERS: OwnerDirectory = { ownerById: () => undefined, ownerByEmail: () => undefined };

const NO_FACTS: RequestFacts = {
  operation: undefined,
  principalKeyId: undefined,
  requesterId: undefined,
  bucket: undefined,
  key: undefined,
  errorCode: undefined,
  isWebsite: false,
};

/** parse -> authenticate -> authorize -> limits -> object -> render, for one request at a time and any number of them at once. */
export class S3Gateway {
  readonly #options: GatewayOptions;
  readonly #context: HandlerContext;
  readonly #gate: RequestGate;
  readonly #admission: CallerAdmission;
  readonly #parseOptions: { readonly baseDomains: readonly string[] };
  readonly #websiteDomains: readonly string[];
  readonly #signingKeys = new SigningKeys();
  readonly #requestIds: RequestIds;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#requestIds = new RequestIds(options.random);
    this.#parseOptions = { baseDomains: lowerCase(options.baseDomains) };
    this.#websiteDomains = lowerCase(options.websiteDomains);
    this.#gate = new RequestGate(options);
    this.#admission = new CallerAdmission(options.limits);
    this.#context = {
      store: options.store,
      hasher: options.hasher,
      owners: options.owners ?? NO_OWNERS,
      region: options.region,
      anyRegion: options.anyRegion ?? false,
      notificationDestinations: new Set(options.notificationDestinations),
      customerKeysOverHttp: options.customerKeysOverHttp ?? false,
      requiredDigest: options.requiredDigest ?? "off",
    };
  }

  get hooks(): GatewayHooks {
    return this.#options.hooks ?? {};
  }

  get hostId(): string {
    return this.#options.hostId;
  }

  nextRequestId(): string {
    return this.#requestIds.next();
  }

  /** Answers one request. Never rejects: what goes wrong is an answer too. */
  async handle(request: S3Request, requestId: string): Promise<Answer> {
    const progress: Progress = {
      operation: undefined,
      surface: "rest",
      principal: undefined,
      bucket: undefined,
      key: undefined,
      release: NOTHING_TO_RELEASE,
      unserved: NOTHING_TO_RELEASE,
    };
    try {
      const response = this.#forBrowser(
        await this.#run(request, requestId, progress),
        request,
        progress.bucket,
      );
      const { release, unserved } = progress;
      return { requestId, response, facts: factsOf(progress, undefined), release, unserved };
    } catch (error) {
      const known = progress.surface === "query" ? queryRefusalOf(error, refusalOf(error)) : refusalOf(error);
      const refusal = known ?? this.#unexpected(error, requestId);
      const facts = factsOf(progress, refusal.code);
      progress.unserved();
      const response =
        progress.surface === "query"
          ? renderQueryError(refusal, requestId)
          : this.#renderError(refusal, request, requestId, facts);
      return {
        requestId,
        response: this.#forBrowser(response, request, facts.bucket),
        facts,
        release: progress.release,
        unserved: NOTHING_TO_RELEASE,
      };
    }
  }

  /** An answer to a request that is not even looked at. */
  refuse(request: S3Request, requestId: string, refusal: S3Refusal): Answer {
    const facts: RequestFacts = { ...NO_FACTS, errorCode: refusal.code };
    const response = this.#renderError(refusal, request, requestId, facts);
    return { requestId, response, facts, release: NOTHING_TO_RELEASE, unserved: NOTHING_TO_RELEASE };
  }

  /** The answer instead of `answer`, when the first byte of its body could not be had. */
  failed(request: S3Request, answer: Answer, error: unknown): Answer {
    const refusal = refusalOf(error) ?? this.#unexpected(error, answer.requestId);
    const facts: RequestFacts = { ...answer.facts, errorCode: refusal.code };
    answer.unserved();
    return { ...answer, facts, response: this.#renderError(refusal, request, answer.requestId, facts) };
  }

  #renderError(refusal: S3Refusal, request: S3Request, requestId: string, facts: RequestFacts): S3Response {
    const { method } = request;
    const { hostId } = this.#options;
    const context = { method, requestId, hostId, bucket: facts.bucket, key: facts.key };
    return facts.isWebsite ? renderErrorPage(refusal, context) : renderError(refusal, context);
  }

  /** The usual client is no browser and sends no Origin: nothing is done for it. */
  #forBrowser(response: S3Response, request: S3Request, bucket: string | undefined): S3Response {
    const { method, headers } = request;
    if (method === "OPTIONS" || !headers.has("origin")) return response;
    return withCorsHeaders(response, { method, headers, bucket }, this.#options.store);
  }

  async #run(request: S3Request, requestId: string, progress: Progress): Promise<S3Response> {
    const website = websiteBucket(request, this.#websiteDomains);
    if (website !== undefined) return this.#visit(website, request, progress);
    const parsed = parseRequest(request, this.#parseOptions);
    progress.operation = parsed.kind === "operation" ? parsed.operation.name : parsed.operationName;
    progress.bucket = parsed.target?.bucket;
    progress.key = parsed.target?.key;
    const current = this.#options.store.asOfNow();
    if (current !== undefined) await current;
    if (parsed.kind === "operation" && parsed.operation.name === "Preflight") {
      return answerPreflight(progress.bucket, request.headers, this.#options.store);
    }
    if (parsed.kind === "refused" && parsed.target === undefined) throw parsed.refusal;
    if (parsed.kind === "operation" && parsed.operation.name === "PostObject") {
      return this.#post(request, parsed.target, progress);
    }
    if (parsed.kind === "operation" && parsed.operation.name === "IdentityApi") {
      return this.#query(request, parsed.target, requestId, progress);
    }
    const proven = this.#authenticate(request, parsed.target);
    const authenticated = proven instanceof Promise ? await proven : proven;
    progress.principal = authenticated?.principal;
    // Whoever cannot prove who it is does not learn what was wrong with the rest.
    if (parsed.kind === "refused")
      throw authenticated === undefined ? new S3Refusal("AccessDenied") : parsed.refusal;
    if (authenticated !== undefined) this.#refuseReplay(authenticated, request, progress);
    const { operation, headers } = parsed;
    if (authenticated === undefined) refuseOverrides(operation);
    const acting = authenticated ?? anonymousCaller(headers);
    const { query } = parsed.target;
    const asked = { request, headers, query, caller: authenticated?.principal, acting };
    return this.#act(operation, asked, progress);
  }

  /** authorize -> limits -> object -> render, for a caller that is known, or known to be nobody. */
  async #act(operation: S3Operation, asked: Asked, progress: Progress): Promise<S3Response> {
    const { request, headers, query, caller, acting } = asked;
    const { clock, region } = this.#options;
    const nowMs = clock.wallMs();
    const isReadFirst = isJudgedByBody(operation.name);
    // A body costs something before it is known whether the caller may: not without limits.
    if (isReadFirst) this.#enter(acting.principal, request, progress);
    const body = isReadFirst
      ? await readJudgedBody(operation.name, { request, headers, acting, nowMs }, this.#options.hasher)
      : undefined;
    const upload = uploadAddedTo(operation);
    const ofUpload = upload && (await uploadValues(upload, this.#options.store));
    const beside = asked.beside ?? body?.values ?? ofUpload;
    const policyContext = requestContext({ request, headers, query, nowMs, region, beside });
    const admission = this.#gate.authorize(
      caller,
      authorizationsOf(operation, headers, query),
      policyContext,
    );
    const admit = admission instanceof Promise ? await admission : admission;
    if (!isReadFirst) this.#enter(acting.principal, request, progress);
    if (body?.kind === "failed") throw body.error;
    if (!isSupported(operation) || operation.name === "PostObject") {
      throw notImplemented(`The operation ${operation.name}`);
    }
    const owned = expectedOwners(operation);
    if (owned.length > 0) await this.#checkOwners(owned);
    const allows: Call["allows"] = (authorization) => this.#gate.allows(caller, authorization, policyContext);
    return handleOperation(operation, {
      ...this.#context,
      request,
      headers,
      authenticated: acting,
      admit,
      allows,
      judgedBody: body?.kind === "read" ? body.bytes : undefined,
    });
  }

  #enter(principal: Principal, request: S3Request, progress: Progress): void {
    // What a visitor is shown may be several objects, and is one request.
    if (progress.surface !== "website") this.#admission.take(principal, request);
    progress.release = this.#admission.enter(principal);
  }

  /** A call of IAM or STS: its clients sign the whole body, so that it is read before anything of it is believed. */
  async #query(
    request: S3Request,
    target: RequestTarget,
    requestId: string,
    progress: Progress,
  ): Promise<S3Response> {
    const { identities, clock, random, region, authorizer } = this.#options;
    progress.surface = "query";
    if (identities === undefined) throw notImplemented("The IAM and STS API");
    progress.release = this.#admission.enterUnproved(request);
    const query = await readQuery(request, clock);
    progress.operation = query.name;
    const iam = { ...identities, clock, random };
    const webIdentity = await this.#prove(query, iam, request.remoteAddress);
    const principal = webIdentity?.principal ?? (await this.#signer(query, request, target, progress));
    progress.principal = principal;
    const { headers } = request;
    const nowMs = clock.wallMs();
    return answerQuery({
      query,
      principal,
      webIdentity,
      iam,
      authorizer,
      context: requestContext({ request, headers, query: target.query, nowMs, region }),
      requestId,
      admitted: (resource) => {
        progress.key = resource;
        progress.release();
        this.#admission.take(principal, request);
        progress.release = this.#admission.enter(principal);
      },
    });
  }

  async #signer(
    query: ParsedQuery,
    request: S3Request,
    target: RequestTarget,
    progress: Progress,
  ): Promise<Principal> {
    const { service } = query.operation;
    const bodyHash = sha256Hex(query.body);
    const authenticated = await this.#authenticate(request, target, { service, bodyHash });
    if (authenticated === undefined) throw new S3Refusal("MissingAuthenticationToken");
    this.#refuseReplay(authenticated, request, progress);
    return authenticated.principal;
  }

  /** Undefined: a signature is asked for. */
  async #prove(
    query: ParsedQuery,
    iam: IamContext,
    remoteAddress: string,
  ): Promise<ProvedWebIdentity | undefined> {
    try {
      return await proofOf(query, iam);
    } catch (error) {
      throw this.#admission.failed(queryRefusalOf(error, refusalOf(error)) ?? error, remoteAddress);
    }
  }

  /** A form proves who sends it by its fields, and is a PutObject to the gate and to everything behind it. */
  async #post(request: S3Request, target: RequestTarget, progress: Progress): Promise<S3Response> {
    const bucket = target.bucket ?? "";
    const { credentials, clock } = this.#options;
    progress.release = this.#admission.enterUnproved(request);
    const form = await readForm(request, bucket);
    progress.key = form.key;
    const signingKeys = this.#signingKeys;
    const credential = await authenticateForm(form.fields, {
      credentials,
      signingKeys,
      nowMs: clock.wallMs(),
    }).catch((error: unknown) => {
      throw this.#admission.failed(error, request.remoteAddress);
    });
    progress.principal = credential?.principal;
    checkForm(form, clock.wallMs());
    const operation = parsePosted(target, form.key, form.headers);
    const { principal } = credential ?? anonymousCaller(NO_HEADERS);
    const asked: Asked = {
      request: asPut(request, form),
      headers: form.headers,
      query: target.query,
      caller: credential?.principal,
      acting: { principal, payload: { kind: "unsigned" }, chain: undefined },
      beside: { values: formValues(form.fields, credential !== undefined) },
    };
    progress.release();
    const put = await this.#act(operation, asked, progress);
    return renderPosted(form, bucket, put, request);
  }

  /** Whoever looks at a website is nobody, whatever the request says; each object that is looked at on the way passes the gate. */
  async #visit(bucket: string, request: S3Request, progress: Progress): Promise<S3Response> {
    progress.surface = "website";
    progress.bucket = bucket;
    const { store } = this.#options;
    await store.asOfNow();
    if (request.method === "OPTIONS") return answerPreflight(bucket, request.headers, store);
    const visit = readVisit(request, this.#websiteDomains);
    progress.operation = visit.operation;
    progress.key = visit.key === "" ? undefined : visit.key;
    const acting = anonymousCaller(NO_HEADERS);
    this.#admission.take(acting.principal, request);
    progress.release = this.#admission.enter(acting.principal);
    const local = store.localBucketConfiguration(bucket, WEBSITE_KIND);
    const stored = local ?? (await store.getBucketConfiguration({ bucket, kind: WEBSITE_KIND }));
    if (stored === undefined) {
      throw new S3Refusal("NoSuchWebsiteConfiguration", undefined, { BucketName: bucket });
    }
    return serveVisit(websiteOf(stored), visit, (name, key, headers) => {
      const { query } = visit.target;
      progress.release();
      progress.release = NOTHING_TO_RELEASE;
      const asked: Asked = { request, headers, query, caller: undefined, acting };
      return this.#act(parseVisit(name, visit.target, key, headers), asked, progress);
    });
  }

  #authenticate(
    request: S3Request,
    target: RequestTarget | undefined,
    ofService: { readonly service?: string; readonly bodyHash?: string } = {},
  ): Authenticated | undefined | Promise<Authenticated | undefined> {
    if (target === undefined) return undefined;
    const { credentials, clock, region, anyRegion, maxClockSkewMs } = this.#options;
    const failed = (error: unknown): never => {
      throw this.#admission.failed(error, request.remoteAddress);
    };
    try {
      const authenticated = authenticate(request, target, {
        credentials,
        signingKeys: this.#signingKeys,
        region: anyRegion === true ? "any" : region,
        nowMs: clock.wallMs(),
        ...ofService,
        ...(maxClockSkewMs !== undefined && { maxClockSkewMs }),
      });
      return authenticated instanceof Promise ? authenticated.catch(failed) : authenticated;
    } catch (error) {
      return failed(error);
    }
  }

  /**
   * Presigned requests, and those that change something: two equal reads within a second have the same signature and are no attack. A form's policy is made
   * to be used again.
   */
  #refuseReplay({ signature }: Authenticated, { method }: S3Request, progress: Progress): void {
    const { replays } = this.#options;
    if (replays === undefined || signature === undefined) return;
    if (signature.via === "header" && (method === "GET" || method === "HEAD")) return;
    const forget = replays.enter(signature.value, signature.endsMs);
    if (forget === undefined) throw new S3Refusal("AccessDenied", "This request was sent before.");
    progress.unserved = forget;
  }

  /** x-amz-expected-bucket-owner: a guard against buckets that changed hands. */
  async #checkOwners(owned: readonly ExpectedOwner[]): Promise<void> {
    for (const { bucket, expectedOwner } of owned) {
      const { owner } = await this.#options.store.headBucket(bucket);
      if (owner.id !== expectedOwner && accountIdOf(owner.id) !== expectedOwner) {
        throw new S3Refusal("AccessDenied");
      }
    }
  }

  #unexpected(error: unknown, requestId: string): S3Refusal {
    this.hooks.onUnexpectedError?.(error, requestId);
    return new S3Refusal("InternalError");
  }
}

/** A form's signature is in its fields, and is none of a head's; what is not signed has no kind of signature. */
function formValues(
  fields: ReadonlyMap<string, string>,
  isSigned: boolean,
): ReadonlyMap<string, string | undefined> {
  const version = fields.has("x-amz-algorithm") ? "AWS4-HMAC-SHA256" : "AWS";
  return new Map([
    ["s3:authtype", isSigned ? "POST" : undefined],
    ["s3:signatureversion", isSigned ? version : undefined],
  ]);
}

/** A link to a public object must not make a page of it that its owner did not: only who signs says what the answer's headers are. */
function refuseOverrides(operation: S3Operation): void {
  if (operation.name !== "GetObject" && operation.name !== "HeadObject") return;
  if (operation.overrides.size === 0) return;
  throw new S3Refusal(
    "InvalidRequest",
    "Request specific response headers cannot be used for anonymous GET requests.",
  );
}

function isSupported(operation: S3Operation): operation is Exclude<S3Operation, { name: UnsupportedName }> {
  return S3_OPERATIONS[operation.name].supported;
}

function factsOf(progress: Progress, errorCode: S3ErrorCode | undefined): RequestFacts {
  return {
    operation: progress.operation,
    principalKeyId: progress.principal?.keyId,
    requesterId: progress.principal?.owner.id,
    bucket: progress.bucket,
    key: progress.key,
    errorCode,
    isWebsite: progress.surface === "website",
  };
}
