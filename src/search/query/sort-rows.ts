import { compareIds, type DocumentId } from "../model/document.ts";
import { type Checkpoint, type RowOfUnit, rowKey, type SearchSnapshot, SLICE_ROWS } from "./snapshot.ts";

/** The ids of rows, in their order; one request to each unit. */
export async function idsOfRows(
  snapshot: SearchSnapshot,
  rows: readonly RowOfUnit[],
): Promise<readonly DocumentId[]> {
  const places = new Map<number, number[]>();
  rows.forEach(({ unit }, i) => {
    const known = places.get(unit);
    if (known === undefined) places.set(unit, [i]);
    else known.push(i);
  });
  const ids = new Array<DocumentId>(rows.length);
  await Promise.all(
    Array.from(places, async ([unit, indices]) => {
      const wanted = Uint32Array.from(indices, (i) => rows[i]?.row ?? 0);
      const found = (await snapshot.units[unit]?.documentIds(wanted)) ?? [];
      for (const [i, id] of found.entries()) ids[indices[i] ?? 0] = id;
    }),
  );
  return ids;
}

export interface RowOrder<T> {
  readonly most: number;
  readonly compare: (left: T, right: T) => number;
  readonly checkpoint: Checkpoint;
}

/**
 * The best `most` of `rows`, in the order of `compare`, ties by document id: so that neither the order of units nor that of rows in them shows. Ids are
 * read only of the rows that tie, and of those only where it matters.
 */
export async function firstRows<T extends RowOfUnit>(
  snapshot: SearchSnapshot,
  rows: readonly T[],
  order: RowOrder<T>,
): Promise<T[]> {
  const { most, compare } = order;
  const kept = await firstWithTies(rows, order);
  const tied = kept.filter((row, i) => {
    const [before, after] = [kept[i - 1], kept[i + 1]];
    return (
      (before !== undefined && compare(before, row) === 0) ||
      (after !== undefined && compare(row, after) === 0)
    );
  });
  if (tied.length > 0) {
    const ids = await idsOfRows(snapshot, tied);
    const idByRow = new Map(tied.map((row, i) => [rowKey(row), ids[i] as DocumentId]));
    kept.sort((left, right) => {
      const difference = compare(left, right);
      if (difference !== 0) return difference;
      const [leftId, rightId] = [idByRow.get(rowKey(left)), idByRow.get(rowKey(right))];
      return leftId === undefined || rightId === undefined ? 0 : compareIds(leftId, rightId);
    });
  }
  return kept.slice(0, most);
}

/** The first `most` rows in order, and those that tie with the last of them. Never sorts more than twice what it keeps, and a slice. */
async function firstWithTies<T>(
  rows: readonly T[],
  { most, compare, checkpoint }: RowOrder<T>,
): Promise<T[]> {
  let kept: T[] = [];
  for (let first = 0; first < rows.length; ) {
    const end = first + SLICE_ROWS + kept.length;
    const sorted = kept.concat(rows.slice(first, end)).sort(compare);
    const last = sorted[most - 1];
    let length = Math.min(most, sorted.length);
    while (last !== undefined && length < sorted.length && compare(last, sorted[length]!) === 0) length++;
    kept = sorted.slice(0, length);
    first = end;
    await checkpoint.pass();
  }
  return kept;
}
