import type { METRICS } from "./metric-catalogue.ts";

type MetricName = keyof typeof METRICS;

export interface ShoalMetric {
  readonly name: string;
  readonly of: MetricName;
  /** The series that have all of these labels. */
  readonly where?: Readonly<Record<string, string>>;
}

/** Metrics of namespaces by the names that Shoal gives them, for dashboards and alerts that were made for it: the same series once more. */
export const SHOAL_METRICS: readonly ShoalMetric[] = [
  { name: "shoal_http_requests_total", of: "requests", where: { surface: "rpc" } },
  { name: "shoal_http_request_duration_seconds", of: "requestSeconds", where: { surface: "rpc" } },
  { name: "shoal_query_duration_seconds", of: "requestSeconds", where: { operation: "QueryService/Query" } },
  { name: "shoal_cache_hits_total", of: "searchCacheHits" },
  { name: "shoal_cache_misses_total", of: "searchCacheMisses" },
  { name: "shoal_cache_evictions_total", of: "searchCacheEvictions" },
  { name: "shoal_cache_bytes", of: "searchCacheBytes" },
  { name: "shoal_object_store_ops_total", of: "searchStoreOperations" },
  { name: "shoal_object_store_bytes_total", of: "searchStoreBytes" },
  { name: "shoal_wal_bytes", of: "searchUnindexedBytes" },
  { name: "shoal_wal_records", of: "searchUnindexedBatches" },
  { name: "shoal_segment_count", of: "searchSegments" },
  { name: "shoal_indexing_lag_seconds", of: "searchIndexingLag" },
  { name: "shoal_compaction_running", of: "searchMergesRunning" },
  { name: "shoal_compactions_total", of: "searchMerges" },
  { name: "shoal_namespaces_total", of: "searchNamespaces" },
  {
    name: "shoal_warm_requests_total",
    of: "requests",
    where: { operation: "NamespaceService/WarmNamespace" },
  },
  { name: "shoal_rate_limited_total", of: "requestsRefused", where: { reason: "limit" } },
  { name: "shoal_audit_events_total", of: "auditRecords" },
];

/** The text of one metric in Prometheus' format, under another name and with the wanted series only. */
export function renamedMetric(text: string, from: string, { name, where = {} }: ShoalMetric): string {
  const wanted = Object.entries(where).map(([label, value]) => `${label}="${value}"`);
  const lines = text.split("\n").flatMap((line) => {
    if (line.startsWith("# ")) return [line.replace(from, name)];
    if (!line.startsWith(from) || !wanted.every((label) => line.includes(label))) return [];
    return [name + line.slice(from.length)];
  });
  return lines.join("\n");
}
