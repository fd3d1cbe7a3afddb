/**
 * Weighted rendezvous hashing (Thaler and Ravishankar 1998; weights after Schindelhauer and Schomaker 2005): each candidate draws a number
 * from its name and the key, the greatest wins. When a candidate comes or goes, only what it wins or has won changes hands.
 */

/**
 * The draw of candidate `id` for `key`, always negative: -E/w with E exponentially distributed, so that a candidate wins in proportion to its
 * weight. The greatest wins. `weight` is positive.
 */
export function rendezvousScore(key: number, id: number, weight: number): number {
  return Math.log(unitHash(key, id)) / weight;
}

/** In (0, 1), 53 bits from two mixers. */
function unitHash(key: number, id: number): number {
  const high = mix(mix(fold(key) ^ 0x9e3779b9) ^ fold(id));
  const low = mix(mix(fold(id) ^ 0x85ebca6b) + fold(key));
  return ((high >>> 5) * 0x4000000 + (low >>> 6) + 0.5) / 0x20000000000000;
}

/** The upper bits of ids above 2^32 take part too. */
function fold(value: number): number {
  return (value ^ Math.imul(Math.floor(value / 0x100000000), 0x27d4eb2f)) | 0;
}

/** The finalizer of MurmurHash3. */
function mix(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

/** 32 bits of a byte string, for keys that are ids. FNV-1a, mixed. */
export function hashBytes(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return mix(hash);
}
