/**
 * Every metric of Skerry: its name, help, kind and labels, in one place. Names end in their unit; counters end in `_total`. Labels have few values:
 * never a key, a bucket, an object or an address.
 */

export type MetricDefinition =
  | {
      readonly kind: "counter";
      readonly name: string;
      readonly help: string;
      readonly labels: readonly string[];
    }
  | {
      readonly kind: "gauge";
      readonly name: string;
      readonly help: string;
      readonly labels: readonly string[];
    }
  | {
      readonly kind: "histogram";
      readonly name: string;
      readonly help: string;
      readonly labels: readonly string[];
      readonly buckets: readonly number[];
    };

function counter<const L extends readonly string[]>(name: string, help: string, labels: L) {
  return { kind: "counter" as const, name, help, labels };
}

function gauge<const L extends readonly string[]>(name: string, help: string, labels: L) {
  return { kind: "gauge" as const, name, help, labels };
}

function histogram<const L extends readonly string[]>(
  name: string,
  help: string,
  labels: L,
  buckets: readonly number[],
) {
  return { kind: "histogram" as const, name, help, labels, buckets };
}

/** From half a millisecond to a minute: requests and background units. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
/** From 50 microseconds to 5 seconds: one write or sync of a disk. */
const DISK_SECONDS = [
  0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5,
];

export const METRICS = {
  requests: counter(
    "skerry_requests_total",
    "Requests by surface (s3, rpc), operation and outcome (ok or the error's code)",
    ["surface", "operation", "outcome"],
  ),
  requestSeconds: histogram(
    "skerry_request_seconds",
    "Time from a request's head to the end of its answer",
    ["surface", "operation"],
    SECONDS,
  ),
  requestsInFlight: gauge("skerry_requests_in_flight", "Requests that are being served", ["surface"]),
  requestBytes: counter("skerry_request_bytes_total", "Bytes of request bodies", ["surface"]),
  responseBytes: counter("skerry_response_bytes_total", "Bytes of response bodies", ["surface"]),
  requestRateRefusals: counter(
    "skerry_request_rate_refusals_total",
    "Requests that were refused because they were too many a second, by whose they were (caller, organization)",
    ["of"],
  ),
  requestsRefused: counter(
    "skerry_requests_refused_total",
    "Requests refused before they reached an engine, by reason (authentication, role, scope, rate, quota, limit)",
    ["surface", "reason"],
  ),
  replays: counter(
    "skerry_replays_total",
    "Signed requests that came again, by decision (observed, blocked)",
    ["decision"],
  ),
  replaySignatures: gauge("skerry_replay_signatures", "Signatures that are remembered", []),
  replaySignaturesLost: gauge(
    "skerry_replay_signatures_forgotten_early",
    "Signatures since the start that were still good when they had to make room",
    [],
  ),
  maintenance: gauge(
    "skerry_maintenance",
    "1 for the state of the maintenance mode (off, entering, quiesced, exiting)",
    ["state"],
  ),
  writesUnderWay: gauge("skerry_writes_under_way", "Writes of clients that have begun and not ended", []),

  raftTerm: gauge("skerry_raft_term", "Current term", []),
  raftIsLeader: gauge("skerry_raft_is_leader", "1 on the leader, 0 elsewhere", []),
  raftHasLeader: gauge("skerry_raft_has_leader", "1 when a leader is known", []),
  raftIndex: gauge("skerry_raft_index", "Log positions: first, last, commit, applied", ["position"]),
  raftLeaderChanges: counter(
    "skerry_raft_leader_changes_total",
    "Times that this node saw another leader than before",
    [],
  ),
  raftFollowerLag: gauge(
    "skerry_raft_follower_lag",
    "On the leader: entries that a follower does not have yet",
    ["node"],
  ),
  raftProposals: counter("skerry_raft_proposals_total", "Commands proposed on this node, by outcome", [
    "outcome",
  ]),
  raftFenced: gauge("skerry_raft_fenced", "1 when this node's log is damaged and it takes no part", []),
  raftMembers: gauge("skerry_raft_members", "Members of the Raft group by role (voter, learner)", ["role"]),
  raftLogDamage: counter(
    "skerry_raft_log_damage_total",
    "Starts at which the log was damaged in the middle",
    [],
  ),
  raftSnapshotsInstalled: counter(
    "skerry_raft_snapshots_installed_total",
    "Snapshots of the leader that took the place of this node's metadata",
    [],
  ),
  stateRebuilds: counter(
    "skerry_state_rebuilds_total",
    "Damaged stores of the metadata that were put aside and built again",
    [],
  ),

  metaAppliedEntries: counter("skerry_meta_applied_entries_total", "Log entries applied to the metadata", []),
  metaTimeAhead: gauge(
    "skerry_meta_time_ahead_seconds",
    "How far the time that leaders stamp was ahead of this node's clock when something was applied last; below 0: behind",
    [],
  ),
  metaSubmitSeconds: histogram(
    "skerry_meta_submit_seconds",
    "Time from submitting a command to its result",
    ["outcome"],
    SECONDS,
  ),
  metaBarrierSeconds: histogram(
    "skerry_meta_barrier_seconds",
    "Time of a linearizable read's barrier",
    ["outcome"],
    SECONDS,
  ),

  segmentBytes: gauge("skerry_segment_bytes", "Bytes in segments by state (live, dead)", ["state"]),
  segments: gauge("skerry_segments", "Segment files", []),
  diskBytes: gauge(
    "skerry_disk_bytes",
    "Bytes of the data directories' file systems by state (free, total)",
    ["state"],
  ),
  segmentWritable: gauge("skerry_segment_writable", "1 when the segment store accepts writes", []),
  segmentAppendSeconds: histogram(
    "skerry_segment_append_seconds",
    "Time until an appended chunk is durable",
    [],
    DISK_SECONDS,
  ),
  segmentAppendedBytes: counter("skerry_segment_appended_bytes_total", "Bytes of chunks appended", []),
  segmentReadBytes: counter("skerry_segment_read_bytes_total", "Bytes of chunks read and verified", []),
  segmentDamage: counter(
    "skerry_segment_damage_total",
    "Damaged blocks and records found, by how (read, scrub, recovery)",
    ["found"],
  ),

  segmentRewrittenBytes: counter(
    "skerry_segment_rewritten_bytes_total",
    "Bytes of chunks moved out of half-dead segments",
    [],
  ),

  blobWriteSeconds: histogram(
    "skerry_blob_write_seconds",
    "Time to write a blob to its write quorum",
    ["outcome"],
    SECONDS,
  ),

  searchIndexingLag: gauge(
    "skerry_search_indexing_lag_seconds",
    "How long the oldest write of any namespace has waited for its segment, as this node knows it",
    [],
  ),
  searchUnindexedBytes: gauge(
    "skerry_search_unindexed_bytes",
    "Bytes of writes of all namespaces that are in no segment yet, as this node knows it",
    [],
  ),
  searchMemtableBytes: gauge(
    "skerry_search_memtable_bytes",
    "Memory of the documents that are in no segment yet and that this node serves",
    [],
  ),
  searchCacheHits: counter(
    "skerry_search_cache_hits_total",
    "Blocks of index segments that were found in a cache, by tier (memory, disk)",
    ["tier"],
  ),
  searchCacheMisses: counter(
    "skerry_search_cache_misses_total",
    "Blocks of index segments that were not, by tier",
    ["tier"],
  ),
  searchCacheEvictions: counter(
    "skerry_search_cache_evictions_total",
    "Blocks that had to make room for others, by tier",
    ["tier"],
  ),
  searchCacheBytes: gauge(
    "skerry_search_cache_bytes",
    "Blocks that are cached, in bytes, by tier (memory, disk, pinned: those on disk in the budget of pins)",
    ["tier"],
  ),
  searchCacheFailures: counter(
    "skerry_search_cache_failures_total",
    "Blocks of the cache on disk that were not what was written, files of it that were none, and writes to it that failed; what they held is read again",
    [],
  ),
  searchNamespaces: gauge("skerry_search_namespaces", "Namespaces, as this node knows them", []),
  searchSegments: gauge(
    "skerry_search_segments",
    "Index segments of all namespaces, as this node knows them",
    [],
  ),
  searchUnindexedBatches: gauge(
    "skerry_search_unindexed_batches",
    "Batches of writes of all namespaces that are in no segment yet, as this node knows it",
    [],
  ),
  searchMergesRunning: gauge("skerry_search_merges_running", "1 while this node merges segments", []),
  searchThreadJobs: counter(
    "skerry_search_thread_jobs_total",
    "Segments that search threads were to build or merge, by outcome (ok, refused, cancelled, failed: the thread ended or the job has a bug, busy: too many waited)",
    ["outcome"],
  ),
  searchThreadsBusy: gauge("skerry_search_threads_busy", "Search threads that have a job", []),
  searchThreadJobsWaiting: gauge(
    "skerry_search_thread_jobs_waiting",
    "Jobs that wait for a search thread",
    [],
  ),
  searchStoreOperations: counter(
    "skerry_search_store_operations_total",
    "Blobs of namespaces that this node has written, and parts of them that it has read from their store, by outcome (ok, error)",
    ["operation", "outcome"],
  ),
  searchStoreBytes: counter("skerry_search_store_bytes_total", "Bytes of these, by operation (read, write)", [
    "operation",
  ]),
  searchFlushes: counter("skerry_search_flushes_total", "Segments made of writes by this node", []),
  searchMerges: counter("skerry_search_merges_total", "Merges of segments by this node", []),

  repairUnderReplicated: gauge(
    "skerry_repair_under_replicated_blobs",
    "Live blobs that have fewer copies than they should, as this node knows it",
    [],
  ),
  repairCopiedBytes: counter(
    "skerry_repair_copied_bytes_total",
    "Bytes of chunks that this node has taken over from others, for repair, draining or rebalancing",
    [],
  ),
  repairBadCopies: counter(
    "skerry_repair_bad_copies_total",
    "Copies that were to be repaired from and turned out to be damaged",
    [],
  ),
  repairHeldBytes: gauge(
    "skerry_repair_held_bytes",
    "Bytes of chunks that the metadata records this node for",
    [],
  ),
  notificationEvents: counter(
    "skerry_notification_events_total",
    "Events of buckets for webhooks: delivered, given up because the webhook did not take them, or lost because it was too far behind",
    ["outcome"],
  ),
  accessLogRecords: counter(
    "skerry_access_log_records_total",
    "Records of the access logs of buckets: delivered, refused by the target bucket, or dropped because the buffer was full",
    ["outcome"],
  ),
  lifecycleExamined: counter(
    "skerry_lifecycle_examined_total",
    "Versions, delete markers and uploads that the lifecycle's worker has looked at",
    [],
  ),
  lifecycleExpired: counter(
    "skerry_lifecycle_expired_total",
    "Versions, delete markers and uploads that lifecycle rules have ended",
    [],
  ),
  lifecycleKept: counter(
    "skerry_lifecycle_kept_total",
    "Versions that were due and stayed: locked, or changed meanwhile",
    [],
  ),
  dataKeysRewrapped: counter(
    "skerry_encryption_rewrapped_total",
    "Data keys of objects and uploads that were wrapped by the newest version of their key",
    [],
  ),
  dataKeysFailed: counter(
    "skerry_encryption_rewrap_failed_total",
    "Data keys that did not open when they were to be wrapped anew; counted at every pass",
    [],
  ),
  retiredUses: gauge(
    "skerry_encryption_retired_uses",
    "Versions of objects and open uploads whose data key an older version of a key of the key ring wraps",
    ["ring", "version"],
  ),
  scrubCheckedBytes: counter(
    "skerry_scrub_checked_bytes_total",
    "Bytes that scrub has read and compared",
    [],
  ),
  scrubBadChunks: counter(
    "skerry_scrub_bad_chunks_total",
    "Chunks that scrub found missing, damaged or unreadable",
    ["found"],
  ),
  scrubProgress: gauge(
    "skerry_scrub_progress",
    "Part of the present cycle of scrub that is done, 0 to 1",
    [],
  ),
  inventoryMissing: counter(
    "skerry_inventory_missing_chunks_total",
    "Chunks that the metadata records this node for and its disk does not have",
    [],
  ),
  inventoryRemoved: counter(
    "skerry_inventory_removed_blobs_total",
    "Blobs of which bytes were here that nobody knew, and were removed",
    [],
  ),

  peers: gauge(
    "skerry_cluster_peers",
    "Peers as this node sees them, by state (alive, suspect, dead, unknown)",
    ["state"],
  ),
  certificateExpires: gauge(
    "skerry_certificate_expires_timestamp_seconds",
    "When the certificate ends that this node presents on S3 and API (public) or to other nodes (node), in seconds since 1970",
    ["certificate"],
  ),

  backgroundUnits: counter(
    "skerry_background_units_total",
    "Units of background work by worker and outcome (more, idle, error)",
    ["worker", "outcome"],
  ),
  backgroundUnitSeconds: histogram(
    "skerry_background_unit_seconds",
    "Time of one unit of background work",
    ["worker"],
    SECONDS,
  ),

  auditRecords: counter("skerry_audit_records_total", "Audit records by outcome (written, failed, dropped)", [
    "outcome",
  ]),
  auditHealthy: gauge("skerry_audit_healthy", "1 when the latest write of the audit log succeeded", []),

  droppedSeries: counter(
    "skerry_metrics_dropped_series_total",
    "Values thrown away because their metric has too many series",
    [],
  ),
} as const satisfies Readonly<Record<string, MetricDefinition>>;
