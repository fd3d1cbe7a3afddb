import type { Prng } from "../../../base/index.ts";
import { assert } from "../../../base/index.ts";
import type { VectorField } from "../../model/schema.ts";
import { encodeElements } from "../elements.ts";
import { encodeHead, type Head, layoutOf, MOST_ROWS } from "../format/head.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import { GATHERED_ROWS, type VectorSource } from "./vector-source.ts";

export interface VectorBuild {
  readonly field: VectorField;
  readonly source: VectorSource;
  readonly kernels: VectorKernels;
  /** Decides the samples, the first centroids and the rotation: the same generator and vectors give the same bytes. */
  readonly prng: Prng;
  /** Awaited between slices of some milliseconds of work: the place to let others run, or to throw when the work is no longer wanted. */
  readonly pause?: () => Promise<void>;
}

/** How the vectors of a field will lie, before anything is written. */
export interface VectorIndexPlan {
  /** The order that suits this field: the source's row for each row of the new unit; every row once, those without a vector last. */
  readonly rowOrder: Uint32Array;
  /**
   * The index for a unit whose rows come in this order: `rowOrder` of this plan, or of the field that decides it. `chunks` can be read once;
   * together they are `sizeBytes` long.
   */
  layOut(rowOrder: Uint32Array): { readonly sizeBytes: number; readonly chunks: AsyncIterable<Uint8Array> };
}

/** First half of a build: reads all vectors and decides their order. */
export function planVectorIndex(build: VectorBuild): Promise<VectorIndexPlan> {
  const { source } = build;
  assert(source.rowCount <= MOST_ROWS, "search.unit-rows");
  const positions = source.present.toRows();
  const rowOrder = new Uint32Array(source.rowCount);
  rowOrder.set(positions);
  rowOrder.set(source.present.complement().toRows(), positions.length);
  return Promise.resolve({ rowOrder, layOut: (order) => layOut(build, positions, order) });
}

function layOut(build: VectorBuild, positions: Uint32Array, rowOrder: Uint32Array) {
  const { field, source } = build;
  assert(rowOrder.length === source.rowCount, "search.row-order-is-complete");
  const newRows = new Uint32Array(source.rowCount);
  rowOrder.forEach((sourceRow, row) => {
    newRows[sourceRow] = row;
  });
  const map = positions.map((sourceRow) => newRows[sourceRow]!);
  const rowsInOrder = map.every((row, position) => row === position);
  const head: Head = {
    field,
    rowCount: source.rowCount,
    vectorCount: positions.length,
    listCount: 0,
    groupCount: 0,
    rowsInOrder,
  };
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield encodeHead(head);
    if (!rowsInOrder) yield new Uint8Array(map.buffer);
    for (let first = 0; first < positions.length; first += GATHERED_ROWS) {
      await build.pause?.();
      yield encodeElements(
        field.element,
        await source.gather(positions.subarray(first, first + GATHERED_ROWS)),
      );
    }
  }
  return { sizeBytes: layoutOf(head).end, chunks: chunks() };
}
