/**
 * The order of keys. Stores, listings and S3 order keys by their UTF-8 bytes, which is the order of code points. JavaScript's `<` orders by
 * UTF-16 code units, which differs where a character above U+FFFF (written with surrogates, U+D800 to U+DFFF) meets one from U+E000 on.
 */

/** Negative, zero or positive, as the UTF-8 bytes of `a` sort before, with or after those of `b`. Both must be well formed. */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let i = 0; i < shorter; i++) {
    const unitA = a.charCodeAt(i);
    const unitB = b.charCodeAt(i);
    if (unitA !== unitB) return codePointRank(unitA) - codePointRank(unitB);
  }
  return a.length - b.length;
}

/** Moves surrogates above all other code units: then the first unit that differs decides as code points would. */
function codePointRank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/**
 * The smallest string greater than every string that begins with `prefix`, in the order of `compareKeys`; undefined when there is none (the
 * prefix is empty, or is all U+10FFFF). `prefix` must be well formed; so is the result.
 */
export function successorOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    const point = last.codePointAt(0)!;
    if (point === 0x10ffff) continue;
    // The surrogates are no characters: what follows U+D7FF is U+E000.
    return points.join("") + String.fromCodePoint(point === 0xd7ff ? 0xe000 : point + 1);
  }
  return undefined;
}
