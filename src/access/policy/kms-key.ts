/** A key of the key ring has an id, and any ARN that ends with it: policies and requests may use either for the same key. */

/** The key's id: the text itself, or what follows an ARN's first "/". */
export function kmsKeyId(text: string): string {
  return text.startsWith("arn:") ? text.slice(text.indexOf("/") + 1) : text;
}

/** The same of a policy's value, whose account and region may be patterns or variables; of an ARN that is a pattern from there on, the pattern. */
export function kmsKeyPattern(value: string): string {
  if (!value.startsWith("arn:")) return value;
  const prefix = ARN_PREFIX.exec(value)?.[0];
  if (prefix !== undefined) return value.slice(prefix.length);
  const star = value.indexOf("*");
  return star < 0 ? value : value.slice(star);
}

/** A variable may have a slash in its name. */
const ARN_PREFIX = /^arn:(?:\$\{[^}]*\}|[^/$])*\//;
