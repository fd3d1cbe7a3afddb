/** Why an administrative request was refused: a closed set. */
export type AdminErrorCode =
  | "invalid"
  | "not-found"
  | "exists"
  | "unavailable"
  | "outcome-unknown"
  | "overloaded";

export class AdminError extends Error {
  readonly code: AdminErrorCode;

  constructor(code: AdminErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "AdminError";
    this.code = code;
  }
}
