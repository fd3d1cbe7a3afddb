/** A checker has found that something does not hold: this ends the run. */
export class CheckFailure extends Error {
  readonly checker: string;

  constructor(checker: string, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "CheckFailure";
    this.checker = checker;
  }
}

/** Fails the run unless `condition` holds; `message` is asked for only then. */
export function check(condition: boolean, checker: string, message: () => string): asserts condition {
  if (!condition) throw new CheckFailure(checker, message());
}
