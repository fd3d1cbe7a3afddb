/**
 * Policies once more, as simply as they can be said: the JSON as it stands, regular expressions for patterns, no compiling. For the property test
 * that compares it with the evaluator. It takes what `parsePolicy` accepts.
 */

export interface PlainStatement {
  readonly Effect: "Allow" | "Deny";
  readonly Action?: readonly string[];
  readonly NotAction?: readonly string[];
  readonly Resource?: readonly string[];
  readonly NotResource?: readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

export interface PlainRequest {
  readonly action: string;
  readonly resource: string;
  /** Keys in lower case. */
  readonly values: Readonly<Record<string, readonly string[]>>;
}

export function plainVerdict(
  statements: readonly PlainStatement[],
  request: PlainRequest,
): "deny" | "allow" | "silent" {
  const applying = statements.filter((statement) => applies(statement, request));
  if (applying.some(({ Effect: effect }) => effect === "Deny")) return "deny";
  return applying.length > 0 ? "allow" : "silent";
}

function applies(statement: PlainStatement, request: PlainRequest): boolean {
  const {
    Action: actions,
    NotAction: notActions,
    Resource: resources,
    NotResource: notResources,
  } = statement;
  const like = (pattern: string, text: string, flags: string): boolean =>
    toRegExp(pattern, request, flags).test(text);
  if (actions !== undefined && !actions.some((action) => like(action, request.action, "i"))) return false;
  if (notActions?.some((action) => like(action, request.action, "i"))) return false;
  if (resources !== undefined && !resources.some((one) => like(one, request.resource, ""))) return false;
  if (notResources?.some((one) => like(one, request.resource, ""))) return false;
  const conditions = Object.entries(statement.Condition ?? {});
  return conditions.every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) =>
      holds(operator, request.values[key.toLowerCase()], wanted, request),
    ),
  );
}

function toRegExp(pattern: string, request: PlainRequest, flags: string): RegExp {
  let source = "";
  for (const token of pattern.match(/\$\{[^}]*\}|[\s\S]/gu) ?? []) {
    if (token === "*") source += "[\\s\\S]*";
    else if (token === "?") source += "[\\s\\S]";
    else if (token.startsWith("${")) source += variable(token.slice(2, -1), request);
    else source += quote(token);
  }
  return new RegExp(`^${source}$`, `u${flags}`);
}

/** What stands for nothing must match nothing. */
function variable(name: string, request: PlainRequest): string {
  if (name === "*" || name === "?" || name === "$") return quote(name);
  const values = request.values[name.toLowerCase()] ?? [];
  return values.length === 1 ? quote(values[0]!) : "[^\\s\\S]";
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function holds(
  spelled: string,
  given: readonly string[] | undefined,
  wanted: readonly string[],
  request: PlainRequest,
): boolean {
  const [set, rest] = spelled.includes(":") ? (spelled.split(":") as [string, string]) : ["", spelled];
  if (rest === "Null") return wanted[0] === (given === undefined ? "true" : "false");
  const operator = rest.replace(/IfExists$/, "");
  const isNegated = /Not/.test(operator);
  if (given === undefined) return operator !== rest || set === "ForAllValues" || (isNegated && set === "");
  const fits = (value: string): boolean =>
    wanted.some((one) => fitsOne(operator.replace("Not", ""), value, one, request));
  const good = (value: string): boolean => (isNegated ? !fits(value) : fits(value));
  return set === "ForAnyValue" ? given.some(good) : given.every(good);
}

function fitsOne(operator: string, value: string, wanted: string, request: PlainRequest): boolean {
  const [number, bound] = [Number(value), Number(wanted)];
  switch (operator) {
    case "StringEquals":
      return value === wanted;
    case "StringEqualsIgnoreCase":
      return value.toLowerCase() === wanted.toLowerCase();
    case "StringLike":
      return toRegExp(wanted, request, "").test(value);
    case "NumericEquals":
      return number === bound;
    case "NumericLessThan":
      return number < bound;
    case "NumericGreaterThanEquals":
      return number >= bound;
    case "Bool":
      return value === wanted;
    default:
      throw new Error(`the plain evaluator has no ${operator}`);
  }
}
