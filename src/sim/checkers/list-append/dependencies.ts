/** Who depends on whom. */

import type { Transaction } from "./transaction.ts";
import type { ListOrder } from "./version-order.ts";

/** Of Adya's: write after write, read after write, write after read (anti-dependency); and one that ended before the other began. */
export type Dependency = "ww" | "wr" | "rw" | "rt";

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: Dependency;
  /** What it is about, for people; "" for real time. */
  readonly list: string;
}

export function dependenciesOf(
  transactions: readonly Transaction[],
  orders: ReadonlyMap<string, ListOrder>,
): readonly Edge[] {
  return [...writeEdges(orders), ...readEdges(transactions, orders), ...realTimeEdges(transactions)].filter(
    ({ from, to }) => from !== to,
  );
}

function writeEdges(orders: ReadonlyMap<string, ListOrder>): Edge[] {
  return [...orders.values()].flatMap(({ list, writers }) =>
    writers.slice(1).map((to, index): Edge => ({ from: writers[index]!, to, kind: "ww", list })),
  );
}

/** A read comes after the writer of its last element, and before the writer of the next one. */
function readEdges(transactions: readonly Transaction[], orders: ReadonlyMap<string, ListOrder>): Edge[] {
  const places = new Map(
    [...orders].map(([list, { elements }]) => [list, new Map(elements.map((element, at) => [element, at]))]),
  );
  return transactions.flatMap(({ reads }, reader) =>
    reads.flatMap(({ list, elements }): Edge[] => {
      const order = orders.get(list);
      const last = elements.at(-1);
      const at = last === undefined ? -1 : places.get(list)?.get(last);
      if (order === undefined || at === undefined) return [];
      const edges: Edge[] = [];
      const writer = order.writers[at];
      if (writer !== undefined) edges.push({ from: writer, to: reader, kind: "wr", list });
      const next = order.writers[at + 1];
      if (next !== undefined) edges.push({ from: reader, to: next, kind: "rw", list });
      return edges;
    }),
  );
}

/**
 * Edges whose transitive closure is real time: a transaction depends on those that had returned when it was called, but for those that had
 * returned when one of them was called. Their number so stays that of the transactions times their concurrency.
 */
function realTimeEdges(transactions: readonly Transaction[]): Edge[] {
  const events = transactions.flatMap(({ call, returned }, index) =>
    call === undefined
      ? []
      : [
          { at: call, isReturn: false, index },
          ...(returned === undefined ? [] : [{ at: returned, isReturn: true, index }]),
        ],
  );
  events.sort((a, b) => a.at - b.at || Number(a.isReturn) - Number(b.isReturn));
  const edges: Edge[] = [];
  const latest = new Set<number>();
  for (const { isReturn, index } of events) {
    if (!isReturn) {
      for (const from of latest) edges.push({ from, to: index, kind: "rt", list: "" });
      continue;
    }
    const call = transactions[index]?.call ?? 0;
    for (const other of latest) if ((transactions[other]?.returned ?? 0) < call) latest.delete(other);
    latest.add(index);
  }
  return edges;
}
