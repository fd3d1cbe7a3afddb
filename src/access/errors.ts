/** What can be wrong with a credential that was stored or shown. The closed set of this module. */
export const ACCESS_ERROR_CODES = [
  "sealed-malformed",
  "sealed-version",
  "sealed-key-unknown",
  "sealed-damaged",
  "key-invalid",
  "policy-malformed",
  "acl-malformed",
  "session-invalid",
] as const;

export type AccessErrorCode = (typeof ACCESS_ERROR_CODES)[number];

/** The message never holds a secret. */
export class AccessError extends Error {
  readonly code: AccessErrorCode;

  constructor(code: AccessErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "AccessError";
    this.code = code;
  }
}
