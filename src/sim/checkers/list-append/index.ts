/**
 * Were these transactions serializable, in an order that keeps real time? The method of Elle (Kingsbury and Alvaro, "Elle: inferring
 * isolation anomalies from experimental observations", 2020) for lists that only grow: who appends unique elements lets every reader see the order
 * in which they came, and with it who depends on whom. A cycle of dependencies has no serial order. No search is needed, so that long histories are
 * checked at once.
 *
 * - `transaction`: what a client appended and read, and when.
 * - `version-order`: the order of each list, from what was read; what contradicts it at once is an anomaly (a duplicate, an order that another
 *   reader did not see, something that nobody appended, something acknowledged that is gone).
 * - `dependencies`: edges between transactions: write after write (ww), read after write (wr), write after read (rw), real time (rt).
 * - `cycles`: a shortest cycle of each kind: G0 (ww), G1c (ww, wr), G-single (one rw), G2 (more), by Adya's names; each also with rt.
 * - `check`: all of it. `oplog`: the rows of oplogs and the history of object operations as such transactions.
 */

export { type Anomaly, checkListAppend, describeAnomalies, type ListAppendReport } from "./check.ts";
export { checkOplogs, type NodeOplog, type OplogEntry } from "./oplog.ts";
export type { Append, ListRead, Transaction } from "./transaction.ts";
