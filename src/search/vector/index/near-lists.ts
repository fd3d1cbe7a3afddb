import type { ListTree } from "../format/tree.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import { bytesOfQuery, bytesOfVectors, type VectorBytes } from "./bytes-of-vectors.ts";

/** Lists of the nearest groups are compared with the query until they hold this many times the wanted candidates. */
const COMPARED_FACTOR = 12;
/** Lists that one query compares at most: a number below this and a key fit the 53 bits of a number. */
const MOST_COMPARED = 2 ** 21;

/** Lists with allowed vectors, the nearest first. */
export interface NearLists {
  readonly lists: Uint32Array;
  /** By place: |q - c|², in the space of the index, within a thousandth. */
  readonly squaredDistances: Float32Array;
  /** By place: allowed vectors of the list. */
  readonly matching: Uint32Array;
}

/** What no query changes. */
export interface ListCentroids {
  readonly tree: ListTree;
  /** Squared lengths of the centroids. */
  readonly groupNorms: Float32Array;
  /** For each group, the mean of `listNorms` over its vectors. */
  readonly groupVectorNorms: Float32Array;
  /** The lists' centroids as bytes: a quarter to move through a kernel, and near enough, since a code says far less of a vector. */
  readonly listBytes: VectorBytes;
}

export function listCentroids(kernels: VectorKernels, tree: ListTree): ListCentroids {
  const { dimensions } = tree.space;
  const groupNorms = new Float32Array(tree.groups.length / dimensions);
  kernels.squaredNormRows(tree.groups, dimensions, groupNorms);
  return {
    tree,
    groupNorms,
    groupVectorNorms: groupNorms.map((_, group) => meanNorm(tree, group)),
    listBytes: bytesOfVectors(kernels, tree.lists, dimensions),
  };
}

function meanNorm({ groupFirst, listFirst, listNorms }: ListTree, group: number): number {
  const [first, end] = [groupFirst[group]!, groupFirst[group + 1]!];
  let sum = 0;
  for (let list = first; list < end; list++)
    sum += listNorms[list]! * (listFirst[list + 1]! - listFirst[list]!);
  return sum / (listFirst[end]! - listFirst[first]!);
}

export interface NearListsInput {
  readonly centroids: ListCentroids;
  readonly kernels: VectorKernels;
  /** In the space of the index. */
  readonly query: Float32Array;
  /** Allowed vectors of a list. */
  readonly matching: (list: number) => number;
  /** Candidates that are wanted. */
  readonly wanted: number;
}

/**
 * The lists to look into, nearest first: more than hold as many allowed vectors as are wanted. Lists without any are passed over, so that a filter that
 * fits only a far corner is followed there. Counting what matches, and not lists, is what keeps recall up under filters.
 */
export function nearLists(input: NearListsInput): NearLists {
  const { centroids, matching, wanted } = input;
  const { groupFirst, listFirst, listNorms } = centroids.tree;
  const found = new FoundLists(listFirst.length - 1);
  const asked = new AskedCentroids(input);
  let seen = 0;
  for (const group of asked.groups()) {
    const [first, end] = [groupFirst[group]!, groupFirst[group + 1]!];
    if (seen >= COMPARED_FACTOR * wanted || found.count + end - first > MOST_COMPARED) break;
    const distances = asked.distances(first, end);
    for (let list = first; list < end; list++) {
      const count = matching(list);
      if (count === 0) continue;
      const squaredDistance = distances[list - first]!;
      found.add({ list, squaredDistance, key: squaredDistance - listNorms[list]!, count });
      seen += count;
    }
  }
  return found.nearestFirst();
}

/** One query against the centroids. */
class AskedCentroids {
  readonly #input: NearListsInput;
  readonly #squaredNorm: number;
  readonly #asked: ReturnType<typeof bytesOfQuery>;

  constructor(input: NearListsInput) {
    this.#input = input;
    this.#squaredNorm = squaredLength(input.kernels, input.query);
    this.#asked = bytesOfQuery(input.query);
  }

  /** The nearest first. */
  groups(): readonly number[] {
    const { kernels, query, centroids } = this.#input;
    const { groupNorms, groupVectorNorms, tree } = centroids;
    const keys = new Float32Array(groupNorms.length);
    kernels.dotRows(query, tree.groups, keys);
    for (let group = 0; group < keys.length; group++) {
      const squared = Math.max(0, this.#squaredNorm + groupNorms[group]! - 2 * keys[group]!);
      keys[group] = squared - groupVectorNorms[group]!;
    }
    return Array.from(keys.keys()).toSorted((a, b) => keys[a]! - keys[b]! || a - b);
  }

  /** |q - c|² of the lists from `first` up to `end`. */
  distances(first: number, end: number): Float32Array {
    const { kernels, query, centroids } = this.#input;
    const { scales, norms, bytes } = centroids.listBytes;
    const dots = new Int32Array(end - first);
    kernels.dotInt8Rows(this.#asked.steps, bytes.subarray(first * query.length, end * query.length), dots);
    const distances = new Float32Array(end - first);
    for (let i = 0; i < distances.length; i++) {
      const product = dots[i]! * scales[first + i]! * this.#asked.scale;
      distances[i] = Math.max(0, this.#squaredNorm + norms[first + i]! - 2 * product);
    }
    return distances;
  }
}

interface FoundList {
  readonly list: number;
  readonly squaredDistance: number;
  /** Smaller is nearer. */
  readonly key: number;
  readonly count: number;
}

/** Lists as they are found, in columns. */
class FoundLists {
  count = 0;
  readonly #lists: Uint32Array;
  readonly #squaredDistances: Float32Array;
  readonly #keys: Float32Array;
  readonly #matching: Uint32Array;

  constructor(capacity: number) {
    this.#lists = new Uint32Array(capacity);
    this.#squaredDistances = new Float32Array(capacity);
    this.#keys = new Float32Array(capacity);
    this.#matching = new Uint32Array(capacity);
  }

  add({ list, squaredDistance, key, count }: FoundList): void {
    this.#lists[this.count] = list;
    this.#squaredDistances[this.count] = squaredDistance;
    this.#keys[this.count] = key;
    this.#matching[this.count] = count;
    this.count++;
  }

  nearestFirst(): NearLists {
    const packed = this.#inOrder();
    const { length } = packed;
    const lists = new Uint32Array(length);
    const squaredDistances = new Float32Array(length);
    const matching = new Uint32Array(length);
    for (let place = 0; place < length; place++) {
      const i = packed[place]! % MOST_COMPARED;
      lists[place] = this.#lists[i]!;
      squaredDistances[place] = this.#squaredDistances[i]!;
      matching[place] = this.#matching[i]!;
    }
    return { lists, squaredDistances, matching };
  }

  /** By key, ties by when they were found. Each number modulo `MOST_COMPARED` is a place in the columns: numbers are sorted many times faster than with a function. */
  #inOrder(): Float64Array {
    const bits = new Uint32Array(this.#keys.buffer, 0, this.count);
    const packed = new Float64Array(this.count);
    for (let i = 0; i < this.count; i++) {
      const word = bits[i]!;
      // The bits of a float as a whole number of the same order.
      const ordered = (word & 0x8000_0000) === 0 ? word + 0x8000_0000 : ~word >>> 0;
      packed[i] = ordered * MOST_COMPARED + i;
    }
    return packed.sort();
  }
}

export function squaredLength(kernels: VectorKernels, vector: Float32Array): number {
  const norm = new Float32Array(1);
  kernels.squaredNormRows(vector, vector.length, norm);
  return norm[0]!;
}
