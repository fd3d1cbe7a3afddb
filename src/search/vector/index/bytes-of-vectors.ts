import type { VectorKernels } from "../kernels/kernels.ts";

const LARGEST_BYTE = 127;
/** Steps of a query's numbers: with 16,384 dimensions a product with bytes still fits 32 bits. */
const QUERY_STEPS = 511;

/** Vectors with their numbers in 8 bits: number i is about `scales[vector]` times its byte. */
export interface VectorBytes {
  readonly bytes: Int8Array;
  readonly scales: Float32Array;
  /** Squared lengths of the vectors themselves. */
  readonly norms: Float32Array;
}

export function bytesOfVectors(
  kernels: VectorKernels,
  vectors: Float32Array,
  dimensions: number,
): VectorBytes {
  const count = vectors.length / dimensions;
  const [bytes, scales] = [new Int8Array(vectors.length), new Float32Array(count)];
  const norms = new Float32Array(count);
  kernels.squaredNormRows(vectors, dimensions, norms);
  for (let row = 0; row < count; row++) {
    const [start, end] = [row * dimensions, (row + 1) * dimensions];
    const scale = largestOf(vectors.subarray(start, end)) / LARGEST_BYTE;
    scales[row] = scale;
    if (scale === 0) continue;
    for (let i = start; i < end; i++) bytes[i] = Math.round(vectors[i]! / scale);
  }
  return { bytes, scales, norms };
}

/** A query to multiply with them: number i is about `scale` times its steps. */
export function bytesOfQuery(query: Float32Array): { readonly steps: Int16Array; readonly scale: number } {
  const scale = largestOf(query) / QUERY_STEPS || 1;
  const steps = new Int16Array(query.length);
  for (let i = 0; i < steps.length; i++) steps[i] = Math.round(query[i]! / scale);
  return { steps, scale };
}

function largestOf(vector: Float32Array): number {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  return largest;
}
