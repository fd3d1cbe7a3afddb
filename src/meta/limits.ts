/** Every limit of the state machine, in one place. Changing one that `apply` reads changes what is decided: it needs a command version. */

/** Version of the command format that this code writes and understands. */
export const COMMAND_VERSION = 1;
/** Greatest encoded command, in bytes. The log must take entries of this size. */
export const MAX_COMMAND_BYTES = 4 * 1024 * 1024;

/** Length of blob, version and upload ids, in bytes. */
export const META_ID_BYTES = 16;
export const BLAKE3_BYTES = 32;

/** Greatest length of a chunk, and the length of all but the last of a blob, in bytes. */
export const CHUNK_BYTES = 4 * 1024 * 1024;
/** Greatest blob that may travel inside a command, in bytes. The configured size is smaller. */
export const MAX_INLINE_BYTES = 1024 * 1024;
/** Greatest object, in bytes. */
export const MAX_OBJECT_BYTES = 5 * 1024 ** 4;
/** Greatest part of an upload, in bytes. */
export const MAX_PART_BYTES = 5 * 1024 ** 3;
/** Slices of one object or part. */
export const MAX_SLICES = 20_000;
/** Blobs that one commit may bring into being. */
export const MAX_NEW_BLOBS = 1_024;
export const MAX_PART_NUMBER = 10_000;
/** Greatest object key, in UTF-8 bytes. */
export const MAX_KEY_BYTES = 1_024;
/** Greatest bucket name, node name, key id or token id, in UTF-8 bytes. */
export const MAX_NAME_BYTES = 255;
/** Tags of an object. */
export const MAX_TAGS = 10;
/** Greatest encoded ACL of an object, in bytes. */
export const MAX_ACL_BYTES = 32 * 1024;
/** Greatest default retention, in days. */
export const MAX_RETENTION_DAYS = 36_500;
export const MAX_DELETE_TARGETS = 1_000;
/** Targets of one ExpireObjects. */
export const MAX_EXPIRATION_TARGETS = 100;
/** Noncurrent versions that a lifecycle rule may keep, whatever their age: the apply counts them one by one. */
export const MAX_KEPT_VERSIONS = 100;
/** Greatest cursor of a worker, in bytes. */
export const MAX_WORKER_CURSOR_BYTES = 64 * 1024;

export const MAX_REPLICATION_FACTOR = 16;
export const MAX_COPYSETS = 4_096;
/** A blob may still be committed to a closed copyset when its writer saw a layout at most this many epochs old. */
export const LAYOUT_EPOCH_LAG = 8n;

export const MAX_BUCKETS = 100_000;
/** Greatest document of one bucket configuration, in bytes. Its own module may allow less. */
export const MAX_CONFIGURATION_BYTES = 256 * 1024;
/** Kinds of bucket configurations are numbered from 1 to this: each is a bit of BucketRow.configured_kinds. */
export const MAX_CONFIGURATION_KIND = 63;
export const MAX_KEYS = 10_000;
/** Of the keyed hash of an API key's secret. */
export const KEY_HASH_BYTES = 32;
/** How long the secret before a rotation may go on working: 30 days. */
export const MAX_KEY_GRACE_SECONDS = 30n * 24n * 60n * 60n;
export const MAX_JOIN_TOKENS = 1_000;
/** Rows of the identity table: accounts, users, groups, roles, policies, providers, and the rows that they are found by. */
export const MAX_IDENTITIES = 200_000n;
export const MAX_IDENTITY_CHANGES = 64;
export const MAX_IDENTITY_NAME_BYTES = 768;
/** Nodes that a change of the maintenance mode waits for. */
export const MAX_MAINTENANCE_NODES = 1_024;
/** Keys of the key ring, and versions of one of them. */
export const MAX_ENCRYPTION_KEYS = 1_000;
export const MAX_ENCRYPTION_KEY_VERSIONS = 1_000;
/** Data keys of one RewrapDataKeys. */
export const MAX_REWRAPPED_KEYS = 100;
/** Greatest sealed or wrapped key, in bytes. */
export const MAX_SEALED_SECRET_BYTES = 256;

/** Blobs of one BeginBlobDelete or AcknowledgeUnlink. */
export const MAX_BLOBS_PER_COMMAND = 10_000;
/** Blobs of one RecordCopies, ReportLost, RehomeBlobs or DropCopies. */
export const MAX_MOVED_BLOBS = 1_000;
/** Nodes that may hold one chunk. */
export const MAX_HOLDERS = 32;
/** Chunks of one RecordCopies or ReportLost. */
export const MAX_MOVED_CHUNKS = 10_000;
/**
 * A chunked blob must be committed within so many milliseconds of leader time after its id was made. From then on its bytes, where they are
 * not committed, are nobody's: a node that finds such bytes may remove them, however slow their upload was.
 */
export const MAX_BLOB_WRITE_MS = 48 * 60 * 60 * 1000;
/** Rows that the oplog keeps; beyond, every new row pushes the oldest out. A consumer that fell behind has to list. */
export const MAX_OPLOG_ROWS = 1_000_000n;
/** Rows that one TrimOplog removes. */
export const MAX_TRIMMED_ROWS = 10_000n;
/** Uploads of one ForgetCompletedUploads. */
export const MAX_FORGOTTEN_UPLOADS = 10_000;

/** Sessions that a node may have open; one more closes its oldest. */
export const MAX_SESSIONS_PER_NODE = 4;
/** Results that a session keeps. A sequence further ahead of what is acknowledged is refused. */
export const MAX_SESSION_RESULTS = 4_096n;
/** CloseSessions closes only what has been idle for so long, in milliseconds of leader time. */
export const SESSION_IDLE_MS = 24 * 60 * 60 * 1000;
export const MAX_CLOSED_SESSIONS = 1_000;

/** A state hash is kept at every multiple of this index. */
export const STATE_HASH_INTERVAL = 1_024;
/** So many of them are kept. */
export const STATE_HASHES_KEPT = 16;

/** Entries that are applied in one turn and written in one batch; between two of them others get the thread. */
export const MAX_ENTRIES_PER_WRITE = 512;
/** Changed rows after which a batch ends early. */
export const MAX_ROWS_PER_WRITE = 8_192;

/** Commands that a node may have in flight; fewer than a session remembers results. */
export const MAX_IN_FLIGHT_COMMANDS = 2_048;
export const MAX_IN_FLIGHT_BYTES = 64 * 1024 * 1024;
/** Rows of objects, with small bodies, that are kept decoded for those who read them again, in bytes. */
export const MAX_READ_CACHE_BYTES = 16 * 1024 * 1024;
/** Blobs of more chunks are not kept. */
export const MAX_READ_CACHE_CHUNKS = 4;
/** Larger ones are not kept, in bytes. */
export const MAX_READ_CACHE_ROW_BYTES = 256 * 1024;
/** A command that was not applied for so long is proposed again. */
export const RETRY_AFTER_MS = 1_000;
/** How often deadlines and retries are looked at while something is in flight. */
export const SWEEP_INTERVAL_MS = 100;
export const DEFAULT_SUBMIT_TIMEOUT_MS = 10_000;
export const DEFAULT_BARRIER_TIMEOUT_MS = 5_000;
/** Rounds of ReadIndex under way at once; further callers share the next one. */
export const MAX_BARRIER_ROUNDS = 4;
/** Callers that may wait for barriers. */
export const MAX_BARRIER_CALLERS = 65_536;

/** Namespaces that are not deleted. */
export const MAX_NAMESPACES = 100_000;
/** Greatest encoded schema of a namespace, in bytes. */
export const MAX_SCHEMA_BYTES = 256 * 1024;
/** Frames of one CommitBatch. */
export const MAX_BATCH_FRAMES = 256;
/** Batches of a namespace that are in no segment yet. It bounds what a branch copies. */
export const MAX_LIVE_BATCHES = 4_096n;
/** Segments of a namespace, and as many rows of deletes. */
export const MAX_LIVE_SEGMENTS = 2_048n;
/** Rows of the past of a namespace. */
export const MAX_PAST_ROWS = 1_000_000n;
/** Greatest segment, in bytes. */
export const MAX_SEGMENT_BYTES = 64 * 1024 ** 3;
/** Rows that one CommitIndex adds, and rows that it removes. */
export const MAX_INDEX_ADDED = 2_048;
export const MAX_INDEX_REMOVED = 10_000;
/** Rows, or remembered batches, that one TrimNamespace takes. */
export const MAX_NAMESPACE_TRIMMED = 4_096;
/** Idempotency keys of one namespace that are remembered. */
export const MAX_REMEMBERED_BATCHES = 100_000n;
/** A batch is remembered for so long, in milliseconds of leader time. */
export const REMEMBER_BATCH_MS = 24n * 60n * 60n * 1000n;
/** Greatest lease, in milliseconds of leader time. */
export const MAX_LEASE_MS = 10n * 60n * 1000n;
/** A row of the past is kept for so long at least, in milliseconds: whoever reads a manifest while it changes finds all of it. */
export const LEAST_RETENTION_MS = 60_000n;
export const MAX_RETENTION_SECONDS = 366n * 24n * 60n * 60n;
export const MAX_TTL_SECONDS = 100n * 366n * 24n * 60n * 60n;
/** Stores outside the cluster, ever. */
export const MAX_SEARCH_STORES = 16n;
/** Lengths in the settings of such a store, in characters, and of its sealed secret, in bytes. */
export const MAX_STORE_PATH_CHARACTERS = 1_024;
export const MAX_STORE_NAME_CHARACTERS = 256;
export const MAX_STORE_SECRET_BYTES = 1_024;
