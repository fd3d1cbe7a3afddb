import { invalidArgument, notImplemented, type S3ErrorCode, S3Refusal } from "../errors.ts";
import type { RequestHeaders } from "../http.ts";
import { MAX_PRESIGNED_SECONDS } from "../limits.ts";
import type { QueryParameters } from "../parse/query.ts";
import { type SignedHeaders, signedHeadersOf } from "./canonical-request.ts";

/** What a request says about its own signature, before anything of it is believed. */
export interface SignatureClaim {
  readonly via: "header" | "query";
  readonly accessKeyId: string;
  /** "yyyymmdd", from the credential scope. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
  /** "date/region/service/aws4_request". */
  readonly scope: string;
  readonly signedHeaders: SignedHeaders;
  readonly signature: string;
  /** "yyyymmddThhmmssZ". */
  readonly amzDate: string;
  readonly timeMs: number;
  /** Of a presigned URL. */
  readonly expiresSeconds: number | undefined;
  /** What temporary credentials show beside the signature. */
  readonly sessionToken: string | undefined;
}

const ALGORITHM = "AWS4-HMAC-SHA256";
const SIGV2_MESSAGE =
  "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.";

/**
 * Reads the claim from the Authorization header or from the parameters of a presigned URL; undefined: the request is not signed. Refuses
 * both at once, other mechanisms, a session token without a signature, and everything malformed, in S3's words.
 */
export function readSignatureClaim(
  headers: RequestHeaders,
  query: QueryParameters,
): SignatureClaim | undefined {
  const authorization = headers.get("authorization");
  const presigned = query.size > 0 && isPresigned(query);
  if (authorization !== undefined && presigned) {
    throw invalidArgument(
      "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified",
      "Authorization",
      "",
    );
  }
  const sessionToken = headers.get("x-amz-security-token") ?? query.get("X-Amz-Security-Token");
  if (authorization !== undefined) return readHeader(authorization, headers, sessionToken);
  if (presigned) return { ...readQuery(query), sessionToken };
  if (sessionToken !== undefined) throw new S3Refusal("InvalidToken");
  return undefined;
}

function isPresigned(query: QueryParameters): boolean {
  if (query.has("AWSAccessKeyId") && query.has("Signature"))
    throw new S3Refusal("InvalidRequest", SIGV2_MESSAGE);
  return query.has("X-Amz-Algorithm") || query.has("X-Amz-Signature") || query.has("X-Amz-Credential");
}

type Signed = Omit<SignatureClaim, "sessionToken">;

/** What an Authorization header says before its signature. */
type Scoped = Credential & Pick<Signed, "signedHeaders">;
type Credential = Pick<Signed, "accessKeyId" | "date" | "region" | "service" | "scope">;

/** By their text up to the signature: a client sends the same with every request, for a day. */
const SCOPES = new Map<string, Scoped>();
const MAX_SCOPES = 1_000;
const MAX_SCOPE_LENGTH = 512;
/** As nearly all clients write it: the signature last, 64 digits. */
const SIGNATURE_FIELD = "Signature=";
const SIGNATURE_LENGTH = 64;

function readHeader(
  authorization: string,
  headers: RequestHeaders,
  sessionToken: string | undefined,
): SignatureClaim {
  const at = authorization.length - SIGNATURE_LENGTH;
  if (at > MAX_SCOPE_LENGTH || !authorization.startsWith(SIGNATURE_FIELD, at - SIGNATURE_FIELD.length)) {
    return { ...readFields(authorization, headers), sessionToken };
  }
  const text = authorization.slice(0, at);
  const known = SCOPES.get(text);
  const signature = authorization.slice(at);
  if (known !== undefined && !signature.includes(",")) {
    const { accessKeyId, date, region, service, scope, signedHeaders } = known;
    const { amzDate, timeMs } = readTime(headers);
    return {
      via: "header",
      accessKeyId,
      date,
      region,
      service,
      scope,
      signedHeaders,
      signature,
      amzDate,
      timeMs,
      expiresSeconds: undefined,
      sessionToken,
    };
  }
  const read = { ...readFields(authorization, headers), sessionToken };
  // A field of its own, and the last one: then nothing before it depends on it.
  const isField = text.slice(0, -SIGNATURE_FIELD.length).trimEnd().endsWith(",");
  if (!isField || read.signature !== signature) return read;
  if (SCOPES.size >= MAX_SCOPES) SCOPES.clear();
  const { accessKeyId, date, region, service, scope, signedHeaders } = read;
  SCOPES.set(text, { accessKeyId, date, region, service, scope, signedHeaders });
  return read;
}

function readFields(authorization: string, headers: RequestHeaders): Signed {
  const space = authorization.indexOf(" ");
  const mechanism = space < 0 ? authorization : authorization.slice(0, space);
  checkMechanism(mechanism, "AuthorizationHeaderMalformed");
  const fields = new Map<string, string>();
  for (const field of authorization.slice(space + 1).split(",")) {
    const equals = field.indexOf("=");
    if (equals < 0) throw malformedHeader("The authorization header is malformed.");
    fields.set(field.slice(0, equals).trim(), field.slice(equals + 1).trim());
  }
  const credential = requireField(fields, "Credential");
  const time = readTime(headers);
  return {
    via: "header",
    ...parseCredential(credential, "AuthorizationHeaderMalformed"),
    signedHeaders: signedHeadersOf(requireField(fields, "SignedHeaders")),
    signature: requireField(fields, "Signature"),
    ...time,
    expiresSeconds: undefined,
  };
}

function checkMechanism(mechanism: string, code: S3ErrorCode): void {
  if (mechanism === ALGORITHM) return;
  if (mechanism === "AWS") throw new S3Refusal("InvalidRequest", SIGV2_MESSAGE);
  if (mechanism === "AWS4-ECDSA-P256-SHA256")
    throw notImplemented("The signing algorithm AWS4-ECDSA-P256-SHA256");
  throw new S3Refusal(code, `Unsupported Authorization Type. Please use ${ALGORITHM}.`);
}

function requireField(fields: ReadonlyMap<string, string>, name: string): string {
  const value = fields.get(name);
  if (value === undefined || value === "") {
    throw malformedHeader(`The authorization header is malformed; the ${name} field is missing.`);
  }
  return value;
}

function malformedHeader(message: string): S3Refusal {
  return new S3Refusal("AuthorizationHeaderMalformed", message);
}

/** "AKID/yyyymmdd/region/service/aws4_request"; the key id may itself hold slashes, so the scope is read from the end. */
function parseCredential(credential: string, code: S3ErrorCode): Credential {
  const parts = credential.split("/");
  const terminator = parts.pop();
  const service = parts.pop();
  const region = parts.pop();
  const date = parts.pop();
  const accessKeyId = parts.join("/");
  // Clients without a region sign for an empty one; whether that will do is for the endpoint to say.
  if (terminator !== "aws4_request" || !service || region === undefined || !date || accessKeyId === "") {
    throw new S3Refusal(
      code,
      'The Credential is malformed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".',
    );
  }
  return { accessKeyId, date, region, service, scope: `${date}/${region}/${service}/aws4_request` };
}

/** x-amz-date, or else Date. */
function readTime(headers: RequestHeaders): Pick<SignatureClaim, "amzDate" | "timeMs"> {
  const amzDate = headers.get("x-amz-date");
  if (amzDate !== undefined) {
    const timeMs = parseAmzDate(amzDate);
    if (timeMs !== undefined) return { amzDate, timeMs };
    const other = Date.parse(amzDate);
    if (!Number.isNaN(other)) return { amzDate: formatAmzDate(other), timeMs: other };
  } else {
    const date = headers.get("date");
    const timeMs = date === undefined ? Number.NaN : Date.parse(date);
    if (!Number.isNaN(timeMs)) return { amzDate: formatAmzDate(timeMs), timeMs };
  }
  throw new S3Refusal("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header");
}

const AMZ_DATE_LENGTH = "yyyymmddThhmmssZ".length;
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** "yyyymmddThhmmssZ" in milliseconds since the epoch; undefined when it is no date. By hand: every request has one. */
export function parseAmzDate(text: string): number | undefined {
  if (text.length !== AMZ_DATE_LENGTH || text[8] !== "T" || text[15] !== "Z") return undefined;
  const year = digits(text, 0, 4);
  const month = digits(text, 4, 6);
  const day = digits(text, 6, 8);
  const hour = digits(text, 9, 11);
  const minute = digits(text, 11, 13);
  const second = digits(text, 13, 15);
  const lastDay = DAYS[month - 1];
  if (lastDay === undefined || !(year >= 1970 && day >= 1 && day <= lastDay)) return undefined;
  if (!(hour <= 23 && minute <= 59 && second <= 59)) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** NaN when there is anything but digits. */
function digits(text: string, from: number, to: number): number {
  let value = 0;
  for (let index = from; index < to; index += 1) {
    const digit = text.charCodeAt(index) - 0x30;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}

export function formatAmzDate(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/[-:]|\.\d{3}/g, "");
}

const REQUIRED_PARAMETERS = [
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Date",
  "X-Amz-Expires",
  "X-Amz-SignedHeaders",
  "X-Amz-Signature",
];

function readQuery(query: QueryParameters): Signed {
  for (const name of REQUIRED_PARAMETERS) {
    if (!query.get(name)) {
      throw badQuery(
        "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
      );
    }
  }
  checkMechanism(query.get("X-Amz-Algorithm")!, "AuthorizationQueryParametersError");
  const amzDate = query.get("X-Amz-Date")!;
  const timeMs = parseAmzDate(amzDate);
  if (timeMs === undefined) {
    throw badQuery("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"");
  }
  return {
    via: "query",
    ...parseCredential(query.get("X-Amz-Credential")!, "AuthorizationQueryParametersError"),
    signedHeaders: signedHeadersOf(query.get("X-Amz-SignedHeaders")!),
    signature: query.get("X-Amz-Signature")!,
    amzDate,
    timeMs,
    expiresSeconds: parseExpires(query.get("X-Amz-Expires")!),
  };
}

/** A time that no URL may have is refused like one that is over: 403, which clients of presigned URLs know to ask for a new one at. */
function parseExpires(text: string): number {
  if (!/^-?\d{1,15}$/.test(text)) throw badQuery("X-Amz-Expires should be a number");
  const seconds = Number(text);
  if (seconds < 0) throw new S3Refusal("AccessDenied", "X-Amz-Expires must be non-negative");
  if (seconds < 1) throw new S3Refusal("AccessDenied", "X-Amz-Expires must be at least 1 second");
  if (seconds > MAX_PRESIGNED_SECONDS) {
    throw new S3Refusal(
      "AccessDenied",
      `X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than ${MAX_PRESIGNED_SECONDS} seconds`,
    );
  }
  return seconds;
}

function badQuery(message: string): S3Refusal {
  return new S3Refusal("AuthorizationQueryParametersError", message);
}
