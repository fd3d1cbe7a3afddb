import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { assert, compareKeys, equalBytes } from "../../base/index.ts";
import { AppliedRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import {
  type SnapshotHeader,
  type SnapshotTrailer,
  type StagedSnapshot,
  StagedSnapshotSchema,
} from "../../gen/skerry/meta/v1/snapshot_pb.js";
import type { Hasher, OrderedStore, StoreRow } from "../../platform/index.ts";
import { APPLIED_KEY, SHARD_RANGE } from "../keys.ts";
import { rowBatches } from "./row-batches.ts";
import { RowDigest } from "./row-digest.ts";

/** Sorts before every shard, so that it is never taken for a row of the state. */
export const STAGED_KEY = "!staged";
/**
 * The index of the snapshot that a store was received as, in decimal digits. As long as nothing was applied on top of it the log may end before it: the
 * node stopped between the two. Later a log that ends before the state is an older one, which was put there.
 */
export const INSTALLED_KEY = "!installed";
/** Received bytes after which they are made durable, so that a restart does not begin from the start. */
const SYNC_EVERY_BYTES = 16 * 1024 * 1024;

/** A snapshot that is being received, in a store of its own. */
export class StagingStore {
  readonly store: OrderedStore;
  readonly generation: number;
  readonly #staged: StagedSnapshot;
  #lastKey: string;
  #unsyncedBytes = 0;
  #receivedBytes = 0;

  constructor(parts: {
    readonly store: OrderedStore;
    readonly generation: number;
    readonly staged: StagedSnapshot;
    readonly lastKey: string;
  }) {
    this.store = parts.store;
    this.generation = parts.generation;
    this.#staged = parts.staged;
    this.#lastKey = parts.lastKey;
  }

  /** Takes up what an earlier reception left; undefined when the store holds none. */
  static async reopen(store: OrderedStore, generation: number): Promise<StagingStore | undefined> {
    const bytes = store.get(STAGED_KEY);
    if (bytes === undefined) return undefined;
    const staged = fromBinary(StagedSnapshotSchema, bytes);
    const [last] = await store.page({ ...SHARD_RANGE, reverse: true, limit: 1 });
    return new StagingStore({ store, generation, staged, lastKey: last?.key ?? "" });
  }

  static async begin(store: OrderedStore, generation: number, header: SnapshotHeader): Promise<StagingStore> {
    const staged: StagedSnapshot = { $typeName: "skerry.meta.v1.StagedSnapshot", header, verified: false };
    const staging = new StagingStore({ store, generation, staged, lastKey: "" });
    await staging.#writeStaged();
    return staging;
  }

  /** The same snapshot, perhaps from another leader: its message is the one to be stepped. */
  async renew(header: SnapshotHeader): Promise<void> {
    this.#staged.header = header;
    await this.#writeStaged();
  }

  get header(): SnapshotHeader {
    const { header } = this.#staged;
    assert(header !== undefined, "a staged snapshot has a header");
    return header;
  }

  get isVerified(): boolean {
    return this.#staged.verified;
  }

  /** Of keys and values, since this process began to receive it. */
  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  /** The last key that is here; "" for none. */
  get lastKey(): string {
    return this.#lastKey;
  }

  /** Rows that follow what is here, in order. Returns what is wrong with them instead, if anything. */
  async add(rows: readonly StoreRow[]): Promise<string | undefined> {
    let last = this.#lastKey;
    for (const { key } of rows) {
      if (compareKeys(key, last) <= 0) return "the rows are not in order";
      if (compareKeys(key, SHARD_RANGE.gte) < 0 || compareKeys(key, SHARD_RANGE.lt) >= 0)
        return "a row is of no shard";
      last = key;
    }
    const sizeBytes = rows.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    this.#unsyncedBytes += sizeBytes;
    this.#receivedBytes += sizeBytes;
    const sync = this.#unsyncedBytes >= SYNC_EVERY_BYTES;
    await this.store.write(
      rows.map(({ key, value }) => ({ kind: "put", key, value })),
      { sync },
    );
    if (sync) this.#unsyncedBytes = 0;
    this.#lastKey = last;
    return undefined;
  }

  /**
   * Reads everything back and compares it with the trailer and with where the snapshot says that it stands; then makes it durable. Returns
   * what is wrong instead, if anything.
   */
  async verify(trailer: SnapshotTrailer, hasher: Hasher): Promise<string | undefined> {
    const digest = new RowDigest(hasher);
    try {
      for await (const rows of rowBatches(this.store)) await digest.add(rows);
    } catch (error) {
      digest.abandon();
      throw error;
    }
    const { rowCount } = digest;
    const hash = await digest.finish();
    if (rowCount !== trailer.rowCount) return `there are ${rowCount} rows instead of ${trailer.rowCount}`;
    if (!equalBytes(hash, trailer.blake3)) return "the hash of the rows is another one";
    const problem = this.#checkMark();
    if (problem !== undefined) return problem;
    this.#staged.verified = true;
    const index = String(this.header.message?.snapshot?.index ?? 0n);
    await this.store.write([{ kind: "put", key: INSTALLED_KEY, value: new TextEncoder().encode(index) }]);
    await this.#writeStaged();
    return undefined;
  }

  /** Synced: with it, all rows before it are durable. */
  async #writeStaged(): Promise<void> {
    const value = toBinary(StagedSnapshotSchema, this.#staged);
    await this.store.write([{ kind: "put", key: STAGED_KEY, value }], { sync: true });
  }

  #checkMark(): string | undefined {
    const bytes = this.store.get(APPLIED_KEY);
    const metadata = this.header.message?.snapshot;
    if (bytes === undefined || metadata === undefined) return "the snapshot does not say where it stands";
    const applied = fromBinary(AppliedRowSchema, bytes);
    if (applied.index !== metadata.index || applied.term !== metadata.term) {
      return "the rows stand at another index than the message";
    }
    return undefined;
  }
}
