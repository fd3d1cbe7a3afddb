import type { ListTree } from "../format/tree.ts";
import type { VectorKernels } from "../kernels/kernels.ts";

/** Lists of the nearest groups are compared with the query until they hold this many times the wanted candidates. */
const COMPARED_FACTOR = 6;

export interface ChosenList {
  readonly list: number;
  /** |q - c|², in the space of the index. */
  readonly squaredDistance: number;
}

/** What no query changes: squared lengths of the centroids. */
export interface CentroidNorms {
  readonly groups: Float32Array;
  readonly lists: Float32Array;
  /** For each group, the mean of `listNorms` over its vectors. */
  readonly groupVectors: Float32Array;
}

export function centroidNorms(kernels: VectorKernels, tree: ListTree): CentroidNorms {
  const { dimensions } = tree.space;
  const groups = new Float32Array(tree.groups.length / dimensions);
  const lists = new Float32Array(tree.lists.length / dimensions);
  kernels.squaredNormRows(tree.groups, dimensions, groups);
  kernels.squaredNormRows(tree.lists, dimensions, lists);
  return { groups, lists, groupVectors: groups.map((_, group) => meanNorm(tree, group)) };
}

function meanNorm({ groupFirst, listFirst, listNorms }: ListTree, group: number): number {
  const [first, end] = [groupFirst[group]!, groupFirst[group + 1]!];
  let sum = 0;
  for (let list = first; list < end; list++)
    sum += listNorms[list]! * (listFirst[list + 1]! - listFirst[list]!);
  return sum / (listFirst[end]! - listFirst[first]!);
}

export interface ListChoice {
  readonly tree: ListTree;
  readonly norms: CentroidNorms;
  readonly kernels: VectorKernels;
  /** In the space of the index. */
  readonly query: Float32Array;
  /** Allowed vectors of a list. */
  readonly matching: (list: number) => number;
  /** Candidates that are wanted. */
  readonly wanted: number;
}

/**
 * The lists to look into, nearest first: the fewest that hold as many allowed vectors as are wanted. Lists without any are passed over, so that a
 * filter that fits only a far corner is followed there. Counting what matches, and not lists, is what keeps recall up under filters.
 */
export function chooseLists({ tree, norms, kernels, query, matching, wanted }: ListChoice): ChosenList[] {
  const dimensions = query.length;
  const asked = { kernels, query, squaredNorm: squaredLength(kernels, query) };
  const groupKeys = squaredDistances(asked, tree.groups, norms.groups).map(
    (distance, group) => distance - norms.groupVectors[group]!,
  );
  const groups = Array.from(groupKeys.keys()).toSorted((a, b) => groupKeys[a]! - groupKeys[b]! || a - b);
  const compared: (ChosenList & { readonly key: number; readonly matching: number })[] = [];
  let seen = 0;
  for (const group of groups) {
    if (seen >= COMPARED_FACTOR * wanted) break;
    const [first, end] = [tree.groupFirst[group]!, tree.groupFirst[group + 1]!];
    const centroids = tree.lists.subarray(first * dimensions, end * dimensions);
    const distances = squaredDistances(asked, centroids, norms.lists.subarray(first, end));
    for (let list = first; list < end; list++) {
      const count = matching(list);
      if (count === 0) continue;
      const squaredDistance = distances[list - first]!;
      compared.push({
        list,
        squaredDistance,
        key: squaredDistance - tree.listNorms[list]!,
        matching: count,
      });
      seen += count;
    }
  }
  compared.sort((a, b) => a.key - b.key || a.list - b.list);
  let taken = 0;
  const enough = compared.findIndex((list) => {
    taken += list.matching;
    return taken >= wanted;
  });
  return enough < 0 ? compared : compared.slice(0, enough + 1);
}

function squaredDistances(
  { kernels, query, squaredNorm }: { kernels: VectorKernels; query: Float32Array; squaredNorm: number },
  centroids: Float32Array,
  norms: Float32Array,
): Float32Array {
  const dots = new Float32Array(norms.length);
  kernels.dotRows(query, centroids, dots);
  return dots.map((product, i) => Math.max(0, squaredNorm + norms[i]! - 2 * product));
}

export function squaredLength(kernels: VectorKernels, vector: Float32Array): number {
  const norm = new Float32Array(1);
  kernels.squaredNormRows(vector, vector.length, norm);
  return norm[0]!;
}
