import {
  address,
  count,
  duration,
  flag,
  integer,
  list,
  oneOf,
  type SettingKind,
  size,
  text,
} from "./kinds.ts";

/** One row of the table that validation, `--help`, the reference page and redaction are all made from. */
export interface Setting<T> {
  readonly kind: SettingKind<T>;
  readonly default: T;
  readonly description: string;
  /** Never printed and never logged; not accepted as a flag, since flags show in process lists. */
  readonly secret?: boolean;
}

const setting = <const T>(row: Setting<T>): Setting<T> => row;
const GiB = 2 ** 30;
const MiB = 2 ** 20;
const KiB = 2 ** 10;
const MAX_GATEWAY_THREADS = 64;

/** Names are those of the TOML file: "section.key". The environment variable is SKERRY_SECTION_KEY, the flag --section-key. */
export const SETTINGS = {
  "node.name": setting({
    kind: text,
    default: "node-1",
    description: "Name of this node, unique in the cluster",
  }),
  "node.zone": setting({
    kind: text,
    default: "default",
    description: "Failure domain: copies are spread over zones",
  }),
  "node.roles": setting({
    kind: list,
    default: ["meta", "storage", "gateway"],
    description: "What this node does: meta (votes in Raft), storage (holds segments), gateway (S3 and API)",
  }),
  "node.data_dir": setting({
    kind: text,
    default: "./skerry-data",
    description: "Directory of all this node's data",
  }),
  "node.advertise_host": setting({
    kind: text,
    default: "127.0.0.1",
    description: "Host name or address under which the other nodes and clients reach this node",
  }),
  "s3.listen": setting({
    kind: address,
    default: { host: "127.0.0.1", port: 9000 },
    description: "Listener of the S3 gateway",
  }),
  "s3.threads": setting<number | "auto">({
    kind: count(0, MAX_GATEWAY_THREADS),
    default: "auto",
    description:
      "Threads that serve S3 beside the main one, each with about 70 MB; auto: one for each processor but the first, at most 8",
  }),
  "s3.region": setting({ kind: text, default: "us-east-1", description: "Region that buckets are shown in" }),
  "s3.domains": setting({
    kind: list,
    default: [],
    description: "Base domains for virtual-hosted requests (bucket.domain); path style always works",
  }),
  "s3.website_domains": setting({
    kind: list,
    default: [],
    description:
      "Domains whose direct children are shown as websites (bucket.domain), to visitors without a key; none of them within s3.domains or around one",
  }),
  "s3.customer_keys_over_http": setting({
    kind: flag,
    default: false,
    description:
      "Take customers' encryption keys (SSE-C) from clients without TLS too: where a proxy before this node ends TLS",
  }),
  "s3.public_buckets": setting({
    kind: list,
    default: [],
    description:
      "Buckets that requests without a key may be let in to, where policy or ACL allow it; * at the end of a name stands for the rest",
  }),
  "s3.require_if_match_buckets": setting({
    kind: list,
    default: [],
    description:
      "Buckets where an object is overwritten only with If-Match, and else only created; * at the end of a name stands for the rest. The same on every node",
  }),
  "s3.require_digest": setting({
    kind: oneOf("off", "any", "content-md5"),
    default: "off",
    description:
      "What uploads must promise about their bytes: nothing, Content-MD5 or any x-amz-checksum (any), or Content-MD5. Forms are judged by their policies",
  }),
  "s3.replays": setting({
    kind: oneOf("allow", "observe", "block"),
    default: "allow",
    description:
      "Signed writes and presigned requests that come again unchanged: allow them, count and log them (observe), or refuse them (block). Each node knows what it has served itself",
  }),
  "s3.replay_signatures": setting({
    kind: integer(100, 10_000_000),
    default: 100_000,
    description:
      "Signatures that this node remembers for s3.replays, about 50 bytes each; the oldest go first",
  }),
  "s3.max_clock_skew": setting({
    kind: duration(1000, 86_400_000),
    default: 15 * 60_000,
    description: "How far a request's date may be from this node's clock",
  }),
  "iam.private_issuer_networks": setting({
    kind: list,
    default: [],
    description:
      "Blocks of addresses (10.0.0.0/8) where OpenID Connect issuers may be that users name; without them only public addresses are asked for keys",
  }),
  "api.listen": setting({
    kind: address,
    default: { host: "127.0.0.1", port: 8080 },
    description: "Listener of the API (Connect, gRPC, gRPC-Web), /healthz and /readyz",
  }),
  "peer.listen": setting({
    kind: address,
    default: { host: "127.0.0.1", port: 7400 },
    description: "Listener for the other nodes, always mutual TLS; Raft listens on the port above it",
  }),
  "metrics.shoal_names": setting({
    kind: flag,
    default: true,
    description: "Show metrics of namespaces by the names that Shoal gives them too (shoal_...)",
  }),
  "metrics.listen": setting({
    kind: address,
    default: { host: "127.0.0.1", port: 9100 },
    description: "Listener of /metrics in Prometheus format",
  }),
  "listeners.allow_plaintext": setting({
    kind: flag,
    default: false,
    description: "Allow S3, API and metrics without TLS on addresses other than loopback",
  }),
  "listeners.trusted_proxies": setting({
    kind: list,
    default: [],
    description:
      "Addresses and blocks (10.0.0.0/8) of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed; from everybody else they are not read",
  }),
  "tls.certificate_file": setting({
    kind: text,
    default: "",
    description: "PEM certificate chain for the S3 and API listeners; empty: no TLS there",
  }),
  "tls.key_file": setting({
    kind: text,
    default: "",
    description: "PEM private key that belongs to tls.certificate_file",
  }),
  "cluster.replication_factor": setting({
    kind: integer(1, 7),
    default: 3,
    description:
      "Copies of every blob that new writes aim for (as many as there are storage nodes, at most); read by cluster init",
  }),
  "cluster.delete_grace": setting({
    kind: duration(0, 30 * 86_400_000),
    default: 10 * 60_000,
    description:
      "Time between a blob's last reference going away and its bytes being unlinked; read by cluster init",
  }),
  "search.memtable_memory": setting({
    kind: size(8 * MiB, 1024 * GiB),
    default: 256 * MiB,
    description:
      "Memory for documents that are in no index segment yet; beyond it, those of namespaces that were not used lately are read again when they are",
  }),
  "search.cache_memory": setting({
    kind: size(MiB, 1024 * GiB),
    default: 512 * MiB,
    description: "Memory for index segments",
  }),
  "search.pinned_memory": setting({
    kind: size(0, 1024 * GiB),
    default: 256 * MiB,
    description: "Memory for pinned namespaces; those beyond it are dropped like others",
  }),
  "search.cache_disk": setting({
    kind: size(0, 1024 * GiB),
    default: GiB,
    description:
      "Disk for parts of index segments that lie on other nodes; 0, and 0 for pins, switches that off",
  }),
  "search.pinned_disk": setting({
    kind: size(0, 1024 * GiB),
    default: GiB,
    description: "The same for pinned namespaces, which are not evicted; what is beyond it goes to the rest",
  }),
  "search.cache_directory": setting({
    kind: text,
    default: "",
    description: "Where the cache on disk lies; empty: in the data directory",
  }),
  "search.flush_size": setting({
    kind: size(64 * KiB, GiB),
    default: 8 * MiB,
    description: "A namespace whose writes have so many bytes gets an index segment of them",
  }),
  "search.flush_after": setting({
    kind: duration(100, 3_600_000),
    default: 5_000,
    description: "... or when the oldest of these writes is so old",
  }),
  "search.unindexed_size": setting({
    kind: size(MiB, 4 * GiB),
    default: 256 * MiB,
    description: "Writes to a namespace are refused while so many bytes of it wait to be indexed",
  }),
  "search.merge_size": setting({
    kind: size(MiB, 4 * GiB),
    default: 512 * MiB,
    description:
      "Index segments are merged up to so many bytes together; a merge has about twice as much in memory, and up to 300 MiB more",
  }),
  "search.threads": setting({
    kind: integer(0, 64),
    default: 1,
    description:
      "Threads that build and merge index segments; 0: that is done between requests, on the thread that serves them",
  }),
  "search.retention": setting({
    kind: duration(0, 366 * 86_400_000),
    default: 3_600_000,
    description:
      "How long states of the past can be read and branched, in namespaces that name no retention of their own",
  }),
  "storage.inline_size": setting({
    kind: size(0, 256 * KiB),
    default: 16 * KiB,
    description: "Objects up to this size travel inside the metadata commit; 0 turns that off",
  }),
  "storage.segment_size": setting({
    kind: size(8 * MiB, 64 * GiB),
    default: GiB,
    description: "Size at which a segment file is sealed",
  }),
  "storage.reserve": setting({
    kind: size(64 * MiB, 64 * GiB),
    default: 512 * MiB,
    description:
      "Free space on the disk that new bytes leave alone, so that the metadata and their log go on and what is deleted can be given back; at least 64 MiB more than that log may grow by: 160 MiB and two files of raft.wal_segment_size",
  }),
  "storage.write_buffers": setting({
    kind: size(16 * MiB, 64 * GiB),
    default: 256 * MiB,
    description: "Memory that all uploads of this node hold together; when it is used up, uploads wait",
  }),
  "storage.unknown_kept": setting({
    kind: duration(0, 365 * 86_400_000),
    default: 86_400_000,
    description:
      "How long bytes on this node's disk that belong to no object (crashed uploads) are kept after they were found; counted from the moment at which no upload can claim them any more",
  }),
  "storage.inventory_interval": setting({
    kind: duration(1000, 30 * 86_400_000),
    default: 3_600_000,
    description: "How often this node compares what its disk holds with the metadata",
  }),
  "storage.rewrite_bytes_per_second": setting({
    kind: size(64 * KiB, 64 * GiB),
    default: 16 * MiB,
    description: "Bytes a second that this node moves out of half-dead segments, to give their space back",
  }),
  "scrub.interval": setting({
    kind: duration(1000, 365 * 86_400_000),
    default: 14 * 86_400_000,
    description: "How often this node reads everything that it stores again and compares the hashes",
  }),
  "scrub.bytes_per_second": setting({
    kind: size(64 * KiB, 64 * GiB),
    default: 16 * MiB,
    description: "Bytes a second that the scrub of this node reads",
  }),
  "repair.loss_delay": setting({
    kind: duration(1000, 7 * 86_400_000),
    default: 10 * 60_000,
    description:
      "How long a node may be silent before its copies are made anew on others; a last copy is never waited for",
  }),
  "repair.bytes_per_second": setting({
    kind: size(64 * KiB, 64 * GiB),
    default: 64 * MiB,
    description: "Bytes a second that the cluster copies for repair, draining and rebalancing",
  }),
  "repair.concurrency": setting({
    kind: integer(1, 64),
    default: 4,
    description: "Nodes that copies are made on at once",
  }),
  "encryption.rewrap_keys_per_second": setting({
    kind: integer(1, 1_000_000),
    default: 1_000,
    description:
      "Data keys of objects that the leader wraps anew in a second, after a key of the key ring was rotated",
  }),
  "lifecycle.day_seconds": setting({
    kind: integer(1, 86_400),
    default: 86_400,
    description:
      "Length of a day to the lifecycle rules of buckets, in seconds; anything but 86400 is for tests of rules alone, and refused unless lifecycle.allow_short_days is set",
  }),
  "lifecycle.allow_short_days": setting({
    kind: flag,
    default: false,
    description:
      "Let lifecycle.day_seconds be shorter than a day: objects then expire long before their time",
  }),
  "notifications.destinations": setting({
    kind: list,
    default: [],
    description:
      "Webhooks that buckets may tell of their changes, each as name=URL; a rule names one as the last part of its ARN. Nothing else is ever called. The same on every node",
  }),
  "notifications.signing_key": setting({
    kind: text,
    default: "",
    description: "Key of the HMAC-SHA256 in the header X-Skerry-Signature of messages to webhooks",
    secret: true,
  }),
  "notifications.give_up_after": setting({
    kind: duration(1000, 7 * 86_400_000),
    default: 86_400_000,
    description: "How long a webhook may fail to take an event before the event is given up",
  }),
  "access_logs.interval": setting({
    kind: duration(1000, 86_400_000),
    default: 5 * 60_000,
    description:
      "How often this node puts the access logs of buckets that it gathered into their target buckets",
  }),
  "access_logs.buffer_size": setting({
    kind: size(64 * KiB, GiB),
    default: 16 * MiB,
    description: "Memory for records of access logs that wait for delivery; beyond it they are dropped",
  }),
  "raft.wal_segment_size": setting({
    kind: size(MiB, GiB),
    default: 64 * MiB,
    description: "Size of one file of the write-ahead log",
  }),
  "raft.max_voters": setting({
    kind: integer(1, 7),
    default: 5,
    description:
      "Nodes that vote in the Raft group, at most; further ones are learners, which hold the metadata and take over when a voter leaves. The same on every node",
  }),
  "limits.requests_in_flight": setting({
    kind: integer(1, 1_000_000),
    default: 4096,
    description: "Requests of S3 and API that this node serves at once; more are answered SlowDown",
  }),
  "limits.requests_in_flight_per_key": setting({
    kind: integer(1, 1_000_000),
    default: 1024,
    description:
      "Requests that one key may have in flight at once on this node, unless the key has a number of its own",
  }),
  "limits.requests_per_second_per_key": setting({
    kind: integer(0, 1_000_000),
    default: 0,
    description:
      "Requests a second that one key may make on this node, over S3 and API together; sessions count for their user or role, requests without a key for their source. More are answered SlowDown. 0: no limit",
  }),
  "limits.requests_burst_per_key": setting({
    kind: integer(1, 1_000_000),
    default: 1000,
    description: "Requests at once, before limits.requests_per_second_per_key holds",
  }),
  "limits.requests_per_second_per_organization": setting({
    kind: integer(0, 1_000_000),
    default: 0,
    description:
      "Requests a second that all keys together may make on this node for one organization, over the API: for namespaces of it, or with a key that is limited to it. More are answered 429. 0: no limit",
  }),
  "limits.requests_burst_per_organization": setting({
    kind: integer(1, 1_000_000),
    default: 5000,
    description: "Requests at once, before limits.requests_per_second_per_organization holds",
  }),
  "limits.failed_authentications_per_second": setting({
    kind: integer(1, 10_000),
    default: 5,
    description:
      "Failed authentications a second from one source, and for one key, that are told what was wrong; more read SlowDown",
  }),
  "limits.failed_authentications_burst": setting({
    kind: integer(1, 100_000),
    default: 20,
    description: "Failed authentications at once, before limits.failed_authentications_per_second holds",
  }),
  "limits.failed_authentication_sources": setting({
    kind: integer(100, 10_000_000),
    default: 10_000,
    description:
      "Sources, and keys, whose failures are counted, about 60 bytes each; those that were heard of least recently are forgotten",
  }),
  "log.level": setting({
    kind: oneOf("trace", "debug", "info", "warn", "error"),
    default: "info",
    description: "Least level that is logged",
  }),
  "audit.enabled": setting({ kind: flag, default: true, description: "Write the hash-chained audit log" }),
  "root.access_key": setting({
    kind: text,
    default: "",
    description: "S3 access key of the root user; set together with its secret",
    secret: true,
  }),
  "root.secret_key": setting({
    kind: text,
    default: "",
    description: "S3 secret of the root user",
    secret: true,
  }),
  "root.api_key": setting({
    kind: text,
    default: "",
    description: "Bearer key of the root user for the API (sk_...)",
    secret: true,
  }),
  "root.user_id": setting({
    kind: text,
    default: "",
    description: "Canonical id of the root user, as owners are shown; empty: made from the cluster's id",
  }),
  "root.display_name": setting({
    kind: text,
    default: "root",
    description: "Display name of the root user",
  }),
  "root.email": setting({
    kind: text,
    default: "",
    description: "E-mail address of the root user, by which grants may name it",
  }),
  buckets: setting({
    kind: list,
    default: [],
    description: "Buckets that are created at start when they are missing",
  }),
} as const;

export type SettingName = keyof typeof SETTINGS;

type ValueOf<N extends SettingName> = (typeof SETTINGS)[N] extends Setting<infer T> ? T : never;

/** A complete configuration: every setting has a valid value. */
export type Config = { readonly [N in SettingName]: ValueOf<N> };

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly SettingName[];

/** "s3.listen" -> "SKERRY_S3_LISTEN". */
export function environmentName(name: SettingName): string {
  return `SKERRY_${name.replace(".", "_").toUpperCase()}`;
}

/** "s3.listen" -> "--s3-listen". */
export function flagName(name: SettingName): string {
  return `--${name.replaceAll(/[._]/g, "-")}`;
}

/** The row of a setting, with the type of its values forgotten. */
export function settingOf(name: SettingName): Setting<unknown> {
  return SETTINGS[name] as unknown as Setting<unknown>;
}
