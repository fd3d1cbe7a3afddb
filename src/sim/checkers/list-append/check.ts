import { type CycleKind, worstCycle } from "./cycles.ts";
import { dependenciesOf, type Edge } from "./dependencies.ts";
import type { Transaction } from "./transaction.ts";
import { versionOrders } from "./version-order.ts";

export interface Anomaly {
  readonly kind: CycleKind | "not-unique" | "duplicate" | "phantom" | "incompatible-order" | "lost";
  /** For people: what, then the witnesses. */
  readonly lines: readonly string[];
}

export interface ListAppendReport {
  /** Empty: there is a serial order of all transactions that explains every read and keeps real time. */
  readonly anomalies: readonly Anomaly[];
  readonly transactions: number;
  readonly dependencies: number;
}

/** Anomalies that are printed; where there are more, the first ones say it all. */
const MAX_DESCRIBED = 10;

export function checkListAppend(transactions: readonly Transaction[]): ListAppendReport {
  const { orders, anomalies } = versionOrders(transactions);
  const edges = dependenciesOf(transactions, orders);
  const cycle = worstCycle(transactions.length, edges);
  const found: Anomaly[] =
    cycle === undefined
      ? []
      : [{ kind: cycle.kind, lines: cycle.edges.map((edge) => describeEdge(transactions, edge)) }];
  return {
    anomalies: [...anomalies, ...found],
    transactions: transactions.length,
    dependencies: edges.length,
  };
}

export function describeAnomalies(anomalies: readonly Anomaly[]): string {
  const described = anomalies
    .slice(0, MAX_DESCRIBED)
    .map(({ kind, lines }) => [`${kind}:`, ...lines.map((line) => `  ${line}`)].join("\n"));
  const more = anomalies.length - described.length;
  return [...described, ...(more > 0 ? [`and ${more} more`] : [])].join("\n");
}

function describeEdge(transactions: readonly Transaction[], { from, to, kind, list }: Edge): string {
  const before = transactions[from]?.name;
  const after = transactions[to]?.name;
  switch (kind) {
    case "ww":
      return `${before} wrote ${list} before ${after}`;
    case "wr":
      return `${after} read what ${before} wrote to ${list}`;
    case "rw":
      return `${before} read ${list} before ${after} wrote it`;
    case "rt":
      return `${before} had returned when ${after} was called`;
  }
}
