import { assert } from "../../../base/index.ts";
import { MOST_ROWS } from "../format/head.ts";
import { type LaidOut, layOut } from "./lay-out.ts";
import { type Lists, makeLists } from "./lists.ts";
import type { VectorBuild } from "./vector-build.ts";

/** With fewer vectors an index has no lists: comparing all of them costs a query about as much. */
const LISTS_FROM_VECTORS = 2_000;

/** How the vectors of a field will lie, before anything is written. */
export interface VectorIndexPlan {
  /** The order that suits this field: the source's row for each row of the new unit; every row once, those without a vector last. */
  readonly rowOrder: Uint32Array;
  /** The index for a unit whose rows come in this order: `rowOrder` of this plan, or of the field that decides it. */
  layOut(rowOrder: Uint32Array): LaidOut;
}

/**
 * First half of a build: reads the vectors and decides their order. What it costs stands at `makeLists`; the second half reads them three times more,
 * each time in the new order, and holds `GATHERED_ROWS` of them and the centroids.
 */
export async function planVectorIndex(build: VectorBuild): Promise<VectorIndexPlan> {
  const { present, rowCount } = build.source;
  assert(rowCount <= MOST_ROWS, "search.unit-rows");
  const lists = present.count() < LISTS_FROM_VECTORS ? undefined : await makeLists(build);
  const positions = lists === undefined ? present.toRows() : inListOrder(lists, present.count());
  const rowOrder = new Uint32Array(rowCount);
  rowOrder.set(positions);
  rowOrder.set(present.complement().toRows(), positions.length);
  return { rowOrder, layOut: (order) => layOut({ build, lists, positions }, order) };
}

function inListOrder({ members }: Lists, count: number): Uint32Array {
  const positions = new Uint32Array(count);
  let at = 0;
  for (const list of members.flat()) {
    positions.set(list, at);
    at += list.length;
  }
  return positions;
}
