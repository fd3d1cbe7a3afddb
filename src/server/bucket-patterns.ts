/** Whether a bucket is one of a list of names, and of beginnings of names with a star behind them. */
export function bucketsMatching(patterns: readonly string[]): (bucket: string) => boolean {
  const names = new Set(patterns.filter((pattern) => !pattern.endsWith("*")));
  const beginnings = patterns
    .filter((pattern) => pattern.endsWith("*"))
    .map((pattern) => pattern.slice(0, -1));
  return (bucket) => names.has(bucket) || beginnings.some((beginning) => bucket.startsWith(beginning));
}
