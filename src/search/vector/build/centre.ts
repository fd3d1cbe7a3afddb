/** A vector is far that is so many times further from the mean than half of the vectors are. */
const FAR = 8;
const ROUNDS = 16;

/**
 * Which of the vectors that lie one after another have their mean taken as their middle, ascending: those that are not far from all others. One vector
 * of length 10^9 among a thousand of length 1 moves the mean by 10^6: next to that, what tells the others apart is lost in the rounding of codes and bytes.
 * Of most data these are all vectors; they are at least one.
 */
export function rowsOfMiddle(vectors: Float32Array, dimensions: number): Uint32Array {
  let rows = Uint32Array.from({ length: vectors.length / dimensions }, (_, row) => row);
  // The furthest hide those that are less far.
  for (let round = 0; round < ROUNDS; round++) {
    const distances = distancesToMean(vectors, dimensions, rows);
    const bound = FAR * distances.toSorted()[rows.length >>> 1]!;
    const near = rows.filter((_, i) => distances[i]! <= bound);
    if (near.length === rows.length) break;
    rows = near;
  }
  return rows;
}

function distancesToMean(vectors: Float32Array, dimensions: number, rows: Uint32Array): Float64Array {
  const sums = new Float64Array(dimensions);
  for (const row of rows) {
    const start = row * dimensions;
    for (let i = 0; i < dimensions; i++) sums[i] = sums[i]! + vectors[start + i]!;
  }
  return Float64Array.from(rows, (row) => {
    const start = row * dimensions;
    let squared = 0;
    for (let i = 0; i < dimensions; i++) squared += (vectors[start + i]! - sums[i]! / rows.length) ** 2;
    return Math.sqrt(squared);
  });
}
