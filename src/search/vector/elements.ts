import { invalid } from "../errors.ts";
import type { VectorElement, VectorField } from "../model/schema.ts";
import type { VectorKernels } from "./kernels/kernels.ts";

/** Bytes of one number of a stored vector. */
export const ELEMENT_BYTES: Readonly<Record<VectorElement, number>> = { f32: 4, f16: 2, i8: 1 };

const LARGEST_HALF = 65_504;
/** Squares of greater numbers, summed over 16,384 dimensions, would leave the range of f32. */
const LARGEST_FLOAT = 2 ** 54;

/**
 * A vector as it will be stored, searched and returned: each number is rounded to the nearest that the field's element holds, ties to even. Refused
 * ("invalid-argument"): another number of dimensions, NaN and infinities, numbers beyond the element's range (f32: ±2^54, so that no squared length
 * overflows; f16: ±65,504; i8: -128 to 127, after rounding), and for cosine a vector without a direction.
 */
export function storedVector(field: VectorField, values: ArrayLike<number>): Float32Array {
  const vector = floatsOfField(field, values);
  const round = ROUND[field.element];
  if (round !== undefined) for (let i = 0; i < vector.length; i++) vector[i] = round(vector[i]!);
  requireDirection(field, vector);
  return vector;
}

/** A vector to search with: checked as a stored one is, but rounded to f32 only, whatever the field's element. */
export function queryVector(field: VectorField, values: ArrayLike<number>): Float32Array {
  const vector = floatsOfField(field, values);
  requireDirection(field, vector);
  return vector;
}

function floatsOfField(field: VectorField, values: ArrayLike<number>): Float32Array {
  if (values.length !== field.dimensions) {
    throw invalid(`a vector of this field has ${field.dimensions} dimensions, not ${values.length}`);
  }
  const vector = new Float32Array(values);
  for (let i = 0; i < vector.length; i++) {
    if (!(Math.abs(vector[i]!) <= LARGEST_FLOAT))
      throw invalid(`a vector's numbers are within ±2^54, not ${vector[i]}`);
  }
  return vector;
}

function requireDirection(field: VectorField, vector: Float32Array): void {
  if (field.metric !== "cosine") return;
  let largest = 0;
  for (let i = 0; i < vector.length; i++) largest = Math.max(largest, Math.abs(vector[i]!));
  // The square of a smaller number is nothing in f32.
  if (largest < 2 ** -54) throw invalid("the zero vector has no direction, which cosine compares");
}

/** Undefined: as it is. */
const ROUND: Readonly<Record<VectorElement, ((value: number) => number) | undefined>> = {
  f32: undefined,
  f16: (value) => {
    const rounded = halfValue(halfBits(value));
    if (Math.abs(rounded) > LARGEST_HALF)
      throw invalid(`an f16 vector's numbers are within ±65504, not ${value}`);
    return rounded;
  },
  i8: (value) => {
    const rounded = roundToEven(value);
    if (rounded < -128 || rounded > 127)
      throw invalid(`an i8 vector's numbers are from -128 to 127, not ${value}`);
    return rounded;
  },
};

/** Stored vectors, whose numbers the element holds exactly, as the bytes of a file: little-endian, one after another. */
export function encodeElements(element: VectorElement, values: Float32Array): Uint8Array {
  switch (element) {
    case "f32":
      return new Uint8Array(values.slice().buffer);
    case "f16": {
      const halves = new Uint16Array(values.length);
      for (let i = 0; i < values.length; i++) halves[i] = halfBits(values[i]!);
      return new Uint8Array(halves.buffer);
    }
    case "i8":
      return new Uint8Array(Int8Array.from(values).buffer);
  }
}

/** The reverse of `encodeElements`. The answer may share memory with `bytes`. */
export function decodeElements(
  element: VectorElement,
  bytes: Uint8Array,
  kernels: VectorKernels,
): Float32Array {
  switch (element) {
    case "f32":
      return floatsOf(bytes);
    case "f16": {
      const aligned = alignedTo(2, bytes);
      const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 1);
      const values = new Float32Array(halves.length);
      kernels.decodeHalves(halves, values);
      return values;
    }
    case "i8":
      return Float32Array.from(int8sOf(bytes));
  }
}

/** The bytes as floats, copied only when they do not lie on a boundary of four. */
export function floatsOf(bytes: Uint8Array): Float32Array {
  const aligned = alignedTo(4, bytes);
  return new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
}

/** The bytes as whole numbers of 32 bits, copied only when they do not lie on a boundary of four. */
export function uint32sOf(bytes: Uint8Array): Uint32Array {
  const aligned = alignedTo(4, bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
}

/** Copied in the one way that also copies a Buffer, whose `slice` does not. */
function alignedTo(sizeBytes: number, bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % sizeBytes === 0 ? bytes : new Uint8Array(bytes);
}

function int8sOf(bytes: Uint8Array): Int8Array {
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

const floatCell = new Float32Array(1);
const bitsCell = new Uint32Array(floatCell.buffer);

/** The nearest half, ties to even; what is too large becomes infinity. */
function halfBits(value: number): number {
  floatCell[0] = value;
  const bits = bitsCell[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  // From 2^-14 on a half is normal: move the exponent, and round away thirteen bits.
  if (magnitude >= 0x3880_0000) {
    const rounded = (magnitude - 0x3800_0000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    return sign | Math.min(rounded, 0x7c00);
  }
  return sign | roundToEven(Math.abs(value) * 2 ** 24);
}

function halfValue(half: number): number {
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
  return (half & 0x8000) === 0 ? magnitude : -magnitude;
}

function roundToEven(value: number): number {
  const down = Math.floor(value);
  const over = value - down;
  if (over !== 0.5) return over < 0.5 ? down : down + 1;
  return down % 2 === 0 ? down : down + 1;
}
