import { assert } from "../../../base/index.ts";
import { encodeElements } from "../elements.ts";
import { encodeList } from "../format/codes.ts";
import { encodeHead, type Head, hasMiddle, layoutOf } from "../format/head.ts";
import { encodeMiddle, type TakenAway } from "../format/middle.ts";
import { encodeTree } from "../format/tree.ts";
import { rowsOfMiddle } from "./centre.ts";
import { ClusterSums } from "./k-means.ts";
import type { Lists } from "./lists.ts";
import type { VectorBuild } from "./vector-build.ts";
import { GATHERED_ROWS } from "./vector-source.ts";

/** A vector index on its way into a file. */
export interface LaidOut {
  readonly sizeBytes: number;
  /** Can be read once; together they are `sizeBytes` long. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

export interface Decided {
  readonly build: VectorBuild;
  /** Undefined: too few vectors for lists. */
  readonly lists: Lists | undefined;
  /** Rows of the source in the order of their vectors. */
  readonly positions: Uint32Array;
}

/** Second half of a build: the bytes, for a unit whose rows are these rows of the source. */
export function layOut(decided: Decided, rowOrder: Uint32Array): LaidOut {
  const { build, lists, positions } = decided;
  const { field, source } = build;
  assert(rowOrder.length === source.rowCount, "search.row-order-is-complete");
  const newRows = new Uint32Array(source.rowCount);
  rowOrder.forEach((sourceRow, row) => {
    newRows[sourceRow] = row;
  });
  const map = positions.map((sourceRow) => newRows[sourceRow]!);
  const head: Head = {
    field,
    rowCount: source.rowCount,
    vectorCount: positions.length,
    listCount: lists?.members.flat().length ?? 0,
    groupCount: lists?.members.length ?? 0,
    rowsInOrder: map.every((row, position) => row === position),
  };
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield encodeHead(head);
    if (!head.rowsInOrder) yield new Uint8Array(map.buffer);
    if (lists === undefined) yield* fullVectors(decided);
    else yield* withLists(decided, lists, head);
  }
  return { sizeBytes: layoutOf(head).end, chunks: chunks() };
}

async function* withLists(decided: Decided, lists: Lists, head: Head): AsyncGenerator<Uint8Array> {
  const { space } = lists;
  const all = lists.members.flat();
  const centroids = new Float32Array(all.length * space.dimensions);
  const listNorms = new Float32Array(all.length);
  for (const [list, rows] of all.entries()) {
    const { vectors, away } = await entered(decided.build, lists, rows);
    const centroid = middleOf(vectors, space.dimensions);
    centroids.set(centroid, list * space.dimensions);
    listNorms[list] = away.norms.reduce((sum, norm) => sum + norm, 0) / rows.length;
    yield encodeList(vectors, centroid, away);
    await decided.build.pause?.();
  }
  if (hasMiddle(head)) yield* middleVectors(decided, lists);
  yield* fullVectors(decided);
  const groupFirst = firsts(lists.members.map((group) => group.length));
  const listFirst = firsts(all.map((rows) => rows.length));
  yield* encodeTree({ space, groups: lists.groups, groupFirst, lists: centroids, listFirst, listNorms });
}

async function* middleVectors({ build, positions }: Decided, lists: Lists): AsyncGenerator<Uint8Array> {
  for (let first = 0; first < positions.length; first += GATHERED_ROWS) {
    const { vectors, away } = await entered(build, lists, positions.subarray(first, first + GATHERED_ROWS));
    yield encodeMiddle(vectors, lists.space.dimensions, away);
    await build.pause?.();
  }
}

async function* fullVectors({ build, positions }: Decided): AsyncGenerator<Uint8Array> {
  for (let first = 0; first < positions.length; first += GATHERED_ROWS) {
    const vectors = await build.source.gather(positions.subarray(first, first + GATHERED_ROWS));
    yield encodeElements(build.field.element, vectors);
    await build.pause?.();
  }
}

/** These rows in the space of the index. */
async function entered(
  build: VectorBuild,
  { space }: Lists,
  rows: Uint32Array,
): Promise<{ readonly vectors: Float32Array; readonly away: TakenAway }> {
  const gathered = await build.source.gather(rows);
  const norms = new Float32Array(rows.length);
  if (build.field.metric === "dot") build.kernels.squaredNormRows(gathered, build.field.dimensions, norms);
  return {
    vectors: space.enter(gathered),
    away: { norms, shifts: space.shifts(gathered, build.field.element) },
  };
}

function middleOf(vectors: Float32Array, dimensions: number): Float32Array {
  const sums = new ClusterSums(1, dimensions);
  for (const row of rowsOfMiddle(vectors, dimensions))
    sums.add(0, vectors.subarray(row * dimensions, (row + 1) * dimensions));
  return sums.mean(0);
}

function firsts(sizes: readonly number[]): Uint32Array {
  const steps = new Uint32Array(sizes.length + 1);
  sizes.forEach((size, i) => {
    steps[i + 1] = steps[i]! + size;
  });
  return steps;
}
