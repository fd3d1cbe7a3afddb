import type { LegalHold, Retention, RetentionMode } from "../../object/index.ts";
import { invalidArgument, S3Refusal } from "../errors.ts";
import type { RequestHeaders } from "../http.ts";

const MODE = "x-amz-object-lock-mode";
const UNTIL = "x-amz-object-lock-retain-until-date";
const LEGAL_HOLD = "x-amz-object-lock-legal-hold";

/** Retention and legal hold that a new version is to have, from the headers of PutObject and the like. */
export function parseObjectLock(headers: RequestHeaders): {
  readonly retention?: Retention;
  readonly legalHold?: LegalHold;
} {
  if (!headers.has(MODE) && !headers.has(UNTIL) && !headers.has(LEGAL_HOLD)) return NO_LOCK;
  const retention = parseRetention(headers.get(MODE), headers.get(UNTIL));
  const legalHold = headers.get(LEGAL_HOLD);
  if (legalHold !== undefined && legalHold !== "ON" && legalHold !== "OFF") {
    throw invalidArgument("Legal Hold must be either of 'ON' or 'OFF'", LEGAL_HOLD, legalHold);
  }
  return { ...(retention && { retention }), ...(legalHold && { legalHold }) };
}

const NO_LOCK = {};

function parseRetention(mode: string | undefined, until: string | undefined): Retention | undefined {
  if (mode === undefined && until === undefined) return undefined;
  if (mode === undefined || until === undefined) {
    throw invalidArgument(
      `${UNTIL} and ${MODE} must both be supplied`,
      mode === undefined ? UNTIL : MODE,
      "",
    );
  }
  if (!isRetentionMode(mode)) throw invalidArgument("Unknown wormMode directive.", MODE, mode);
  const untilMs = parseIsoTime(until);
  if (untilMs === undefined) {
    throw invalidArgument("The retain until date must be provided in ISO 8601 format", UNTIL, until);
  }
  return { mode, untilMs };
}

export function isRetentionMode(text: string): text is RetentionMode {
  return text === "GOVERNANCE" || text === "COMPLIANCE";
}

const ISO_TIME =
  /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:?[0-9]{2})$/;

/** ISO 8601 with a zone, in milliseconds; undefined: not that. */
export function parseIsoTime(text: string): number | undefined {
  if (!ISO_TIME.test(text)) return undefined;
  const timeMs = Date.parse(text);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

export function bypassesGovernance(headers: RequestHeaders): boolean {
  return headers.get("x-amz-bypass-governance-retention")?.toLowerCase() === "true";
}

/** What keeps an object for years must have arrived as it was sent. */
export function requireBodyDigest(headers: RequestHeaders, what: string): void {
  if (headers.has("content-md5") || headers.has("x-amz-trailer")) return;
  for (const name of headers.keys()) if (name.startsWith("x-amz-checksum-")) return;
  throw new S3Refusal("InvalidRequest", `Content-MD5 OR x-amz-checksum- HTTP header is required for ${what}`);
}
