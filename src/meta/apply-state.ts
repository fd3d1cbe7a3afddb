/**
 * What a command sees and changes while it is applied: the committed rows with the changes of the batch on top of them. Synchronous and
 * deterministic. The batch ends with `takeBatch`, whose changes go into the store in one write; until that write is done no other batch may
 * be begun, because rows are read through the store.
 */

import { create, type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { LRUCache } from "lru-cache";
import { assert, EMPTY_BYTES, RecentSet } from "../base/index.ts";
import {
  type AppliedRow,
  AppliedRowSchema,
  BucketRowSchema,
  type ClusterRow,
  ClusterRowSchema,
  CopysetRowSchema,
  EncryptionKeyRowSchema,
  EncryptionUseRowSchema,
  HoldingsRowSchema,
  type MaintenanceRow,
  MaintenanceRowSchema,
  NamespaceRowSchema,
  NodeRowSchema,
  type ObjectRow,
  ObjectRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { StoreChange } from "../platform/index.ts";
import { EffectHash } from "./effect-hash.ts";
import { keptHead } from "./kept-head.ts";
import { APPLIED_KEY, blobKey, CLUSTER_KEY, MAINTENANCE_KEY, tableLetter } from "./keys.ts";
import { BLAKE3_BYTES, STATE_HASH_INTERVAL, STATE_HASHES_KEPT } from "./limits.ts";
import { decodeMessage } from "./message-decoder.ts";
import { MessageEncoder } from "./message-encoder.ts";
import type { NewBlobIds } from "./new-blob-ids.ts";
import type { CommittedEntry, ConfigurationState, StateHash } from "./ports.ts";
import { SessionTable } from "./sessions.ts";

/** The committed rows, as the store has them. */
export interface CommittedRows {
  get(key: string): Uint8Array | undefined;
}

/** Pure functions of bytes. */
export interface ApplyHasher {
  /** 32 bytes. */
  blake3(bytes: Uint8Array): Uint8Array;
  /** 16 bytes. */
  md5(bytes: Uint8Array): Uint8Array;
}

/** What one store write holds. */
export interface AppliedBatch {
  readonly changes: readonly StoreChange[];
  /** The same by key; undefined: the row goes. */
  readonly rows: ReadonlyMap<string, Uint8Array | undefined>;
  /** Letters of the tables that were touched. */
  readonly tables: ReadonlySet<string>;
}

/** Rows that nearly every command reads; they are kept decoded. */
const HOT_SCHEMAS: ReadonlySet<DescMessage> = new Set<DescMessage>([
  BucketRowSchema,
  ClusterRowSchema,
  NodeRowSchema,
  CopysetRowSchema,
  HoldingsRowSchema,
  NamespaceRowSchema,
  EncryptionKeyRowSchema,
  EncryptionUseRowSchema,
]);
const HOT_ROWS = 4_096;
/** Objects that were written last, whose rows are kept decoded: what was just written is what is likely to be replaced. */
const HOT_HEADS = 4_096;
/** Blobs that are known to be inline and to have one reference, so that they go with it without being read. */
const KNOWN_SOLE_BLOBS = 16_384;

export class ApplyState {
  readonly md5: (bytes: Uint8Array) => Uint8Array;
  readonly sessions: SessionTable;
  readonly encoder = new MessageEncoder();
  /** Leader time of the entry that is being applied, in milliseconds; never goes back. */
  nowMs = 0n;
  /** Of the entry that is applied: in it one node led. */
  term = 0;
  readonly #rows: CommittedRows;
  #staged = new Map<string, Uint8Array | undefined>();
  /** Counted by size, for with `max` it would take the memory of all its rows at once. */
  readonly #hot = new LRUCache<string, object>({ maxSize: HOT_ROWS, sizeCalculation: () => 1 });
  readonly #heads = new LRUCache<string, ObjectRow>({ maxSize: HOT_HEADS, sizeCalculation: () => 1 });
  /** Inline blobs with exactly one reference, by id in hexadecimal. Not all there are, but those in it are. */
  readonly soleInlineBlobs = new RecentSet<string>(KNOWN_SOLE_BLOBS);
  /** Undefined until somebody has looked which ids there are. It spares reads and decides nothing. */
  newBlobIds: NewBlobIds | undefined;
  readonly #effects: EffectHash;
  readonly #hashes: StateHash[] = [];
  readonly #applied: AppliedRow;
  /** Null: there is no row. Undefined: not looked at. */
  #maintenance: MaintenanceRow | null | undefined;

  constructor(rows: CommittedRows, hasher: ApplyHasher) {
    this.#rows = rows;
    this.md5 = (bytes) => hasher.md5(bytes);
    this.#effects = new EffectHash((bytes) => hasher.blake3(bytes));
    this.#applied = readApplied(rows);
    this.sessions = new SessionTable((key) => this.get(key), this.encoder);
    this.nowMs = this.#applied.timeMs;
  }

  // Rows

  get(key: string): Uint8Array | undefined {
    const staged = this.#staged.get(key);
    if (staged !== undefined || this.#staged.has(key)) return staged;
    return this.#rows.get(key);
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  hasBlob(blobHex: string): boolean {
    return this.newBlobIds?.isSurelyNew(blobHex) !== true && this.has(blobKey(blobHex));
  }

  put(key: string, value: Uint8Array): void {
    this.#staged.set(key, value);
    if (key === MAINTENANCE_KEY) this.#maintenance = undefined;
    this.#effects.put(key, value);
  }

  /** A row that says everything in its key. */
  putEmpty(key: string): void {
    this.put(key, EMPTY_BYTES);
  }

  delete(key: string): void {
    this.#staged.set(key, undefined);
    this.#hot.delete(key);
    this.#heads.delete(key);
    this.#effects.delete(key);
  }

  /** The decoded row. It must not be changed: write a new one. */
  read<Desc extends DescMessage>(key: string, schema: Desc): MessageShape<Desc> | undefined {
    const isObject = (schema as DescMessage) === ObjectRowSchema;
    const hot = isObject ? this.#heads.get(key) : this.#hot.get(key);
    if (hot !== undefined) return hot as MessageShape<Desc>;
    const bytes = this.get(key);
    if (bytes === undefined) return undefined;
    const row = decodeMessage(schema, bytes);
    if (HOT_SCHEMAS.has(schema)) this.#hot.set(key, row);
    return row;
  }

  write<Desc extends DescMessage>(key: string, schema: Desc, row: MessageShape<Desc>): void {
    this.put(key, this.encoder.encode(schema, row));
    if ((schema as DescMessage) === ObjectRowSchema) this.#keepHead(key, row as unknown as ObjectRow);
    else if (HOT_SCHEMAS.has(schema)) this.#hot.set(key, row);
  }

  #keepHead(key: string, row: ObjectRow): void {
    const kept = keptHead(row);
    if (kept === undefined) this.#heads.delete(key);
    else this.#heads.set(key, kept);
  }

  cluster(): ClusterRow | undefined {
    return this.read(CLUSTER_KEY, ClusterRowSchema);
  }

  /** Undefined: never used. Every write of a client asks for it, and it is nearly never there. */
  maintenance(): MaintenanceRow | undefined {
    if (this.#maintenance === undefined) {
      const bytes = this.get(MAINTENANCE_KEY);
      this.#maintenance = bytes === undefined ? null : fromBinary(MaintenanceRowSchema, bytes);
    }
    return this.#maintenance ?? undefined;
  }

  // Numbers that only grow

  takeBucketId(): bigint {
    return this.#applied.nextBucketId++;
  }

  takeSessionId(): bigint {
    return this.#applied.nextSessionId++;
  }

  takeOplogSequence(): bigint {
    return this.#applied.nextOplogSequence++;
  }

  get nextOplogSequence(): bigint {
    return this.#applied.nextOplogSequence;
  }

  get firstOplogSequence(): bigint {
    return this.#applied.firstOplogSequence;
  }

  /** Everything below is gone. */
  advanceFirstOplogSequence(sequence: bigint): void {
    assert(sequence >= this.#applied.firstOplogSequence, "the oplog's first sequence only grows");
    assert(sequence <= this.#applied.nextOplogSequence, "the oplog's first sequence is at most its next");
    this.#applied.firstOplogSequence = sequence;
  }

  // Entries

  get appliedIndex(): number {
    return Number(this.#applied.index);
  }

  get appliedTerm(): number {
    return Number(this.#applied.term);
  }

  /** 32 bytes over everything applied. */
  get stateHash(): Uint8Array {
    return this.#applied.stateHash;
  }

  /** The hashes at the last few multiples of STATE_HASH_INTERVAL that were applied here, oldest first. */
  stateHashes(): readonly StateHash[] {
    return [...this.#hashes];
  }

  beginEntry({ index, term, timeMs }: Pick<CommittedEntry, "index" | "term" | "timeMs">): void {
    assert(index === this.appliedIndex + 1, "entries are applied one after the other");
    // NaN would make every comparison of times false: a grace that never ends, or one that is over at once.
    assert(Number.isFinite(timeMs) && timeMs >= 0, "an entry's time is a number of milliseconds");
    const stamped = BigInt(Math.floor(timeMs));
    if (stamped > this.nowMs) this.nowMs = stamped;
    this.term = term;
  }

  /** `outcome` are bytes that all replicas must agree on beside the rows: the result, and what the session remembers. */
  endEntry(index: number, term: number, outcome: readonly Uint8Array[]): void {
    this.#applied.index = BigInt(index);
    this.#applied.term = BigInt(term);
    this.#applied.timeMs = this.nowMs;
    this.#applied.stateHash = this.#effects.finish({
      previous: this.#applied.stateHash,
      index,
      timeMs: this.nowMs,
      outcome,
    });
    if (index % STATE_HASH_INTERVAL !== 0) return;
    this.#hashes.push({ index, hash: this.#applied.stateHash });
    if (this.#hashes.length > STATE_HASHES_KEPT) this.#hashes.shift();
  }

  get configuration(): ConfigurationState {
    return configurationOf(this.#applied);
  }

  set configuration(state: ConfigurationState) {
    this.#applied.voters = state.voters.map(BigInt);
    this.#applied.learners = state.learners.map(BigInt);
    this.#applied.votersOutgoing = state.votersOutgoing.map(BigInt);
    this.#applied.learnersNext = state.learnersNext.map(BigInt);
    this.#applied.autoLeave = state.autoLeave;
  }

  /** Bytes that wait to be written. */
  get stagedRows(): number {
    return this.#staged.size;
  }

  /** The changes of all entries since the last call, with the sessions and the applied row; the overlay is empty afterwards. */
  takeBatch(): AppliedBatch {
    this.sessions.flush((key, value) => this.#staged.set(key, value));
    this.#staged.set(APPLIED_KEY, this.encoder.encode(AppliedRowSchema, this.#applied));
    const changes: StoreChange[] = [];
    const tables = new Set<string>();
    const rows = this.#staged;
    for (const [key, value] of rows) {
      changes.push(value === undefined ? { kind: "delete", key } : { kind: "put", key, value });
      tables.add(tableLetter(key));
    }
    this.#staged = new Map();
    return { changes, rows, tables };
  }
}

function readApplied(rows: CommittedRows): AppliedRow {
  const bytes = rows.get(APPLIED_KEY);
  if (bytes !== undefined) return fromBinary(AppliedRowSchema, bytes);
  return create(AppliedRowSchema, {
    stateHash: new Uint8Array(BLAKE3_BYTES),
    nextBucketId: 1n,
    nextOplogSequence: 1n,
    nextSessionId: 1n,
    firstOplogSequence: 1n,
  });
}

/** The Raft configuration that an applied row holds. */
export function configurationOf(row: AppliedRow): ConfigurationState {
  return {
    voters: row.voters.map(Number),
    learners: row.learners.map(Number),
    votersOutgoing: row.votersOutgoing.map(Number),
    learnersNext: row.learnersNext.map(Number),
    autoLeave: row.autoLeave,
  };
}
