/** What the server refused, or that it could not be reached. */
export class SkerryError extends Error {
  /** As the server names it ("not_found", "limit_exceeded", "version_conflict"), or "unreachable", "timeout". */
  readonly code: string;
  /** HTTP status; 0: there was no answer. */
  readonly status: number;
  readonly requestId: string;
  /** What there is to name: the limit that was passed, the field. */
  readonly details: Readonly<Record<string, string>>;

  constructor(
    message: string,
    facts: {
      readonly code: string;
      readonly status: number;
      readonly requestId?: string;
      readonly details?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    },
  ) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = "SkerryError";
    this.code = facts.code;
    this.status = facts.status;
    this.requestId = facts.requestId ?? "";
    this.details = facts.details ?? {};
  }
}

/** An argument that no call can be made with: a name that is none, a number that JSON cannot hold. The message names the place. */
export class ArgumentError extends TypeError {
  override readonly name = "ArgumentError";
}
