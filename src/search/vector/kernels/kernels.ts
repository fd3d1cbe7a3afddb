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
  /** `out[q * n + r]` = query q · row r, for the n rows. */
  dotMatrix(queries: Float32Array, rows: Float32Array, dimensions: number, out: Float32Array): void;
  /** `out[r]` = |query - row r|². */
  squaredDistanceRows(query: Float32Array, rows: Float32Array, out: Float32Array): void;
  /** `out[r]` = |row r|². */
  squaredNormRows(rows: Float32Array, dimensions: number, out: Float32Array): void;
  /** IEEE 754 halves to floats. Infinities and NaN have no meaning here: they become some finite number. */
  decodeHalves(halves: Uint16Array, out: Float32Array): void;
  /** `out[r]` = query · row r, exactly. Rows have a multiple of 16 numbers, as many as `query`. */
  dotInt8Rows(query: Int16Array, rows: Int8Array, out: Int32Array): void;
  /**
   * 1-bit codes against a query of 4-bit levels. `planes` holds bit 0 of every level, then bit 1, 2 and 3, each as long as a code, a multiple of 8
   * bytes. With b the bits of the code and u the levels, `out[r]` = Σ b (2u - 15): twice the sum of the query over the code's ones, in steps.
   */
  scanCodes(planes: Uint8Array, codes: Uint8Array, out: Int32Array): void;
  /**
   * Rotates every row in place. Each round multiplies by its signs (+1 or -1, `dimensions` numbers for each round, one round after another), then
   * takes the normalized Hadamard transform of the longest block that is a power of two: the first such block in even rounds, the last in odd ones.
   * `dimensions` is a multiple of 64.
   */
  rotateRows(rows: Float32Array, signs: Float32Array, dimensions: number): void;
}
