/** The promise: the WebAssembly kernels give the bits that the plain ones define, for all lengths, wherever the rows lie. */
import { describe, expect, test } from "vitest";
import { createPrng, type Prng } from "../../../base/index.ts";
import type { VectorKernels } from "./kernels.ts";
import { plainKernels } from "./plain.ts";
import { vectorKernels } from "./vector-kernels.ts";
import { wasmKernels } from "./wasm.ts";

const plain = plainKernels();
const wasm = vectorKernels();

const memory = new WebAssembly.Memory({ initial: 64, maximum: 64, shared: true });
const shared = wasmKernels({ memory, offset: 65_536, sizeBytes: 1_048_576 });
/** Rows that lie in the kernels' own memory, not even on a boundary of four. */
const elsewhere = 2_097_152 + 4;

function seeded(name: string): Prng {
  const seed = process.env["SKERRY_TEST_SEED"] ?? name;
  console.log("SKERRY_TEST_SEED", seed);
  return createPrng(seed);
}

const floats = (prng: Prng, length: number, scale = 2) =>
  Float32Array.from({ length }, () => (prng.unit() - 0.5) * scale);

/** Dimensions around every step of the loops, and some that fill the region with few rows. */
const DIMENSIONS = [1, 2, 3, 4, 15, 16, 17, 31, 33, 64, 100, 384, 387, 1_536, 16_383, 16_384];

test("they are the WebAssembly ones", () => {
  expect(wasm.name).toBe("wasm");
});

describe.each([
  ["a memory of their own", wasm],
  ["a shared memory", shared],
] as const)("in %s", (_, kernels) => {
  test.each(DIMENSIONS)("sums of floats with %i dimensions", (dimensions) => {
    const prng = seeded(`floats ${dimensions}`);
    const count = dimensions > 1_000 ? 70 : prng.between(0, 700);
    const query = floats(prng, dimensions);
    const rows = floats(prng, dimensions * count, 3);
    const inMemory = new Float32Array(memory.buffer, elsewhere, 500_000).subarray(0, rows.length);
    if (inMemory.length === rows.length) inMemory.set(rows);
    for (const name of ["dotRows", "squaredDistanceRows"] as const) {
      const expected = new Float32Array(count);
      const out = new Float32Array(count);
      plain[name](query, rows, expected);
      kernels[name](query, rows, out);
      expect(out).toEqual(expected);
      if (inMemory.length !== rows.length) continue;
      out.fill(0);
      kernels[name](query, inMemory, out);
      expect(out).toEqual(expected);
    }
    const expected = new Float32Array(count);
    const out = new Float32Array(count);
    plain.squaredNormRows(rows, dimensions, expected);
    kernels.squaredNormRows(rows, dimensions, out);
    expect(out).toEqual(expected);
  });

  test("many sums of floats", () => {
    const prng = seeded("matrix");
    for (const dimensions of [1, 19, 64, 384, 16_384]) {
      const [queryCount, rowCount] =
        dimensions > 1_000 ? [9, 11] : [prng.between(0, 530), prng.between(0, 900)];
      const queries = floats(prng, dimensions * queryCount);
      const rows = floats(prng, dimensions * rowCount);
      same(kernels, queryCount * rowCount, (k, out) => {
        k.dotMatrix(queries, rows, dimensions, new Float32Array(out.buffer));
      });
    }
  });

  test("halves, every one of them and in every number", () => {
    const halves = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    same(kernels, halves.length, (k, out) => k.decodeHalves(halves, new Float32Array(out.buffer)));
    for (let length = 0; length < 20; length++) {
      same(kernels, length, (k, out) =>
        k.decodeHalves(halves.subarray(15_000), new Float32Array(out.buffer)),
      );
    }
  });

  test("sums of bytes", () => {
    const prng = seeded("bytes");
    for (const dimensions of [16, 32, 48, 384, 1_024, 16_384]) {
      const query = Int16Array.from({ length: dimensions }, () => prng.between(-128, 127));
      const rows = new Int8Array(prng.bytes(dimensions * 90).buffer);
      same(kernels, 90, (k, out) => k.dotInt8Rows(query, rows, out));
    }
    const least = new Int8Array(16_384).fill(-128);
    same(kernels, 1, (k, out) => k.dotInt8Rows(Int16Array.from(least), least, out));
  });

  test("codes", () => {
    const prng = seeded("codes");
    for (const codeBytes of [8, 16, 24, 48, 56, 2_048]) {
      const count = prng.between(0, 2_000);
      const [planes, codes] = [prng.bytes(codeBytes * 4), prng.bytes(codeBytes * count)];
      same(kernels, count, (k, out) => k.scanCodes(planes, codes, out));
    }
  });

  test("rotation", () => {
    const prng = seeded("rotation");
    for (const dimensions of [64, 128, 192, 384, 448, 16_384]) {
      const signs = Float32Array.from({ length: dimensions * 4 }, () => (prng.chance(0.5) ? 1 : -1));
      const rows = floats(prng, dimensions * 20);
      same(kernels, rows.length, (k, out) => {
        const rotated = new Float32Array(out.buffer);
        rotated.set(rows);
        k.rotateRows(rotated, signs, dimensions);
      });
    }
  });
});

/** Runs both, each on its own zeroed results, and compares every bit. */
function same(
  kernels: VectorKernels,
  length: number,
  run: (k: VectorKernels, out: Int32Array) => void,
): void {
  const expected = new Int32Array(length);
  const out = new Int32Array(length);
  run(plain, expected);
  run(kernels, out);
  // Far quicker than a comparison of the arrays.
  expect(Buffer.compare(Buffer.from(out.buffer), Buffer.from(expected.buffer))).toBe(0);
}

test("codes: the sum over the ones, in steps of the levels", () => {
  const planes = Uint8Array.from([0b01, 0b10, 0b11, 0b00].flatMap((plane) => [plane, 0, 0, 0, 0, 0, 0, 0]));
  // Levels 5 and 6: a code with the first one has 2 * 5 - 15, one with both 2 * 11 - 30; a bit of level 0 counts -15.
  const codes = Uint8Array.from([0b01, 0b11, 0b100].flatMap((code) => [code, 0, 0, 0, 0, 0, 0, 0]));
  const out = new Int32Array(3);
  wasm.scanCodes(planes, codes, out);
  expect([...out]).toEqual([-5, -8, -15]);
});

test("a rotation keeps lengths and angles", () => {
  const prng = seeded("isometry");
  const dimensions = 320;
  const signs = Float32Array.from({ length: dimensions * 4 }, () => (prng.chance(0.5) ? 1 : -1));
  const rows = floats(prng, dimensions * 2);
  const before = new Float32Array(2);
  wasm.dotRows(rows.slice(0, dimensions), rows, before);
  wasm.rotateRows(rows, signs, dimensions);
  const after = new Float32Array(2);
  wasm.dotRows(rows.slice(0, dimensions), rows, after);
  for (const i of [0, 1]) expect(Math.abs(after[i]! - before[i]!)).toBeLessThan(1e-4);
});
