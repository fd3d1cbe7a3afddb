/**
 * The middle tier: vectors in the space of the index as bytes, between the codes and the full vectors. One record: `scale` f32, `norm` f32, then one
 * signed byte for each dimension; number i is about `scale` times its byte, and `norm` is the squared length (for the dot product minus that of the
 * vector itself), so that |o - q|² = norm + |q|² - 2 <o, q>.
 */
export const MIDDLE_HEAD_BYTES = 8;

/** What is taken away from the squared distances of vectors. */
export interface TakenAway {
  /** Their |o|² for the dot product, otherwise zeroes. */
  readonly norms: Float32Array;
  /** Where the difference is known better than by taking away: see `IndexSpace.shifts`. */
  readonly shifts: Float64Array | undefined;
}

const LARGEST_BYTE = 127;

export function middleRowBytes(dimensions: number): number {
  return MIDDLE_HEAD_BYTES + dimensions;
}

/** The records of vectors that lie one after another. */
export function encodeMiddle(
  vectors: Float32Array,
  dimensions: number,
  { norms, shifts }: TakenAway,
): Uint8Array {
  const rowBytes = middleRowBytes(dimensions);
  const records = new Uint8Array(norms.length * rowBytes);
  const bytes = new Int8Array(records.buffer);
  const view = new DataView(records.buffer);
  for (let row = 0; row < norms.length; row++) {
    const vector = vectors.subarray(row * dimensions, (row + 1) * dimensions);
    let [largest, squared] = [0, 0];
    for (const value of vector) {
      largest = Math.max(largest, Math.abs(value));
      squared += value * value;
    }
    const scale = largest / LARGEST_BYTE;
    const start = row * rowBytes;
    view.setFloat32(start, scale, true);
    view.setFloat32(start + 4, shifts?.[row] ?? squared - norms[row]!, true);
    if (scale === 0) continue;
    for (let i = 0; i < dimensions; i++) {
      bytes[start + MIDDLE_HEAD_BYTES + i] = Math.max(
        -LARGEST_BYTE,
        Math.min(LARGEST_BYTE, Math.round(vector[i]! / scale)),
      );
    }
  }
  return records;
}
