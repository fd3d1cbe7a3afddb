import { IndexSpace } from "../format/space.ts";
import { MOST_LIST_ROWS } from "../format/tree.ts";
import { type Centroids, gatherRows, nearestLists } from "./assign.ts";
import { rowsOfMiddle } from "./centre.ts";
import { type Clustering, kMeans, nearestCentroids, pickSorted } from "./k-means.ts";
import type { VectorBuild } from "./vector-build.ts";
import { GATHERED_ROWS, type VectorSource } from "./vector-source.ts";

/** Rows that a list has on average: lists this small cost a query little, and their centroids 1 % of the vectors. */
const LIST_ROWS = 96;
/** Vectors that the centroids are trained on: as many for each list, within the memory for all. */
const SAMPLES_PER_LIST = 32;
const SAMPLE_BYTES = 134_217_728;
/** Vectors that the parts of a list that is too long are trained on. */
const SPLIT_SAMPLES = 4_096;
const MOST_PARTS = 16;

/** The vectors of the source in lists that are near each other, and the lists in groups. */
export interface Lists {
  readonly space: IndexSpace;
  /** Centroids of the groups. */
  readonly groups: Float32Array;
  /** The lists of each group; a list is rows of the source, ascending, at most `MOST_LIST_ROWS`. No list and no group is empty. */
  readonly members: readonly (readonly Uint32Array[])[];
}

/**
 * Hierarchical k-means over a sample: groups, then the lists of each group; then every vector goes to its nearest list. Lists that became too long
 * are split again, so that a list is bounded whatever the data.
 *
 * For n vectors there are about n / 96 lists in √(n / 96) groups. Memory and work stand in docs/internals/search-vectors.md.
 */
export async function makeLists(build: VectorBuild): Promise<Lists> {
  const { source, kernels, pause } = build;
  const rows = source.present.toRows();
  const listCount = Math.ceil(rows.length / LIST_ROWS);
  const space = await makeSpace(build, rows);
  const clustering: Clustering = {
    kernels,
    dimensions: space.dimensions,
    prng: build.prng.fork("clusters"),
    pause,
  };
  const most = Math.max(LIST_ROWS, Math.floor(SAMPLE_BYTES / (space.dimensions * 4)));
  const sampled = pickSorted(
    rows.length,
    Math.min(rows.length, listCount * SAMPLES_PER_LIST, most),
    build.prng.fork("sample"),
  );
  const sample = await enterRows(
    source,
    space,
    sampled.map((at) => rows[at]!),
  );
  const centroids = await trainCentroids(clustering, sample, listCount);
  const lists = await assignAll(build, space, clustering, centroids, rows);
  const splitter = new Splitter(source, space, clustering);
  const members: Uint32Array[][] = [];
  const groups: number[] = [];
  for (let group = 0; group + 1 < centroids.groupFirst.length; group++) {
    const own: Uint32Array[] = [];
    for (const list of lists.slice(centroids.groupFirst[group]!, centroids.groupFirst[group + 1]!)) {
      if (list.length > 0) own.push(...(await splitter.split(list)));
    }
    if (own.length === 0) continue;
    groups.push(group);
    members.push(own);
  }
  return { space, groups: gatherRows(centroids.groups, space.dimensions, groups), members };
}

/** Rows whose mean is the middle of the space. */
const MEAN_SAMPLES = 4_096;

async function makeSpace(
  { source, field, kernels, prng }: VectorBuild,
  rows: Uint32Array,
): Promise<IndexSpace> {
  const picked = pickSorted(rows.length, Math.min(rows.length, MEAN_SAMPLES), prng.fork("mean"));
  const vectors = await gatherAll(
    source,
    picked.map((at) => rows[at]!),
    field.dimensions,
  );
  const { metric, dimensions } = field;
  // Directions are never far from each other.
  const sample =
    metric === "cosine" ? vectors : gatherRows(vectors, dimensions, rowsOfMiddle(vectors, dimensions));
  return IndexSpace.around(kernels, metric, sample, {
    dimensions,
    prng: prng.fork("rotation"),
  });
}

async function trainCentroids(
  clustering: Clustering,
  sample: Float32Array,
  listCount: number,
): Promise<Centroids> {
  const { dimensions } = clustering;
  const groups = await kMeans(clustering, sample, Math.ceil(Math.sqrt(listCount)));
  const owners = await nearestCentroids(clustering, sample, groups);
  const lists: Float32Array[] = [];
  const groupFirst = [0];
  for (let group = 0; group * dimensions < groups.length; group++) {
    const own = Array.from(owners.keys()).filter((point) => owners[point] === group);
    // A group that no point is nearest to keeps itself as its only list.
    const points =
      own.length === 0
        ? groups.slice(group * dimensions, (group + 1) * dimensions)
        : gatherRows(sample, dimensions, own);
    const share = Math.max(1, Math.round((own.length / owners.length) * listCount));
    const centroids = await kMeans(clustering, points, share);
    lists.push(centroids);
    groupFirst.push(groupFirst[group]! + centroids.length / dimensions);
  }
  return { groups, groupFirst: Uint32Array.from(groupFirst), lists: joined(lists) };
}

/** The rows of each list, ascending. */
async function assignAll(
  build: VectorBuild,
  space: IndexSpace,
  clustering: Clustering,
  centroids: Centroids,
  rows: Uint32Array,
): Promise<Uint32Array[]> {
  const owners = new Uint32Array(rows.length);
  for (let first = 0; first < rows.length; first += GATHERED_ROWS) {
    const points = space.enter(await build.source.gather(rows.subarray(first, first + GATHERED_ROWS)));
    owners.set(nearestLists(clustering, points, centroids), first);
    await build.pause?.();
  }
  const count = centroids.groupFirst[centroids.groupFirst.length - 1]!;
  return partition(rows, owners, count);
}

/** The rows of each owner, in the order in which they come. */
function partition(rows: Uint32Array, owners: Uint32Array, count: number): Uint32Array[] {
  const sizes = new Uint32Array(count);
  for (const owner of owners) sizes[owner] = sizes[owner]! + 1;
  const parts = Array.from(sizes, (size) => new Uint32Array(size));
  const filled = new Uint32Array(count);
  rows.forEach((row, i) => {
    const owner = owners[i]!;
    parts[owner]![filled[owner]!] = row;
    filled[owner] = filled[owner]! + 1;
  });
  return parts;
}

/** Cuts lists that are too long. */
class Splitter {
  readonly #source: VectorSource;
  readonly #space: IndexSpace;
  readonly #clustering: Clustering;

  constructor(source: VectorSource, space: IndexSpace, clustering: Clustering) {
    this.#source = source;
    this.#space = space;
    this.#clustering = clustering;
  }

  async split(rows: Uint32Array): Promise<Uint32Array[]> {
    if (rows.length <= MOST_LIST_ROWS) return [rows];
    const { prng } = this.#clustering;
    const sampled = pickSorted(rows.length, Math.min(rows.length, SPLIT_SAMPLES), prng);
    const sample = await enterRows(
      this.#source,
      this.#space,
      sampled.map((at) => rows[at]!),
    );
    const count = Math.min(MOST_PARTS, Math.ceil(rows.length / LIST_ROWS));
    const centroids = await kMeans(this.#clustering, sample, count);
    const owners = new Uint32Array(rows.length);
    for (let first = 0; first < rows.length; first += GATHERED_ROWS) {
      const part = rows.subarray(first, first + GATHERED_ROWS);
      const points = this.#space.enter(await this.#source.gather(part));
      owners.set(await nearestCentroids(this.#clustering, points, centroids), first);
    }
    const parts = partition(rows, owners, count).filter((part) => part.length > 0);
    // Vectors that nothing tells apart are cut by their order, so that each round makes progress.
    if (parts.some((part) => part.length > 0.9 * rows.length)) return chopped(rows);
    const lists: Uint32Array[] = [];
    for (const part of parts) lists.push(...(await this.split(part)));
    return lists;
  }
}

function chopped(rows: Uint32Array): Uint32Array[] {
  const lists: Uint32Array[] = [];
  for (let first = 0; first < rows.length; first += LIST_ROWS)
    lists.push(rows.slice(first, first + LIST_ROWS));
  return lists;
}

async function enterRows(source: VectorSource, space: IndexSpace, rows: Uint32Array): Promise<Float32Array> {
  const points = new Float32Array(rows.length * space.dimensions);
  for (let first = 0; first < rows.length; first += GATHERED_ROWS) {
    const vectors = await source.gather(rows.subarray(first, first + GATHERED_ROWS));
    points.set(space.enter(vectors), first * space.dimensions);
  }
  return points;
}

async function gatherAll(source: VectorSource, rows: Uint32Array, dimensions: number): Promise<Float32Array> {
  const vectors = new Float32Array(rows.length * dimensions);
  for (let first = 0; first < rows.length; first += GATHERED_ROWS) {
    vectors.set(await source.gather(rows.subarray(first, first + GATHERED_ROWS)), first * dimensions);
  }
  return vectors;
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
