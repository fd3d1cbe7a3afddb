/** The order of each list, as the longest read saw it, and what contradicts it. */

import type { Anomaly } from "./check.ts";
import type { ListRead, Transaction } from "./transaction.ts";

export interface ListOrder {
  readonly list: string;
  readonly elements: readonly string[];
  /** The transactions that appended the elements, in the same places. */
  readonly writers: readonly number[];
}

export interface VersionOrders {
  readonly orders: ReadonlyMap<string, ListOrder>;
  readonly anomalies: readonly Anomaly[];
}

export function versionOrders(transactions: readonly Transaction[]): VersionOrders {
  const anomalies: Anomaly[] = [];
  const writers = writersOf(transactions, anomalies);
  const longest = new Map<string, ListRead>();
  for (const { reads } of transactions) {
    for (const read of reads) {
      if (read.elements.length >= (longest.get(read.list)?.elements.length ?? 0))
        longest.set(read.list, read);
    }
  }
  const orders = new Map<string, ListOrder>();
  for (const { list, elements } of longest.values()) {
    anomalies.push(...duplicatesOf(list, elements), ...phantomsOf(list, elements, writers));
    const known = elements.filter((element) => writers.has(placeOf(list, element)));
    orders.set(list, {
      list,
      elements: known,
      writers: known.map((element) => writers.get(placeOf(list, element)) ?? 0),
    });
  }
  anomalies.push(...disagreements(transactions, longest), ...lostAppends(transactions, longest));
  return { orders, anomalies };
}

/** Lists and elements are any texts; their pair must not be read as another pair. */
function placeOf(list: string, element: string): string {
  return JSON.stringify([list, element]);
}

function writersOf(transactions: readonly Transaction[], anomalies: Anomaly[]): ReadonlyMap<string, number> {
  const writers = new Map<string, number>();
  transactions.forEach(({ name, appends }, index) => {
    for (const { list, element } of appends) {
      const place = placeOf(list, element);
      const other = writers.get(place);
      if (other !== undefined) {
        const first = transactions[other]?.name ?? "";
        anomalies.push({
          kind: "not-unique",
          lines: [`${list}: ${element} is appended by two`, first, name],
        });
      }
      writers.set(place, index);
    }
  });
  return writers;
}

function duplicatesOf(list: string, elements: readonly string[]): Anomaly[] {
  const seen = new Set<string>();
  return elements.flatMap((element): Anomaly[] => {
    if (!seen.has(element)) {
      seen.add(element);
      return [];
    }
    return [{ kind: "duplicate", lines: [`${list}: ${element} is there more than once`] }];
  });
}

function phantomsOf(
  list: string,
  elements: readonly string[],
  writers: ReadonlyMap<string, number>,
): Anomaly[] {
  return elements
    .filter((element) => !writers.has(placeOf(list, element)))
    .map((element) => ({ kind: "phantom", lines: [`${list}: ${element} was read, and nobody appended it`] }));
}

/** Every read is a beginning of the longest. */
function disagreements(
  transactions: readonly Transaction[],
  longest: ReadonlyMap<string, ListRead>,
): readonly Anomaly[] {
  return transactions.flatMap(({ name, reads }) =>
    reads.flatMap(({ list, elements }): Anomaly[] => {
      const order = longest.get(list)?.elements ?? [];
      const at = elements.findIndex((element, index) => element !== order[index]);
      if (at < 0) return [];
      const lines = [`${list}: ${name} saw ${elements[at]} at place ${at}, where others saw ${order[at]}`];
      return [{ kind: "incompatible-order", lines }];
    }),
  );
}

/** What was acknowledged before the longest read of its list began, and is not in it. */
function lostAppends(
  transactions: readonly Transaction[],
  longest: ReadonlyMap<string, ListRead>,
): readonly Anomaly[] {
  const present = new Map([...longest].map(([list, { elements }]) => [list, new Set(elements)]));
  const readAt = new Map<string, number>();
  for (const { call, reads } of transactions) {
    for (const read of reads) {
      if (call !== undefined && longest.get(read.list) === read) readAt.set(read.list, call);
    }
  }
  return transactions.flatMap(({ name, returned, appends }) =>
    appends.flatMap(({ list, element }): Anomaly[] => {
      const isDue = returned !== undefined && returned < (readAt.get(list) ?? Number.NEGATIVE_INFINITY);
      if (!isDue || present.get(list)?.has(element)) return [];
      return [{ kind: "lost", lines: [`${list}: ${element} was acknowledged and is not there`, name] }];
    }),
  );
}
