// The kernels in AssemblyScript, compiled by `make kernels` into ../kernels-wasm.ts; `../plain.ts` says what each does, bit for bit. Pointers are
// addresses in the memory that is imported. Rows lie one after another.

export function dotRows(query: usize, rows: usize, dimensions: i32, count: i32, out: usize): void {
  for (let row = 0; row < count; row++) {
    store<f32>(out, dot(query, rows, dimensions));
    rows += dimensions << 2;
    out += 4;
  }
}

/** The results of a query are `stride` numbers from those of the one before. Two queries at a time read each row once. */
export function dotMatrix(
  queries: usize,
  queryCount: i32,
  rows: usize,
  dimensions: i32,
  count: i32,
  out: usize,
  stride: i32,
): void {
  const rowBytes: usize = dimensions << 2;
  let query = 0;
  for (; query + 2 <= queryCount; query += 2) {
    for (let row = 0; row < count; row++) {
      dotPair(queries, rows + row * rowBytes, dimensions, out + (row << 2), stride << 2);
    }
    queries += rowBytes << 1;
    out += stride << 3;
  }
  if (query < queryCount) dotRows(queries, rows, dimensions, count, out);
}

function dotPair(queries: usize, row: usize, dimensions: i32, out: usize, strideBytes: usize): void {
  let a0 = f32x4.splat(0);
  let a1 = f32x4.splat(0);
  let a2 = f32x4.splat(0);
  let a3 = f32x4.splat(0);
  let b0 = f32x4.splat(0);
  let b1 = f32x4.splat(0);
  let b2 = f32x4.splat(0);
  let b3 = f32x4.splat(0);
  let a = queries;
  let b = queries + (dimensions << 2);
  const whole = a + ((dimensions & ~15) << 2);
  const end = b;
  while (a < whole) {
    const r0 = v128.load(row);
    const r1 = v128.load(row, 16);
    const r2 = v128.load(row, 32);
    const r3 = v128.load(row, 48);
    a0 = f32x4.add(a0, f32x4.mul(v128.load(a), r0));
    b0 = f32x4.add(b0, f32x4.mul(v128.load(b), r0));
    a1 = f32x4.add(a1, f32x4.mul(v128.load(a, 16), r1));
    b1 = f32x4.add(b1, f32x4.mul(v128.load(b, 16), r1));
    a2 = f32x4.add(a2, f32x4.mul(v128.load(a, 32), r2));
    b2 = f32x4.add(b2, f32x4.mul(v128.load(b, 32), r2));
    a3 = f32x4.add(a3, f32x4.mul(v128.load(a, 48), r3));
    b3 = f32x4.add(b3, f32x4.mul(v128.load(b, 48), r3));
    a += 64;
    b += 64;
    row += 64;
  }
  let restA: f32 = 0;
  let restB: f32 = 0;
  while (a < end) {
    restA += load<f32>(a) * load<f32>(row);
    restB += load<f32>(b) * load<f32>(row);
    a += 4;
    b += 4;
    row += 4;
  }
  store<f32>(out, joined(a0, a1, a2, a3) + restA);
  store<f32>(out + strideBytes, joined(b0, b1, b2, b3) + restB);
}

export function squaredNormRows(rows: usize, dimensions: i32, count: i32, out: usize): void {
  for (let row = 0; row < count; row++) {
    store<f32>(out, dot(rows, rows, dimensions));
    rows += dimensions << 2;
    out += 4;
  }
}

function dot(a: usize, b: usize, dimensions: i32): f32 {
  let v0 = f32x4.splat(0);
  let v1 = f32x4.splat(0);
  let v2 = f32x4.splat(0);
  let v3 = f32x4.splat(0);
  const whole = a + ((dimensions & ~15) << 2);
  const end = a + (dimensions << 2);
  while (a < whole) {
    v0 = f32x4.add(v0, f32x4.mul(v128.load(a), v128.load(b)));
    v1 = f32x4.add(v1, f32x4.mul(v128.load(a, 16), v128.load(b, 16)));
    v2 = f32x4.add(v2, f32x4.mul(v128.load(a, 32), v128.load(b, 32)));
    v3 = f32x4.add(v3, f32x4.mul(v128.load(a, 48), v128.load(b, 48)));
    a += 64;
    b += 64;
  }
  let rest: f32 = 0;
  while (a < end) {
    rest += load<f32>(a) * load<f32>(b);
    a += 4;
    b += 4;
  }
  return joined(v0, v1, v2, v3) + rest;
}

export function squaredDistanceRows(
  query: usize,
  rows: usize,
  dimensions: i32,
  count: i32,
  out: usize,
): void {
  for (let row = 0; row < count; row++) {
    store<f32>(out, squaredDistance(query, rows, dimensions));
    rows += dimensions << 2;
    out += 4;
  }
}

function squaredDistance(a: usize, b: usize, dimensions: i32): f32 {
  let v0 = f32x4.splat(0);
  let v1 = f32x4.splat(0);
  let v2 = f32x4.splat(0);
  let v3 = f32x4.splat(0);
  const whole = a + ((dimensions & ~15) << 2);
  const end = a + (dimensions << 2);
  while (a < whole) {
    const d0 = f32x4.sub(v128.load(a), v128.load(b));
    const d1 = f32x4.sub(v128.load(a, 16), v128.load(b, 16));
    const d2 = f32x4.sub(v128.load(a, 32), v128.load(b, 32));
    const d3 = f32x4.sub(v128.load(a, 48), v128.load(b, 48));
    v0 = f32x4.add(v0, f32x4.mul(d0, d0));
    v1 = f32x4.add(v1, f32x4.mul(d1, d1));
    v2 = f32x4.add(v2, f32x4.mul(d2, d2));
    v3 = f32x4.add(v3, f32x4.mul(d3, d3));
    a += 64;
    b += 64;
  }
  let rest: f32 = 0;
  while (a < end) {
    const difference = load<f32>(a) - load<f32>(b);
    rest += difference * difference;
    a += 4;
    b += 4;
  }
  return joined(v0, v1, v2, v3) + rest;
}

function joined(v0: v128, v1: v128, v2: v128, v3: v128): f32 {
  const sum = f32x4.add(f32x4.add(v0, v1), f32x4.add(v2, v3));
  const low = f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1);
  const high = f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3);
  return low + high;
}

export function dotInt8Rows(query: usize, rows: usize, dimensions: i32, count: i32, out: usize): void {
  for (let row = 0; row < count; row++) {
    let low = i32x4.splat(0);
    let high = i32x4.splat(0);
    let at = query;
    const end = rows + dimensions;
    while (rows < end) {
      const bytes = v128.load(rows);
      low = i32x4.add(low, i32x4.dot_i16x8_s(v128.load(at), i16x8.extend_low_i8x16_s(bytes)));
      high = i32x4.add(high, i32x4.dot_i16x8_s(v128.load(at, 16), i16x8.extend_high_i8x16_s(bytes)));
      rows += 16;
      at += 32;
    }
    const sum = i32x4.add(low, high);
    const left = i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1);
    const right = i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3);
    store<i32>(out, left + right);
    out += 4;
  }
}

export function scanCodes(planes: usize, codes: usize, codeBytes: i32, count: i32, out: usize): void {
  const plane1 = planes + codeBytes;
  const plane2 = plane1 + codeBytes;
  const plane3 = plane2 + codeBytes;
  for (let row = 0; row < count; row++) {
    let ones: i64 = 0;
    let sum0: i64 = 0;
    let sum1: i64 = 0;
    let sum2: i64 = 0;
    let sum3: i64 = 0;
    for (let at = 0; at < codeBytes; at += 8) {
      const code = load<i64>(codes + at);
      ones += popcnt(code);
      sum0 += popcnt(code & load<i64>(planes + at));
      sum1 += popcnt(code & load<i64>(plane1 + at));
      sum2 += popcnt(code & load<i64>(plane2 + at));
      sum3 += popcnt(code & load<i64>(plane3 + at));
    }
    const levels = sum0 + (sum1 << 1) + (sum2 << 2) + (sum3 << 3);
    store<i32>(out, <i32>((levels << 1) - ones * 15));
    codes += codeBytes;
    out += 4;
  }
}

export function decodeHalves(halves: usize, count: i32, out: usize): void {
  const magnitude = i32x4.splat(0x7fff);
  const sign = i32x4.splat(0x8000);
  const scale = f32x4.splat(reinterpret<f32>(0x77800000)); // 2^112
  for (let i = 0; i < count; i += 4) {
    const half = v128.load16x4_u(halves);
    const value = f32x4.mul(i32x4.shl(v128.and(half, magnitude), 13), scale);
    v128.store(out, v128.or(value, i32x4.shl(v128.and(half, sign), 16)));
    halves += 8;
    out += 16;
  }
}

export function rotateRows(rows: usize, signs: usize, dimensions: i32, count: i32, rounds: i32): void {
  const block = 1 << (31 - clz(dimensions));
  const scale = f32x4.splat(<f32>(1.0 / Math.sqrt(<f64>block)));
  for (let row = 0; row < count; row++) {
    for (let round = 0; round < rounds; round++) {
      const factors = signs + ((round * dimensions) << 2);
      for (let at: usize = 0; at < <usize>(dimensions << 2); at += 16) {
        v128.store(rows + at, f32x4.mul(v128.load(rows + at), v128.load(factors + at)));
      }
      hadamard((round & 1) === 0 ? rows : rows + ((dimensions - block) << 2), block, scale);
    }
    rows += dimensions << 2;
  }
}

function hadamard(block: usize, length: i32, scale: v128): void {
  const end = block + (length << 2);
  for (let half = length << 1; half >= 16; half >>= 1) {
    for (let start = block; start < end; start += half << 1) {
      for (let at = start; at < start + half; at += 16) {
        const a = v128.load(at);
        const b = v128.load(at + half);
        v128.store(at, f32x4.add(a, b));
        v128.store(at + half, f32x4.sub(a, b));
      }
    }
  }
  const pairs = f32x4(1, 1, -1, -1);
  const neighbours = f32x4(1, -1, 1, -1);
  for (let at = block; at < end; at += 16) {
    let v = v128.load(at);
    v = f32x4.add(v128.shuffle<f32>(v, v, 2, 3, 0, 1), f32x4.mul(v, pairs));
    v = f32x4.add(v128.shuffle<f32>(v, v, 1, 0, 3, 2), f32x4.mul(v, neighbours));
    v128.store(at, f32x4.mul(v, scale));
  }
}
