/** One decoder and what must hold for whatever it is given. */
export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs of every kind that the decoder knows. */
  seeds(): readonly Uint8Array[];
  /** Pieces that mutations put into inputs: magic numbers, names, delimiters. */
  readonly dictionary?: readonly (string | Uint8Array)[];
  /** Inputs are kept at most this long. Default 8 KiB. */
  readonly maxBytes?: number;
  /**
   * Throws when something does not hold. What it returns names the outcome in a few words ("accepted", an error's code): an input with an outcome
   * that was not seen before is kept and mutated further.
   */
  property(input: Uint8Array): string | Promise<string>;
  /** Inputs of about `sizeBytes` that a decoder with quadratic cost would choke on. Each is checked to cost in proportion to its size. */
  readonly large?: readonly ((sizeBytes: number) => Uint8Array)[];
}

/** An error that a target does not allow: the message says which property is broken. */
export function broken(what: string, cause?: unknown): never {
  throw new Error(what, cause === undefined ? undefined : { cause });
}

/** Runs a decoder that may refuse with errors of these classes only. Returns its value, or the name of the refusal. */
export function refusable<T>(
  allowed: readonly (abstract new (...parts: never[]) => Error)[],
  decode: () => T,
): { readonly kind: "value"; readonly value: T } | { readonly kind: "refused"; readonly label: string } {
  try {
    return { kind: "value", value: decode() };
  } catch (error) {
    return { kind: "refused", label: refusalLabel(allowed, error) };
  }
}

/** The name of a refusal of one of these classes; throws for every other error. */
export function refusalLabel(
  allowed: readonly (abstract new (...parts: never[]) => Error)[],
  error: unknown,
): string {
  const known = allowed.find((kind) => error instanceof kind);
  if (known === undefined) broken(`an error of another kind: ${String(error)}`, error);
  const { code } = error as { code?: unknown };
  return `${known.name} ${typeof code === "string" || typeof code === "number" ? code : ""}`.trim();
}

export function same(found: unknown, wanted: unknown, what: string): void {
  const [a, b] = [textOf(found), textOf(wanted)];
  if (a !== b) broken(`${what}: ${a.slice(0, 300)} is not ${b.slice(0, 300)}`);
}

/** Values as text: bytes, big numbers, maps and sets included. */
export function textOf(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) => {
      if (part instanceof Uint8Array) return `bytes ${Buffer.from(part).toString("hex")}`;
      if (typeof part === "bigint") return `${part}n`;
      if (part instanceof Map) return [...part];
      if (part instanceof Set) return [...part];
      return part;
    }) ?? "undefined"
  );
}

export const text = (value: string): Uint8Array => Buffer.from(value, "utf8");
export const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
export const utf8 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
