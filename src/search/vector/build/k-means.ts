import type { Prng } from "../../../base/index.ts";
import type { VectorKernels } from "../kernels/kernels.ts";

const ITERATIONS = 8;
/** Points that are compared with all centroids in one slice. */
const SLICE_POINTS = 1_024;

export interface Clustering {
  readonly kernels: VectorKernels;
  /** Numbers of a point. */
  readonly dimensions: number;
  readonly prng: Prng;
  readonly pause?: (() => Promise<void>) | undefined;
}

/**
 * At most `count` centroids of the points (Lloyd's iterations from a random choice of points), fewer when clusters stay empty. In the order in which
 * they were chosen, so that the same generator gives the same centroids.
 */
export async function kMeans(
  clustering: Clustering,
  points: Float32Array,
  count: number,
): Promise<Float32Array> {
  const { dimensions, prng } = clustering;
  const pointCount = points.length / dimensions;
  let centroids = pickRows(points, dimensions, prng, Math.min(count, pointCount));
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const owners = await nearestCentroids(clustering, points, centroids);
    centroids = meansOf(points, owners, centroids.length / dimensions, dimensions);
  }
  return centroids;
}

/** For each point, the index of its nearest centroid; ties to the first. */
export async function nearestCentroids(
  clustering: Clustering,
  points: Float32Array,
  centroids: Float32Array,
): Promise<Uint32Array> {
  const { dimensions, pause } = clustering;
  const pointCount = points.length / dimensions;
  const owners = new Uint32Array(pointCount);
  for (let first = 0; first < pointCount; first += SLICE_POINTS) {
    const slice = points.subarray(first * dimensions, (first + SLICE_POINTS) * dimensions);
    owners.set(nearestOfSlice(clustering, slice, centroids), first);
    await pause?.();
  }
  return owners;
}

function nearestOfSlice(
  { kernels, dimensions }: Clustering,
  points: Float32Array,
  centroids: Float32Array,
): Uint32Array {
  const count = centroids.length / dimensions;
  const keys = distanceKeys(kernels, dimensions, points, centroids);
  return Uint32Array.from({ length: points.length / dimensions }, (_, point) => {
    let best = 0;
    for (let i = 1; i < count; i++) if (keys[point * count + i]! < keys[point * count + best]!) best = i;
    return best;
  });
}

/** For each point, a number for each centroid that grows with the distance: |c|² - 2 p·c. */
export function distanceKeys(
  kernels: VectorKernels,
  dimensions: number,
  points: Float32Array,
  centroids: Float32Array,
): Float32Array {
  const count = centroids.length / dimensions;
  const norms = new Float32Array(count);
  kernels.squaredNormRows(centroids, dimensions, norms);
  const keys = new Float32Array((points.length / dimensions) * count);
  kernels.dotMatrix(points, centroids, dimensions, keys);
  for (let i = 0; i < keys.length; ) {
    for (let c = 0; c < count; c++, i++) keys[i] = norms[c]! - 2 * keys[i]!;
  }
  return keys;
}

/** The means of the clusters that have points, in their order. */
function meansOf(points: Float32Array, owners: Uint32Array, count: number, dimensions: number): Float32Array {
  const sums = new ClusterSums(count, dimensions);
  owners.forEach((owner, point) => {
    sums.add(owner, points.subarray(point * dimensions, (point + 1) * dimensions));
  });
  const filled = Array.from(sums.sizes.keys()).filter((cluster) => sums.sizes[cluster]! > 0);
  const means = new Float32Array(filled.length * dimensions);
  filled.forEach((cluster, i) => {
    means.set(sums.mean(cluster), i * dimensions);
  });
  return means;
}

/** Sums of the points of each cluster. */
export class ClusterSums {
  readonly sizes: Uint32Array;
  readonly #sums: Float32Array;
  readonly #dimensions: number;

  constructor(count: number, dimensions: number) {
    this.sizes = new Uint32Array(count);
    this.#sums = new Float32Array(count * dimensions);
    this.#dimensions = dimensions;
  }

  add(cluster: number, point: Float32Array): void {
    const start = cluster * this.#dimensions;
    for (let i = 0; i < point.length; i++) this.#sums[start + i] = this.#sums[start + i]! + point[i]!;
    this.sizes[cluster] = this.sizes[cluster]! + 1;
  }

  mean(cluster: number): Float32Array {
    const start = cluster * this.#dimensions;
    const size = this.sizes[cluster]!;
    return this.#sums.slice(start, start + this.#dimensions).map((sum) => sum / size);
  }
}

function pickRows(points: Float32Array, dimensions: number, prng: Prng, count: number): Float32Array {
  const rows = pickSorted(points.length / dimensions, count, prng);
  const picked = new Float32Array(count * dimensions);
  rows.forEach((row, i) => {
    picked.set(points.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions);
  });
  return picked;
}

/** `count` different numbers below `bound`, ascending, every choice as likely (Knuth, selection sampling). */
export function pickSorted(bound: number, count: number, prng: Prng): Uint32Array {
  const picked = new Uint32Array(count);
  let taken = 0;
  for (let i = 0; taken < count; i++) {
    if (prng.unit() * (bound - i) < count - taken) picked[taken++] = i;
  }
  return picked;
}
