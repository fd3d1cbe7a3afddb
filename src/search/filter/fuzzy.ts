/**
 * Whether `value`, or with `prefix` some prefix of it, is within `distance` insertions, deletions and substitutions of `wanted` (Levenshtein), in code
 * points. One row of the usual table, only as far from the diagonal as the distance allows.
 */
export function isFuzzyMatch(
  wanted: readonly string[],
  value: string,
  { distance, prefix }: { readonly distance: number; readonly prefix: boolean },
): boolean {
  const most = wanted.length + distance;
  let row = Array.from({ length: wanted.length + 1 }, (_, i) => i);
  if (prefix && wanted.length <= distance) return true;
  let length = 0;
  for (const character of value) {
    length++;
    if (length > most) return false;
    const next = [length];
    let least = length;
    for (let i = 1; i <= wanted.length; i++) {
      const substituted = (row[i - 1] ?? 0) + (wanted[i - 1] === character ? 0 : 1);
      const cost = Math.min(substituted, (row[i] ?? 0) + 1, (next[i - 1] ?? 0) + 1);
      next.push(cost);
      if (cost < least) least = cost;
    }
    if (least > distance) return false;
    row = next;
    if (prefix && (row[wanted.length] ?? 0) <= distance) return true;
  }
  return (row[wanted.length] ?? 0) <= distance;
}
