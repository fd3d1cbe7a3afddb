/**
 * The ports of the platform: everything that is not a pure function of its inputs comes in through one of these interfaces.
 * `platform/node` implements them on Node, `platform/sim` on virtual time; both pass the suites in `platform/testing`.
 */

/** Time. Milliseconds may have a fraction. */
export interface Clock {
  /** Never goes back, has no relation to the wall clock, in milliseconds. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch, as this machine believes. */
  wallMs(): number;
}

/** A timer that has been set. Cancelling one that has fired is allowed and does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Timers {
  /** Calls `action` once after at least `delayMs`. A pending timer does not keep the process alive. */
  after(delayMs: number, action: () => void): Timer;
  /**
   * Calls `action` once, soon, after everything that is ready now has been handled: what one turn of the event loop brings becomes one
   * piece of work.
   */
  endOfTurn(action: () => void): void;
  /** Resolves after at least `delayMs`; rejects with the signal's reason when aborted first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
}

export interface Random {
  /** Unpredictable bytes (simulated: drawn from the seed). */
  bytes(length: number): Uint8Array;
  /** A whole number in [0, bound), bound at most 2^32. */
  below(bound: number): number;
}

/** Why a disk said no. A closed set: every caller decides for each of them. */
/** "damaged": of a store, what is read is not what was written. */
export type DiskErrorCode = "not-found" | "exists" | "no-space" | "read-only" | "locked" | "damaged" | "io";

/** A directory entry. */
export interface DirectoryEntry {
  readonly name: string;
  readonly kind: "file" | "directory" | "other";
}

export type OpenMode =
  /** The file must exist; reads only. */
  | "read"
  /** The file must exist; reads and writes. */
  | "read-write"
  /** The file must not exist; reads and writes. Its directory entry is durable after `syncDirectory`. */
  | "create";

/** Every call rejects with a `DiskError`. Paths are absolute. */
export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Sorted by name in byte order; refuses a directory that does not exist. */
  list(path: string): Promise<readonly DirectoryEntry[]>;
  /** With all parents; existing ones are fine. New entries are durable after `syncDirectory` of each parent. */
  makeDirectory(path: string): Promise<void>;
  /** Removes a file; refuses one that does not exist. */
  remove(path: string): Promise<void>;
  /** Removes a directory and everything below it; one that does not exist is fine. */
  removeTree(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Makes creations, renames and removals in this directory durable. */
  syncDirectory(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  space(path: string): Promise<DiskSpace>;
}

export interface DiskSpace {
  readonly totalBytes: number;
  readonly freeBytes: number;
}

export interface DiskFile {
  readonly path: string;
  /** Reads up to `into.length` bytes at `position`; returns how many there were (fewer only at the end of the file). */
  read(position: number, into: Uint8Array): Promise<number>;
  /** Writes all parts one after the other at `position`, or rejects. The parts must not change until it resolves. */
  write(position: number, parts: readonly Uint8Array[]): Promise<void>;
  /** fdatasync: what was written before the call is durable after it. */
  syncData(): Promise<void>;
  sizeBytes(): Promise<number>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** An ordered key-value store: keys are strings ordered by their UTF-8 bytes, values are bytes. LevelDB in production. */
export interface OrderedStore {
  /** The value, or undefined. Synchronous: about 10 microseconds when cached. The result must not be changed. */
  get(key: string): Uint8Array | undefined;
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>;
  /**
   * All or nothing. Without `sync` it survives the process but perhaps not the machine; with it, it and all before it are durable. Once a write has failed every
   * further one is refused with a `DiskError` of the same code, until the store is opened again: what would be written behind a torn record could not be found again.
   */
  write(changes: readonly StoreChange[], options?: { readonly sync?: boolean }): Promise<void>;
  /**
   * Rows in key order from a point-in-time view taken at the call. Ends early when the consumer stops iterating. They come in portions of a bounded number of
   * rows and bytes (but for a single row that is larger), between which others get the thread.
   */
  scan(range: ScanRange): AsyncIterable<StoreRow>;
  /** One page of a scan as an array, all of it in memory at once: for rows that are small. */
  page(range: ScanRange & { readonly limit: number }): Promise<readonly StoreRow[]>;
  /** A view that does not change while the store goes on. It must be closed. */
  snapshot(): StoreSnapshot;
  /** Removes every key in the range; not atomic with anything else. */
  clear(range: ScanRange): Promise<void>;
  close(): Promise<void>;
}

export type StoreChange =
  | { readonly kind: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly kind: "delete"; readonly key: string };

export interface StoreRow {
  readonly key: string;
  readonly value: Uint8Array;
}

export interface ScanRange {
  readonly gte?: string;
  readonly gt?: string;
  readonly lt?: string;
  readonly lte?: string;
  readonly reverse?: boolean;
  readonly limit?: number;
}

export interface StoreSnapshot {
  get(key: string): Uint8Array | undefined;
  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]>;
  scan(range: ScanRange): AsyncIterable<StoreRow>;
  page(range: ScanRange & { readonly limit: number }): Promise<readonly StoreRow[]>;
  close(): Promise<void>;
}

/** Opens stores by directory. A second open of the same directory, by any process, is refused with `DiskError` "locked". */
export interface StoreOpener {
  open(directory: string, options?: StoreOpenOptions): Promise<OrderedStore>;
}

export interface StoreOpenOptions {
  /** Other threads of this process open it too. Nobody else may, ever. */
  readonly isShared?: boolean;
  /** One of them has it open, and keeps it so until this call has ended: there is nothing to recover. */
  readonly isOpenElsewhere?: boolean;
}

export type DigestAlgorithm = "md5" | "sha1" | "sha256" | "crc32" | "crc32c" | "crc64nvme" | "blake3";

/** Digests of one stream of bytes. */
export interface Digest {
  /** `bytes` must not change until it resolves. Large pieces are hashed off the calling thread. */
  update(bytes: Uint8Array): Promise<void>;
  /** In the order of the algorithms asked for; CRCs are big endian, 4 or 8 bytes. Ends the digest. */
  finish(): Promise<readonly Uint8Array[]>;
  /** Gives the digest up and frees what it holds. */
  abandon(): void;
}

export interface Hasher {
  /** CRC32C (Castagnoli), continued from `seed`. */
  crc32c(bytes: Uint8Array, seed?: number): number;
  /** 32 bytes. */
  blake3(bytes: Uint8Array): Uint8Array;
  /** One-shot digest on the calling thread: for small inputs. */
  digest(algorithm: DigestAlgorithm, bytes: Uint8Array): Uint8Array;
  /** `expectedBytes` tells whether leaving the calling thread pays. */
  start(algorithms: readonly DigestAlgorithm[], expectedBytes?: number): Digest;
}

/** Who is at the other end, as its certificate says; verified against the cluster CA. */
export interface PeerIdentity {
  readonly clusterId: string;
  readonly nodeId: number;
}

export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/** Kinds of traffic that must not wait for each other: each has a connection of its own to each peer. */
export type ConnectionClass = "raft" | "control" | "bulk" | "snapshot";

/**
 * Ordered streams of messages between nodes, opened by method path ("/skerry.raft.v1.RaftService/Exchange"). On Node this is the
 * Connect streaming protocol over HTTP/2 with mutual TLS; a stock Connect client or server interoperates.
 */
export interface Network {
  /** Serves the methods of `handlers`. A method not in it answers unimplemented. */
  listen(address: SocketAddress, handlers: ReadonlyMap<string, StreamHandler>): Promise<Listener>;
  /**
   * A connection to one peer that is dialled on first use and again after it broke, with backoff. `nodeId` undefined: any node
   * of the cluster may answer.
   */
  connect(target: PeerTarget, connectionClass: ConnectionClass): PeerConnection;
  close(): Promise<void>;
}

export interface PeerTarget {
  readonly address: SocketAddress;
  readonly nodeId?: number;
}

export interface Listener {
  readonly address: SocketAddress;
  /** Refuses new streams, ends open ones, resolves when all are closed. */
  close(): Promise<void>;
}

export interface StreamHandler {
  /** Whether the method may be called without a client certificate (join by token). */
  readonly anonymous?: boolean;
  /** "unary": exactly one message each way, in Connect's unary form. */
  readonly kind: "unary" | "stream";
  /** Greatest size of one message, in bytes; a larger one ends the stream. */
  readonly maxMessageBytes: number;
  open(stream: MessageStream, peer: PeerIdentity | undefined): void;
}

export interface PeerConnection {
  readonly target: PeerTarget;
  /** Opens a stream; failure to connect arrives as `onClose` with an error. */
  openStream(
    path: string,
    options: { readonly kind: "unary" | "stream"; readonly maxMessageBytes: number },
  ): MessageStream;
  /** True while a connection stands. */
  isConnected(): boolean;
  close(): void;
}

/**
 * One stream. Set the callbacks in the same turn in which the stream was opened or handed over. Messages arrive whole, in order, as
 * the pieces in which the network delivered them (so that a receiver copies at most once); pieces are the receiver's to keep.
 */
export interface MessageStream {
  onMessage: (pieces: readonly Uint8Array[], sizeBytes: number) => void;
  /** The other side will send no more. */
  onEnd: () => void;
  /** Last call on the stream. No error: both sides ended. */
  onClose: (error: StreamError | undefined) => void;
  /** Sends one message made of these parts, which must not change until it is on its way (`drained`). False: wait for `drained`. */
  send(parts: readonly Uint8Array[]): boolean;
  /** Resolves when the send buffer is below its mark, rejects when the stream has closed. */
  drained(): Promise<void>;
  /** Stops and continues the delivery of messages; what was in flight may still arrive. */
  pause(): void;
  resume(): void;
  /** No more messages from this side. */
  end(): void;
  /** Ends the stream with an error that the other side sees. */
  fail(code: StreamErrorCode, message: string): void;
}

/** Connect's codes, those that Skerry's peers use. */
export type StreamErrorCode =
  | "canceled"
  | "invalid_argument"
  | "deadline_exceeded"
  | "not_found"
  | "permission_denied"
  | "resource_exhausted"
  | "failed_precondition"
  | "aborted"
  | "unimplemented"
  | "internal"
  | "unavailable"
  | "data_loss"
  | "unauthenticated";

export interface StreamError {
  readonly code: StreamErrorCode;
  readonly message: string;
}

/** The whole platform of one node, as the composition root hands it out. */
export interface Platform {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly disk: Disk;
  readonly stores: StoreOpener;
  readonly hasher: Hasher;
}
