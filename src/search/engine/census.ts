import type { Worker } from "../../background/index.ts";
import { NamespaceState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { EngineContext } from "./context.ts";

const CENSUS_IDLE_MS = 15_000;
const PAGE_NAMESPACES = 256;

/** Counts what all namespaces hold, for the metrics: a page of rows at a time, as this node knows them. */
export function censusWorker({ store, metrics }: EngineContext): Worker {
  let after = 0n;
  let counted = { namespaces: 0, segments: 0, batches: 0 };
  return {
    name: "search-census",
    idleMs: CENSUS_IDLE_MS,
    async runUnit() {
      const page = await store.view.namespaceIds({ after, limit: PAGE_NAMESPACES });
      for (const namespaceId of page) {
        after = namespaceId;
        const row = store.view.namespace(namespaceId);
        if (row?.state !== NamespaceState.LIVE) continue;
        counted.namespaces++;
        counted.segments += Number(row.totals?.segments ?? 0n);
        counted.batches += Number(row.totals?.batches ?? 0n);
      }
      if (page.length === PAGE_NAMESPACES) return "more";
      metrics.searchNamespaces.set(counted.namespaces);
      metrics.searchSegments.set(counted.segments);
      metrics.searchUnindexedBatches.set(counted.batches);
      [after, counted] = [0n, { namespaces: 0, segments: 0, batches: 0 }];
      return "idle";
    },
  };
}
