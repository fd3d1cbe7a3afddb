/**
 * The arithmetic that takes the time, on blocks of rows that lie one after another. There are two implementations, `plain.ts` and `wasm.ts`, which
 * give the same bits: the order of every sum is part of this interface, so that a score does not depend on who computed it.
 *
 * **The order of a float sum** over `n` elements: sixteen lanes, lane `j` adds the elements `i` with `i mod 16 = j` below the last multiple of 16, in
 * order; the lanes are joined as four vectors of four, `(v0 + v1) + (v2 + v3)`, then `(s0 + s1) + (s2 + s3)`; the rest of the elements is added up
 * from the left on its own and joined last. Every product and every sum is rounded to f32.
 *
 * Calls are synchronous and keep nothing: an instance may be shared by everything on one thread. `out` decides how many rows there are.
 */
export interface VectorKernels {
  readonly name: "plain" | "wasm";
  /** `out[r]` = query · row r. */
  dotRows(query: Float32Array, rows: Float32Array, out: Float32Array): void;
  /** `out[r]` = |query - row r|². */
  squaredDistanceRows(query: Float32Array, rows: Float32Array, out: Float32Array): void;
  /** `out[r]` = |row r|². */
  squaredNormRows(rows: Float32Array, dimensions: number, out: Float32Array): void;
  /** IEEE 754 halves to floats. Infinities and NaN have no meaning here: they become some finite number. */
  decodeHalves(halves: Uint16Array, out: Float32Array): void;
}
