/**
 * The length of a text in one byte: exact below 64 tokens, above in steps of a sixteenth of the power of two below it, rounded down. Scores see
 * the decoded length, in every kind of index, so that they do not depend on where a document lies.
 */

const EXACT = 64;
const STEPS = 16;

const LENGTHS = Uint32Array.from({ length: 256 }, (_, code) => {
  if (code < EXACT) return code;
  const octave = Math.floor((code - EXACT) / STEPS);
  const step = (code - EXACT) % STEPS;
  return (EXACT + (EXACT / STEPS) * step) * 2 ** octave;
});

/** Tokens that a code stands for; 0: the row does not have the field. */
export function lengthOfCode(code: number): number {
  return LENGTHS[code] ?? 0;
}

/** The greatest code whose length is not over `tokens`. */
export function codeOfLength(tokens: number): number {
  if (tokens < EXACT) return tokens;
  const octave = Math.min(31 - Math.clz32(tokens) - 6, (256 - EXACT) / STEPS - 1);
  const step = Math.min(STEPS - 1, Math.floor(tokens / 2 ** octave / (EXACT / STEPS)) - STEPS);
  return EXACT + octave * STEPS + step;
}
