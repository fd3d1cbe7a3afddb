/** A bug: something that must always hold does not. Nobody handles it; the node stops with the invariant's name. */
export class InvariantViolation extends Error {
  readonly invariant: string;

  constructor(invariant: string) {
    super(`invariant violated: ${invariant}`);
    this.name = "InvariantViolation";
    this.invariant = invariant;
  }
}

/**
 * Throws `InvariantViolation` unless `condition` holds. `invariant` states positively what must be true ("applied <= committed") and is a
 * fixed string, so that asserting costs nothing on a hot path. Assertions stay on in production.
 */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new InvariantViolation(invariant);
}

/** For the end of an exhaustive switch: does not compile while a member of the union is unhandled. */
export function unreachable(value: never): never {
  throw new InvariantViolation(`unreachable: ${String(value)}`);
}
