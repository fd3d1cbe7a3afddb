import type { Principal } from "../../access/index.ts";
import { S3Refusal } from "../errors.ts";
import { isPlain, type RequestHead } from "../http.ts";
import { MAX_CLOCK_SKEW_MS } from "../limits.ts";
import type { RequestTarget } from "../parse/target.ts";
import type { Credential, CredentialSource } from "../ports.ts";
import { canonicalPath, canonicalRequest } from "./canonical-request.ts";
import { equalSignatures, type SigningKey, sha256Hex, sha256HexOfBytes } from "./hmac.ts";
import { checkPresignedPayload, type Payload, parsePayload, UNSIGNED_PAYLOAD } from "./payload.ts";
import { withoutSecretHeaders } from "./secret-values.ts";
import { readSignatureClaim, type SignatureClaim } from "./signature-claim.ts";
import type { SigningKeys } from "./signing-keys.ts";

export interface AuthenticateOptions {
  readonly credentials: CredentialSource;
  readonly signingKeys: SigningKeys;
  /** What the credential scope must name; "any" accepts every region. */
  readonly region: string | "any";
  readonly nowMs: number;
  readonly maxClockSkewMs?: number;
  /** Whose calls these are; undefined: S3's. */
  readonly service?: string;
  /** SHA-256 of the body in hexadecimal digits, for services whose clients do not send it. */
  readonly bodyHash?: string;
}

/** What an authenticated request is allowed to claim. */
export interface Authenticated {
  readonly principal: Principal;
  readonly payload: Payload;
  /** Where the signatures of chunks go on from; a form, and a request without a signature, have none. */
  readonly chain: SignatureChain | undefined;
  /** Of the head; undefined where `chain` is. */
  readonly signature?: AcceptedSignature;
}

export interface SignatureChain {
  readonly key: SigningKey;
  readonly amzDate: string;
  /** "date/region/service/aws4_request". */
  readonly scope: string;
  readonly seedSignature: string;
}

/** What a request is known by when it comes again. */
export interface AcceptedSignature {
  readonly via: SignatureClaim["via"];
  readonly value: string;
  /** Until when it is accepted, wall time. */
  readonly endsMs: number;
}

/**
 * Verifies the SigV4 signature of a request head: who sends it, that nobody changed it, and that it is fresh. The body is verified while it is
 * read, against what the head promised. Gives undefined when the request is not signed; throws, or rejects with, an `S3Refusal`. A promise only where the
 * credential has to be waited for: it costs a turn of the microtasks.
 */
export function authenticate(
  head: RequestHead,
  target: RequestTarget,
  options: AuthenticateOptions,
): Authenticated | undefined | Promise<Authenticated> {
  const claim = readSignatureClaim(head.headers, target.query);
  if (claim === undefined) return undefined;
  checkScope(claim, options);
  checkFreshness(claim, options);
  checkSignedHeaders(claim, head);
  const payloadHash = options.bodyHash ?? readPayloadHash(claim, head, target);
  const payload = parsePayload(payloadHash);
  if (claim.via === "query") checkPresignedPayload(payload);
  const proven = (credential: Credential): Authenticated => {
    const { signingKeys } = options;
    const key = verify(claim, credential, { head, target, payloadHash, signingKeys });
    const { via, amzDate, timeMs, scope, signature } = claim;
    const chain = { key, amzDate, scope, seedSignature: signature };
    const accepted = { via, value: signature, endsMs: timeMs + lifetimeMs(claim, options) };
    return { principal: credential.principal, payload, chain, signature: accepted };
  };
  const found = findCredential(claim, options);
  return found instanceof Promise ? found.then(proven) : proven(found);
}

/** The credential of a key, or of the session whose token comes with it. Refuses keys that are not there, and sessions that are over. */
export function findCredential(
  { accessKeyId, sessionToken }: Pick<SignatureClaim, "accessKeyId" | "sessionToken">,
  { credentials, nowMs }: Pick<AuthenticateOptions, "credentials" | "nowMs">,
): Credential | Promise<Credential> {
  if (sessionToken !== undefined) {
    const session = credentials.session?.(accessKeyId, sessionToken);
    if (session === undefined) throw new S3Refusal("InvalidToken");
    if (session.expiresAtMs <= nowMs) throw new S3Refusal("ExpiredToken");
    return session;
  }
  const found = credentials.lookup(accessKeyId);
  return found instanceof Promise
    ? found.then((one) => one ?? unknownKey(accessKeyId))
    : (found ?? unknownKey(accessKeyId));
}

function unknownKey(accessKeyId: string): never {
  throw new S3Refusal("InvalidAccessKeyId", undefined, { AWSAccessKeyId: accessKeyId });
}

function checkScope(
  claim: SignatureClaim,
  { region, service = "s3" }: Pick<AuthenticateOptions, "region" | "service">,
): void {
  const [code, prefix] =
    claim.via === "header"
      ? (["AuthorizationHeaderMalformed", "The authorization header is malformed; "] as const)
      : (["AuthorizationQueryParametersError", "Error parsing the X-Amz-Credential parameter; "] as const);
  if (claim.service !== service) {
    throw new S3Refusal(
      code,
      `${prefix}incorrect service "${claim.service}". This endpoint belongs to "${service}".`,
    );
  }
  if (region !== "any" && claim.region !== region) {
    throw new S3Refusal(code, `${prefix}the region '${claim.region}' is wrong; expecting '${region}'`, {
      Region: region,
    });
  }
  if (!claim.amzDate.startsWith(claim.date) || claim.date.length !== 8) {
    throw new S3Refusal(
      code,
      `${prefix}incorrect date "${claim.date}". This date is not the same as X-Amz-Date: "${claim.amzDate.slice(0, 8)}".`,
    );
  }
}

function checkFreshness(claim: SignatureClaim, options: AuthenticateOptions): void {
  const maxSkewMs = options.maxClockSkewMs ?? MAX_CLOCK_SKEW_MS;
  const aheadMs = claim.timeMs - options.nowMs;
  const tooOld = claim.expiresSeconds === undefined && -aheadMs > maxSkewMs;
  if (aheadMs > maxSkewMs || tooOld) {
    throw new S3Refusal("RequestTimeTooSkewed", undefined, {
      RequestTime: claim.amzDate,
      ServerTime: new Date(options.nowMs).toISOString(),
      MaxAllowedSkewMilliseconds: String(maxSkewMs),
    });
  }
  if (claim.expiresSeconds === undefined) return;
  const endMs = claim.timeMs + claim.expiresSeconds * 1000;
  if (options.nowMs > endMs) {
    throw new S3Refusal("AccessDenied", "Request has expired", {
      "X-Amz-Expires": String(claim.expiresSeconds),
      Expires: new Date(endMs).toISOString(),
      ServerTime: new Date(options.nowMs).toISOString(),
    });
  }
}

/**
 * The host and every x-amz-* header must be covered, or somebody on the way could change what the request means. (S3's documents ask the same
 * of Content-Type; S3 itself does not, and widespread clients do not sign it.)
 */
function checkSignedHeaders(claim: SignatureClaim, head: RequestHead): void {
  const { names } = claim.signedHeaders;
  if (!names.includes("host")) throw notSigned("host");
  for (const name of head.headers.keys()) {
    if (name.startsWith("x-amz-") && !names.includes(name)) throw notSigned(name);
  }
}

function notSigned(name: string): S3Refusal {
  return new S3Refusal("AccessDenied", "There were headers present in the request which were not signed", {
    HeadersNotSigned: name,
  });
}

function readPayloadHash(claim: SignatureClaim, head: RequestHead, target: RequestTarget): string {
  const header = head.headers.get("x-amz-content-sha256");
  if (header !== undefined) return header;
  if (claim.via === "query") return target.query.get("X-Amz-Content-Sha256") ?? UNSIGNED_PAYLOAD;
  throw new S3Refusal("InvalidRequest", "Missing required header for this request: x-amz-content-sha256");
}

function lifetimeMs({ expiresSeconds }: SignatureClaim, { maxClockSkewMs }: AuthenticateOptions): number {
  return expiresSeconds === undefined ? (maxClockSkewMs ?? MAX_CLOCK_SKEW_MS) : expiresSeconds * 1000;
}

interface VerifyInput {
  readonly head: RequestHead;
  readonly target: RequestTarget;
  readonly payloadHash: string;
  readonly signingKeys: SigningKeys;
}

/** Throws "SignatureDoesNotMatch". */
function verify(claim: SignatureClaim, credential: Credential, input: VerifyInput): SigningKey {
  const { scope } = claim;
  const key = input.signingKeys.get(claim, credential.secret);
  const signatureOf = (canonicalHash: string): string =>
    key.hmacHex(`AWS4-HMAC-SHA256\n${claim.amzDate}\n${scope}\n${canonicalHash}`);
  const { head, target } = input;
  const canonicalOf = (path: string): string =>
    canonicalRequest({
      method: head.method,
      path,
      query: target.query,
      headers: head.headers,
      signedHeaders: claim.signedHeaders,
      payloadHash: input.payloadHash,
    });
  const path = canonicalPath(target.path);
  const canonical = canonicalOf(path);
  const plain = isPlain(canonical);
  const computed = signatureOf(plain ? sha256Hex(canonical) : sha256HexOfBytes(canonical));
  const matches =
    equalSignatures(computed, claim.signature) ||
    // Some clients sign the path just as they send it, with characters encoded that need not be.
    (path !== target.rawPath &&
      equalSignatures(signatureOf(sha256Hex(canonicalOf(target.rawPath))), claim.signature)) ||
    // And some sign a header as UTF-8 and send it as Latin-1.
    (!plain && equalSignatures(signatureOf(sha256Hex(canonical)), claim.signature));
  if (!matches) {
    throw new S3Refusal("SignatureDoesNotMatch", undefined, {
      AWSAccessKeyId: claim.accessKeyId,
      StringToSign: `AWS4-HMAC-SHA256\n${claim.amzDate}\n${scope}\n${plain ? sha256Hex(canonical) : sha256HexOfBytes(canonical)}`,
      SignatureProvided: claim.signature,
      CanonicalRequest: withoutSecretHeaders(canonical),
    });
  }
  return key;
}
