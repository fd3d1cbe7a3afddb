/** What must not be shown again: values that are good for whoever reads them. */

import { percentDecode } from "../parse/percent.ts";

/** Headers, and parameters of presigned URLs that stand for them. */
const SECRET_HEADERS: ReadonlySet<string> = new Set([
  "x-amz-server-side-encryption-customer-key",
  "x-amz-copy-source-server-side-encryption-customer-key",
  "x-amz-security-token",
]);
const SECRET_PARAMETERS: ReadonlySet<string> = new Set([
  ...SECRET_HEADERS,
  "x-amz-signature",
  // Of signatures of version 2, which are not taken here; a log is no place to learn one for a server that takes them.
  "signature",
]);

export const REDACTED = "REDACTED";

/** Whether the value of this header, or of the parameter of a presigned URL that stands for it, is a secret: a customer's key, or the token of a session. */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADERS.has(name.toLowerCase());
}

/** A request's target, or a URL, without the secrets in its parameters, however their names are encoded. */
export function withoutSecrets(url: string): string {
  const start = url.indexOf("?") + 1;
  if (start === 0) return url;
  return url.slice(0, start) + url.slice(start).split("&").map(withoutSecret).join("&");
}

function withoutSecret(parameter: string): string {
  const equals = parameter.indexOf("=");
  if (equals < 0) return parameter;
  const name = parameter.slice(0, equals);
  return SECRET_PARAMETERS.has(decoded(name).toLowerCase()) ? `${name}=${REDACTED}` : parameter;
}

/** What cannot be decoded is no name that is known. */
function decoded(name: string): string {
  try {
    return percentDecode(name.replaceAll("+", " "));
  } catch {
    return name;
  }
}

/** A canonical request as it may be shown to whoever signed another one. */
export function withoutSecretHeaders(canonicalRequest: string): string {
  const [method = "", path = "", query = "", ...headers] = canonicalRequest.split("\n");
  const parameters = query.split("&").map((parameter) => blank(parameter, "="));
  return [method, path, parameters.join("&"), ...headers.map((line) => blank(line, ":"))].join("\n");
}

function blank(pair: string, separator: string): string {
  const at = pair.indexOf(separator);
  return at > 0 && isSecretHeader(pair.slice(0, at)) ? `${pair.slice(0, at + 1)}${REDACTED}` : pair;
}
