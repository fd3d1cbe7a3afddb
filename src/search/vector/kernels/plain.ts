import type { VectorKernels } from "./kernels.ts";

const LANES = 16;
/** Moves the exponent of a half, read as that of a float, to where it belongs; exact, for subnormal halves too. */
const HALF_SCALE = 2 ** 112;

/** The kernels in plain TypeScript: the definition that the WebAssembly ones are tested against, and what runs where there is no WebAssembly SIMD. */
export function plainKernels(): VectorKernels {
  return {
    name: "plain",
    dotRows,
    dotMatrix,
    squaredDistanceRows,
    squaredNormRows,
    decodeHalves,
    dotInt8Rows,
    scanCodes,
    rotateRows,
  };
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

function dotMatrix(queries: Float32Array, rows: Float32Array, dimensions: number, out: Float32Array): void {
  const count = rows.length / dimensions;
  for (let query = 0; query * dimensions < queries.length; query++) {
    const vector = queries.subarray(query * dimensions, (query + 1) * dimensions);
    dotRows(vector, rows, out.subarray(query * count, (query + 1) * count));
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

function dotInt8Rows(query: Int16Array, rows: Int8Array, out: Int32Array): void {
  const dimensions = query.length;
  for (let row = 0; row < out.length; row++) {
    const start = row * dimensions;
    let sum = 0;
    for (let i = 0; i < dimensions; i++) sum = (sum + query[i]! * rows[start + i]!) | 0;
    out[row] = sum;
  }
}

function scanCodes(planes: Uint8Array, codes: Uint8Array, out: Int32Array): void {
  const length = planes.length / 4;
  for (let row = 0; row < out.length; row++) {
    let sum = 0;
    for (let i = 0; i < length; i++) {
      const code = codes[row * length + i]!;
      let levels = 0;
      for (let plane = 0; plane < 4; plane++) {
        levels += ONES[code & planes[plane * length + i]!]! << plane;
      }
      sum += 2 * levels - 15 * ONES[code]!;
    }
    out[row] = sum;
  }
}

/** How many bits of a byte are set. */
const ONES = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest !== 0; rest >>>= 1) ones += rest & 1;
  return ones;
});

function rotateRows(rows: Float32Array, signs: Float32Array, dimensions: number): void {
  const length = 2 ** Math.floor(Math.log2(dimensions));
  const rounds = signs.length / dimensions;
  for (let start = 0; start < rows.length; start += dimensions) {
    for (let round = 0; round < rounds; round++) {
      for (let i = 0; i < dimensions; i++) {
        rows[start + i] = rows[start + i]! * signs[round * dimensions + i]!;
      }
      const block = round % 2 === 0 ? start : start + dimensions - length;
      hadamard(rows.subarray(block, block + length));
    }
  }
}

function hadamard(block: Float32Array): void {
  const scale = Math.fround(1 / Math.sqrt(block.length));
  for (let half = block.length / 2; half >= 1; half /= 2) {
    for (let start = 0; start < block.length; start += 2 * half) {
      for (let i = start; i < start + half; i++) {
        const [a, b] = [block[i]!, block[i + half]!];
        block[i] = a + b;
        block[i + half] = a - b;
      }
    }
  }
  for (let i = 0; i < block.length; i++) block[i] = block[i]! * scale;
}
