/** The background work on namespaces. Any node may do any of it; leases keep two from doing the same, and the state machine refuses what is late. */

import type { Worker } from "../../background/index.ts";
import { type NamespaceRow, NamespaceState, NamespaceWork } from "../../gen/skerry/meta/v1/rows_pb.js";
import { SearchError, type SearchErrorCode } from "../errors.ts";
import { censusWorker } from "./census.ts";
import type { EngineContext } from "./context.ts";
import { flushNamespace, isFlushDue } from "./flush.ts";
import { mergeNamespace } from "./merge.ts";
import { planMerge, planMergeAtRest } from "./merge-plan.ts";
import { MergeQueue } from "./merge-queue.ts";
import { workTimeMs } from "./moments.ts";
import type { NamespaceStates } from "./namespace-states.ts";
import { pinWorker } from "./pins.ts";
import { trimNamespace } from "./trim.ts";

const FLUSH_IDLE_MS = 500;
const MERGE_IDLE_MS = 1_000;
const TRIM_IDLE_MS = 10_000;
const PAGE_NAMESPACES = 256;
/** Refusals that are over after a while. */
const PASSING: ReadonlySet<SearchErrorCode> = new Set(["overloaded", "unavailable", "deadline-exceeded"]);
/** A namespace is flushed by a node that serves it; when that takes so many times too long, by any. */
const OVERDUE = 4;

export interface SearchWork {
  readonly context: EngineContext;
  readonly states: NamespaceStates;
  readonly isLeader: () => boolean;
}

export function searchWorkers(work: SearchWork): readonly Worker[] {
  const { context } = work;
  const merges = new MergeQueue(context.settings.mergeRestMs);
  const pins = context.diskCache === undefined ? [] : [pinWorker(context, context.diskCache)];
  return [
    flushWorker(work, merges),
    mergeWorker(work, merges),
    trimWorker(work),
    censusWorker(context),
    ...pins,
  ];
}

function flushWorker({ context, states }: SearchWork, merges: MergeQueue): Worker {
  const { store, metrics } = context;
  let after = 0n;
  let lagMs = 0;
  let bytes = 0;
  return {
    name: "search-flush",
    idleMs: FLUSH_IDLE_MS,
    async runUnit(signal) {
      const page = await store.view.unindexedNamespaces({ after, limit: PAGE_NAMESPACES });
      for (const namespaceId of page) {
        signal.throwIfAborted();
        after = namespaceId;
        const row = store.view.namespace(namespaceId);
        if (row?.state !== NamespaceState.LIVE) continue;
        lagMs = Math.max(lagMs, ageMs(context, row));
        bytes += Number(row.totals?.batchBytes ?? 0n);
        if (!isOurs(context, states, row)) continue;
        const outcome = await flushNamespace(context, states, namespaceId);
        if (outcome === "needs-merge") merges.full(namespaceId);
        if (outcome !== "flushed") continue;
        metrics.searchFlushes.increment();
        merges.changed(namespaceId, context.clock.monotonicMs());
      }
      if (page.length === PAGE_NAMESPACES) return "more";
      metrics.searchIndexingLag.set(lagMs / 1000);
      metrics.searchUnindexedBytes.set(bytes);
      metrics.searchMemtableBytes.set(states.memtableBytes);
      [after, lagMs, bytes] = [0n, 0, 0];
      return "idle";
    },
  };
}

function isOurs(context: EngineContext, states: NamespaceStates, row: NamespaceRow): boolean {
  if (!isFlushDue(row, context) || isLeased(context, row.namespaceId, NamespaceWork.FLUSH)) return false;
  return states.has(row.namespaceId) || ageMs(context, row) > OVERDUE * context.settings.flushAfterMs;
}

function isLeased(context: EngineContext, namespaceId: bigint, work: NamespaceWork): boolean {
  const lease = context.store.view.namespaceLease(namespaceId, work);
  return lease !== undefined && Number(lease.untilMs) > workTimeMs(context);
}

function ageMs(context: EngineContext, { unindexedSinceMs }: NamespaceRow): number {
  return Math.max(0, workTimeMs(context) - Number(unindexedSinceMs));
}

function mergeWorker({ context, states }: SearchWork, merges: MergeQueue): Worker {
  const { clock, metrics, settings } = context;
  return {
    name: "search-merge",
    idleMs: MERGE_IDLE_MS,
    async runUnit() {
      const due = merges.next(clock.monotonicMs());
      if (due === undefined) return "idle";
      const plan = due.isAtRest ? planMergeAtRest : planMerge;
      metrics.searchMergesRunning.set(1);
      const isMerged = await mergeNamespace(context, states, due.namespaceId, (segments) =>
        plan(segments, settings),
      )
        .catch((error: unknown) => {
          // Nothing is wrong with the namespace: it is merged once that is over.
          if (error instanceof SearchError && PASSING.has(error.code))
            merges.postponed(due, clock.monotonicMs());
          throw error;
        })
        .finally(() => metrics.searchMergesRunning.set(0));
      // What was merged may be enough for the next level.
      if (isMerged) {
        metrics.searchMerges.increment();
        merges.changed(due.namespaceId, clock.monotonicMs());
      }
      return merges.hasChanged ? "more" : "idle";
    },
  };
}

/** On the leader: two nodes would only do the same. */
function trimWorker({ context, isLeader }: SearchWork): Worker {
  const { view } = context.store;
  let after = 0n;
  return {
    name: "search-trim",
    idleMs: TRIM_IDLE_MS,
    async runUnit(signal) {
      if (!isLeader()) return "idle";
      const page = await view.trimmableNamespaces({ after, limit: PAGE_NAMESPACES });
      let isTrimmed = false;
      for (const namespaceId of page) {
        signal.throwIfAborted();
        const row = view.namespace(namespaceId);
        if (row !== undefined && (await trimNamespace(context, row))) isTrimmed = true;
      }
      // What had something to trim may have more.
      if (!isTrimmed) after = page.length === PAGE_NAMESPACES ? (page.at(-1) ?? 0n) : 0n;
      return isTrimmed || after !== 0n ? "more" : "idle";
    },
  };
}
