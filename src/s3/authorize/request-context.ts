import { conditionKeyName, type PolicyContext } from "../../access/index.ts";
import type { Tag } from "../../object/index.ts";
import { parseAmzDate } from "../auth/signature-claim.ts";
import { fromHeaderValue, type RequestHeaders, type S3Request } from "../http.ts";
import type { QueryParameters } from "../parse/query.ts";

export interface RequestContextInput {
  readonly request: Pick<S3Request, "remoteAddress" | "secure">;
  /** With those that came as parameters of a presigned URL. */
  readonly headers: RequestHeaders;
  readonly query: QueryParameters;
  readonly nowMs: number;
  readonly region: string;
  /** What is known of the request from elsewhere than its head. */
  readonly beside?: ValuesBeside | undefined;
}

/** Where these are there, they count instead of what the head says, which then means nothing to the operation. */
export interface ValuesBeside {
  /** By the key as `conditionKeyName` spells it; undefined: the request has no such value, whatever its head says. */
  readonly values?: ReadonlyMap<string, string | undefined>;
  readonly tags?: readonly Tag[];
}

type Read = (input: RequestContextInput) => string | undefined;

const header =
  (name: string): Read =>
  ({ headers }) => {
    const value = headers.get(name);
    return value === undefined ? undefined : fromHeaderValue(value);
  };
const parameter =
  (name: string): Read =>
  ({ query }) =>
    query.get(name);

/** Condition keys whose name is that of a header. */
const HEADER_KEYS = [
  "x-amz-acl",
  "x-amz-content-sha256",
  "x-amz-copy-source",
  "x-amz-grant-full-control",
  "x-amz-grant-read",
  "x-amz-grant-read-acp",
  "x-amz-grant-write",
  "x-amz-grant-write-acp",
  "x-amz-metadata-directive",
  "x-amz-object-ownership",
  "x-amz-server-side-encryption",
  "x-amz-server-side-encryption-aws-kms-key-id",
  "x-amz-server-side-encryption-customer-algorithm",
  "x-amz-storage-class",
  "x-amz-website-redirect-location",
  "if-match",
  "if-none-match",
] as const;

const READERS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ...HEADER_KEYS.map((name) => [`s3:${name}`, header(name)] as const),
  ["aws:sourceip", ({ request }) => request.remoteAddress],
  ["aws:securetransport", ({ request }) => String(request.secure)],
  ["aws:referer", header("referer")],
  ["aws:useragent", header("user-agent")],
  ["aws:currenttime", ({ nowMs }) => new Date(nowMs).toISOString()],
  ["aws:epochtime", ({ nowMs }) => String(Math.floor(nowMs / 1000))],
  ["aws:requestedregion", ({ region }) => region],
  ["s3:prefix", parameter("prefix")],
  ["s3:delimiter", parameter("delimiter")],
  ["s3:max-keys", parameter("max-keys")],
  ["s3:object-lock-mode", header("x-amz-object-lock-mode")],
  ["s3:object-lock-legal-hold", header("x-amz-object-lock-legal-hold")],
  ["s3:object-lock-retain-until-date", header("x-amz-object-lock-retain-until-date")],
  ["s3:object-lock-remaining-retention-days", remainingDaysOfHeader],
  [
    "s3:signatureversion",
    ({ headers, query }) => (isSigned(headers, query) ? "AWS4-HMAC-SHA256" : undefined),
  ],
  ["s3:authtype", authType],
  ["s3:signatureage", signatureAgeMs],
]);

const REQUEST_TAG = "s3:requestobjecttag/";
const REQUEST_TAG_KEYS = "s3:requestobjecttagkeys";

/** What policies may ask of a request. Nothing is read from it before one does. */
export function requestContext(input: RequestContextInput): PolicyContext {
  const { beside } = input;
  let tags: URLSearchParams | undefined;
  const requestTags = (): URLSearchParams => {
    tags ??= beside?.tags
      ? new URLSearchParams(beside.tags.map(({ key, value }): [string, string] => [key, value]))
      : new URLSearchParams(fromHeaderValue(input.headers.get("x-amz-tagging") ?? ""));
    return tags;
  };
  return {
    values: (key) => {
      const name = conditionKeyName(key);
      if (beside?.values?.has(name) === true) return listOf(beside.values.get(name));
      if (name === REQUEST_TAG_KEYS) return requestTags().size === 0 ? undefined : [...requestTags().keys()];
      if (name.startsWith(REQUEST_TAG)) {
        const value = requestTags().get(name.slice(REQUEST_TAG.length));
        return value === null ? undefined : [value];
      }
      return listOf(READERS.get(name)?.(input));
    },
  };
}

const listOf = (value: string | undefined): readonly string[] | undefined =>
  value === undefined ? undefined : [value];

function isSigned(headers: RequestHeaders, query: QueryParameters): boolean {
  return headers.has("authorization") || query.has("X-Amz-Signature");
}

function authType({ headers, query }: RequestContextInput): string | undefined {
  if (headers.has("authorization")) return "REST-HEADER";
  return query.has("X-Amz-Signature") ? "REST-QUERY-STRING" : undefined;
}

function signatureAgeMs({ query, nowMs }: RequestContextInput): string | undefined {
  const signedMs = parseAmzDate(query.get("X-Amz-Date") ?? "");
  return signedMs === undefined ? undefined : String(Math.max(0, nowMs - signedMs));
}

const DAY_MS = 86_400_000;

function remainingDaysOfHeader({ headers, nowMs }: RequestContextInput): string | undefined {
  const untilMs = Date.parse(headers.get("x-amz-object-lock-retain-until-date") ?? "");
  return Number.isNaN(untilMs) ? undefined : remainingRetentionDays(untilMs, nowMs);
}

/** As "s3:object-lock-remaining-retention-days" has it: days that have begun count. */
export function remainingRetentionDays(untilMs: number, nowMs: number): string {
  return String(Math.max(0, Math.ceil((untilMs - nowMs) / DAY_MS)));
}
