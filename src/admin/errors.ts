/** Why an administrative request was refused: a closed set. */
export type AdminErrorCode =
  | "invalid"
  | "not-found"
  | "exists"
  /** As things stand it would lose something; `refusal` says what, and what to do. */
  | "refused"
  | "unavailable"
  | "outcome-unknown"
  | "overloaded";

/** For programs and for people. */
export interface Refusal {
  /** A word that does not change: "quorum", "redundancy". */
  readonly reason: string;
  /** What to do about it. */
  readonly advice: string;
}

export class AdminError extends Error {
  readonly code: AdminErrorCode;
  /** Of "refused". */
  readonly refusal: Refusal | undefined;

  constructor(
    code: AdminErrorCode,
    message: string,
    options?: { readonly cause?: unknown; readonly refusal?: Refusal },
  ) {
    super(message, options);
    this.name = "AdminError";
    this.code = code;
    this.refusal = options?.refusal;
  }
}
