import type { Clustering } from "./k-means.ts";
import { distanceKeys } from "./k-means.ts";

/** Groups whose lists a vector is compared with: its nearest list is often that of a neighbouring group. */
const COMPARED_GROUPS = 3;

export interface Centroids {
  readonly groups: Float32Array;
  /** Group g has the lists from `groupFirst[g]` up to `groupFirst[g + 1]`. */
  readonly groupFirst: Uint32Array;
  readonly lists: Float32Array;
}

/** The nearest list of each point, among those of its nearest groups. */
export function nearestLists(
  clustering: Clustering,
  points: Float32Array,
  centroids: Centroids,
): Uint32Array {
  const { kernels, dimensions } = clustering;
  const pointCount = points.length / dimensions;
  const byGroup = pointsByGroup(clustering, points, centroids.groups);
  const owners = new Uint32Array(pointCount);
  const nearest = new Float32Array(pointCount).fill(Number.POSITIVE_INFINITY);
  byGroup.forEach((members, group) => {
    const [first, end] = [centroids.groupFirst[group]!, centroids.groupFirst[group + 1]!];
    const lists = centroids.lists.subarray(first * dimensions, end * dimensions);
    const keys = distanceKeys(kernels, dimensions, gatherRows(points, dimensions, members), lists);
    members.forEach((point, i) => {
      for (let list = first; list < end; list++) {
        const key = keys[i * (end - first) + list - first]!;
        if (key >= nearest[point]!) continue;
        nearest[point] = key;
        owners[point] = list;
      }
    });
  });
  return owners;
}

/** For each group, the points that have it among their nearest ones. */
function pointsByGroup(
  { kernels, dimensions }: Clustering,
  points: Float32Array,
  groups: Float32Array,
): number[][] {
  const count = groups.length / dimensions;
  const keys = distanceKeys(kernels, dimensions, points, groups);
  const byGroup: number[][] = Array.from({ length: count }, () => []);
  for (let point = 0; point < points.length / dimensions; point++) {
    const own = keys.subarray(point * count, (point + 1) * count);
    for (const group of smallest(own, COMPARED_GROUPS)) byGroup[group]!.push(point);
  }
  return byGroup;
}

/** The indexes of the `count` smallest numbers, ties to the first. */
function smallest(numbers: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < numbers.length; i++) {
    let at = best.length;
    while (at > 0 && numbers[best[at - 1]!]! > numbers[i]!) at--;
    if (at >= count) continue;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

/** Rows of a matrix, one after another. */
export function gatherRows(matrix: Float32Array, dimensions: number, rows: ArrayLike<number>): Float32Array {
  const gathered = new Float32Array(rows.length * dimensions);
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]!;
    gathered.set(matrix.subarray(row * dimensions, (row + 1) * dimensions), i * dimensions);
  }
  return gathered;
}
