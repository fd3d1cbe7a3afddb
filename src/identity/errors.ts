/** Why a request about identities was refused: a closed set. */
export type IdentityErrorCode =
  | "invalid"
  | "policy-malformed"
  | "not-found"
  | "exists"
  /** Something else still depends on it. */
  | "conflict"
  | "limit"
  /** A token of an identity provider: not its own, not for whom it is shown, or not a token. */
  | "token-invalid"
  | "token-expired"
  /** An identity provider does not tell its keys. */
  | "issuer-unreachable"
  /** Others change the same rows all the time. */
  | "busy"
  | "unavailable"
  | "outcome-unknown"
  | "overloaded";

export class IdentityError extends Error {
  readonly code: IdentityErrorCode;

  constructor(code: IdentityErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "IdentityError";
    this.code = code;
  }
}
