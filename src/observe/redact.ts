/** What may be written down of a value: no secrets, no endless strings, no bytes, no cycles. */

import { Secret } from "./secret.ts";

const REDACTED = "[redacted]";
const MAX_DEPTH = 6;
const MAX_ITEMS = 100;
const MAX_TEXT_LENGTH = 8192;

/** Names of fields and headers whose values are secret, in lower case and without "-" and "_". */
const SECRET_NAMES: ReadonlySet<string> = new Set([
  "apikey",
  "authorization",
  "bearer",
  "cookie",
  "credential",
  "credentials",
  "jointoken",
  "keyencryptionkey",
  "passphrase",
  "password",
  "privatekey",
  "privatekeypem",
  "proxyauthorization",
  "secret",
  "secretaccesskey",
  "secretkey",
  "sessiontoken",
  "setcookie",
  "signature",
  "signingkey",
  "token",
  "xamzcopysourceserversideencryptioncustomerkey",
  "xamzcredential",
  "xamzsecuritytoken",
  "xamzserversideencryptioncustomerkey",
  "xamzsignature",
  "xapikey",
]);

/** Secrets inside texts, such as URLs and messages of errors: what is kept of each, and what is not. */
const SECRET_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, `$1 ${REDACTED}`],
  [/\bsk_[\w-]{8,}/g, `sk_${REDACTED}`],
  [/\b(X-Amz-(?:Signature|Security-Token|Credential))=[^&\s"']+/gi, `$1=${REDACTED}`],
  [/\b(Signature)=[0-9a-f]{16,}/gi, `$1=${REDACTED}`],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, REDACTED],
];

/** A copy of the value that is fit for a log: plain objects, arrays, texts, numbers, booleans and null. */
export function redact(value: unknown): unknown {
  return copy(value, 0, new Set());
}

/** The text without the secrets that can be told by their form. */
export function redactText(text: string): string {
  let clean =
    text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}... (${text.length} characters)` : text;
  for (const [secret, replacement] of SECRET_TEXTS) clean = clean.replace(secret, replacement);
  return clean;
}

function isSecretName(name: string): boolean {
  return SECRET_NAMES.has(name.replaceAll(/[-_]/g, "").toLowerCase());
}

function copy(value: unknown, depth: number, above: Set<object>): unknown {
  if (typeof value === "string") return redactText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return `[${typeof value}]`;
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Secret) return REDACTED;
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (above.has(value)) return "[circular]";
  if (depth === MAX_DEPTH) return "[deep]";
  above.add(value);
  const copied = copyObject(value, depth, above);
  above.delete(value);
  return copied;
}

function copyObject(value: object, depth: number, above: Set<object>): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? "[invalid date]" : value.toISOString();
  if (value instanceof Error) return copyError(value, depth, above);
  if (value instanceof Map) return copyFields(value, depth, above);
  if (Array.isArray(value) || value instanceof Set) return copyItems([...value], depth, above);
  return copyFields(Object.entries(value), depth, above);
}

function copyItems(items: readonly unknown[], depth: number, above: Set<object>): unknown[] {
  const copied = items.slice(0, MAX_ITEMS).map((item) => copy(item, depth + 1, above));
  if (items.length > MAX_ITEMS) copied.push(`[${items.length - MAX_ITEMS} more]`);
  return copied;
}

function copyFields(
  fields: Iterable<readonly [unknown, unknown]>,
  depth: number,
  above: Set<object>,
): object {
  const copied: Record<string, unknown> = {};
  let count = 0;
  for (const [key, value] of fields) {
    if (count++ === MAX_ITEMS) {
      copied["..."] = "[more]";
      break;
    }
    const name = String(key);
    copied[name] =
      isSecretName(name) && value !== undefined && value !== null ? REDACTED : copy(value, depth + 1, above);
  }
  return copied;
}

function copyError(error: Error, depth: number, above: Set<object>): object {
  const fields = Object.entries(error).filter(
    ([name]) => name !== "name" && name !== "message" && name !== "stack",
  );
  return {
    type: error.name,
    message: redactText(error.message),
    ...(error.stack !== undefined && { stack: redactText(error.stack) }),
    ...copyFields(fields, depth, above),
    ...(error.cause !== undefined && { cause: copy(error.cause, depth + 1, above) }),
  };
}
