import type { VectorKernels } from "./kernels.ts";

const LANES = 16;
/** Moves the exponent of a half, read as that of a float, to where it belongs; exact, for subnormal halves too. */
const HALF_SCALE = 2 ** 112;

/** The kernels in plain TypeScript: the definition that the WebAssembly ones are tested against, and what runs where there is no WebAssembly SIMD. */
export function plainKernels(): VectorKernels {
  return { name: "plain", dotRows, squaredDistanceRows, squaredNormRows, decodeHalves };
}

function dotRows(query: Float32Array, rows: Float32Array, out: Float32Array): void {
  const dimensions = query.length;
  const lanes = new Float32Array(LANES);
  const whole = dimensions - (dimensions % LANES);
  for (let row = 0; row < out.length; row++) {
    const start = row * dimensions;
    lanes.fill(0);
    for (let i = 0; i < whole; i++) {
      const lane = i % LANES;
      lanes[lane] = lanes[lane]! + Math.fround(query[i]! * rows[start + i]!);
    }
    let rest = 0;
    for (let i = whole; i < dimensions; i++) {
      rest = Math.fround(rest + Math.fround(query[i]! * rows[start + i]!));
    }
    out[row] = joined(lanes) + rest;
  }
}

function squaredDistanceRows(query: Float32Array, rows: Float32Array, out: Float32Array): void {
  const dimensions = query.length;
  const lanes = new Float32Array(LANES);
  const whole = dimensions - (dimensions % LANES);
  for (let row = 0; row < out.length; row++) {
    const start = row * dimensions;
    lanes.fill(0);
    for (let i = 0; i < whole; i++) {
      const lane = i % LANES;
      const difference = Math.fround(query[i]! - rows[start + i]!);
      lanes[lane] = lanes[lane]! + Math.fround(difference * difference);
    }
    let rest = 0;
    for (let i = whole; i < dimensions; i++) {
      const difference = Math.fround(query[i]! - rows[start + i]!);
      rest = Math.fround(rest + Math.fround(difference * difference));
    }
    out[row] = joined(lanes) + rest;
  }
}

function squaredNormRows(rows: Float32Array, dimensions: number, out: Float32Array): void {
  const one = new Float32Array(1);
  for (let row = 0; row < out.length; row++) {
    const vector = rows.subarray(row * dimensions, (row + 1) * dimensions);
    dotRows(vector, vector, one);
    out[row] = one[0]!;
  }
}

function decodeHalves(halves: Uint16Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < out.length; i++) {
    const half = halves[i]!;
    bits[i] = (half & 0x7fff) << 13;
    out[i] = out[i]! * HALF_SCALE;
    bits[i] = bits[i]! | ((half & 0x8000) << 16);
  }
}

function joined(lanes: Float32Array): number {
  const sums = [0, 1, 2, 3].map((j) =>
    Math.fround(Math.fround(lanes[j]! + lanes[4 + j]!) + Math.fround(lanes[8 + j]! + lanes[12 + j]!)),
  );
  return Math.fround(Math.fround(sums[0]! + sums[1]!) + Math.fround(sums[2]! + sums[3]!));
}
