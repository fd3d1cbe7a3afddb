import type { Iterator as ClassicIterator, ClassicLevel, Snapshot as ClassicSnapshot } from "classic-level";
import { assert, Mutex } from "../../../base/index.ts";
import { DiskError } from "../../errors.ts";
import { refuseAfterFailure } from "../../failed-store.ts";
import { boundsOf } from "../../key-range.ts";
import type {
  Disk,
  DiskErrorCode,
  OrderedStore,
  ScanRange,
  StoreChange,
  StoreRow,
  StoreSnapshot,
} from "../../ports.ts";
import { storeErrorOf } from "./errors.ts";
import { decodeStoredValue, storedValues } from "./stored-value.ts";
import { LogSync } from "./sync-logs.ts";

/** Rows, and bytes, that one call into LevelDB brings over: fewer calls are faster, more rows would hold up the thread. */
const ROWS_PER_CALL = 1024;
const BYTES_PER_CALL = 512 * 1024;

type Level = ClassicLevel<string, Uint8Array>;
type LevelIterator = ClassicIterator<Level, string, Uint8Array>;

/** What a batch does with keys and values as they are stored. Its `put` and `del` find out for every row anew that nothing is to be encoded, which takes longer. */
interface EncodedBatch {
  _put(key: string, value: Uint8Array): void;
  _del(key: string): void;
}

/**
 * One open LevelDB database. Writes go one after the other: LevelDB goes on behind one that failed, whose piece of the log may be torn, and of what lies behind that
 * nothing is found when it is opened the next time.
 */
export class LevelStore implements OrderedStore {
  readonly #level: Level;
  readonly #reader: LevelReader;
  readonly #directory: string;
  readonly #logs: LogSync;
  readonly #writing = new Mutex();
  /** Why a write failed. */
  #failure: DiskErrorCode | undefined;

  constructor(level: Level, directory: string, disk: Disk) {
    this.#level = level;
    this.#directory = directory;
    this.#logs = new LogSync(disk, directory);
    this.#reader = new LevelReader(level, directory, undefined);
  }

  get(key: string): Uint8Array | undefined {
    return this.#reader.get(key);
  }

  getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#reader.getMany(keys);
  }

  async write(changes: readonly StoreChange[], options?: { readonly sync?: boolean }): Promise<void> {
    for (const { key } of changes) assert(key.isWellFormed(), "a key of a store is well-formed Unicode");
    const sync = options?.sync === true;
    const values = storedValues(changes);
    await this.#change(async () => {
      // Put by put: an array of operations is copied, property by property, at twice the cost.
      const batch = this.#level.batch();
      for (let i = 0; i < changes.length; i++) {
        const { key } = changes[i]!;
        const value = values[i];
        // The first by the front door: a batch into which nothing came that way is not written.
        if (i > 0) addEncoded(batch as unknown as EncodedBatch, key, value);
        else if (value === undefined) batch.del(key);
        else batch.put(key, value);
      }
      await batch.write({ sync });
      if (sync) await this.#logs.complete();
    });
  }

  scan(range: ScanRange): AsyncIterable<StoreRow> {
    return this.#reader.scan(range);
  }

  page(range: ScanRange & { readonly limit: number }): Promise<readonly StoreRow[]> {
    return this.#reader.page(range);
  }

  snapshot(): StoreSnapshot {
    return new LevelReader(this.#level, this.#directory, this.#level.snapshot());
  }

  async clear(range: ScanRange): Promise<void> {
    await this.#change(() => this.#level.clear(levelRange(range)));
    // classic-level 3.0.0 leaves the row of the empty key behind when it is the only one in the range.
    const { gte = "", gt, lt, limit } = range;
    if (gte === "" && gt === undefined && lt !== "" && limit === undefined) {
      await this.#change(() => this.#level.batch([{ type: "del", key: "" }]));
    }
  }

  async close(): Promise<void> {
    await this.#attempt(() => this.#level.close());
  }

  /** Writes, alone, unless a write has failed before. */
  #change(action: () => Promise<void>): Promise<void> {
    return this.#writing.run(async () => {
      refuseAfterFailure(this.#failure, this.#directory);
      try {
        await this.#attempt(action);
      } catch (error) {
        if (error instanceof DiskError) this.#failure = error.code;
        throw error;
      }
    });
  }

  async #attempt<T>(action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw storeErrorOf(error, this.#directory);
    }
  }
}

/** Reads from one view of the database: the present one, or a snapshot. */
class LevelReader implements StoreSnapshot {
  readonly #level: Level;
  readonly #directory: string;
  readonly #snapshot: ClassicSnapshot | undefined;
  readonly #keyEncoder = new TextEncoder();
  readonly #getOptions;

  constructor(level: Level, directory: string, snapshot: ClassicSnapshot | undefined) {
    this.#level = level;
    this.#directory = directory;
    this.#snapshot = snapshot;
    this.#getOptions = { keyEncoding: "view", valueEncoding: "view", ...(snapshot && { snapshot }) };
  }

  get(key: string): Uint8Array | undefined {
    try {
      // As bytes: classic-level 3.0.0 cuts off a text key's last character when that is of several bytes and meets the end of a buffer that it
      // keeps, and then gives the value of another row.
      const bytes = this.#keyEncoder.encode(key);
      const stored = this.#level.getSync<Uint8Array, Uint8Array>(bytes, this.#getOptions);
      return stored && decodeStoredValue(key, stored, this.#directory);
    } catch (error) {
      throw storeErrorOf(error, this.#directory);
    }
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    if (keys.length === 0) return [];
    const snapshot = this.#snapshot;
    try {
      const stored = await this.#level.getMany([...keys], { ...(snapshot && { snapshot }) });
      return stored.map((value, i) => value && decodeStoredValue(keys[i]!, value, this.#directory));
    } catch (error) {
      throw storeErrorOf(error, this.#directory);
    }
  }

  scan(range: ScanRange): AsyncIterable<StoreRow> {
    // Here and not in the generator, whose body only runs when the first row is asked for: the view is that of the call.
    const iterator = this.#iterator(range);
    return this.#rows(iterator);
  }

  async page(range: ScanRange & { readonly limit: number }): Promise<readonly StoreRow[]> {
    const iterator = this.#iterator(range);
    try {
      const rows: StoreRow[] = [];
      while (rows.length < range.limit) {
        const entries = await iterator.nextv(range.limit - rows.length);
        if (entries.length === 0) break;
        for (const [key, stored] of entries) rows.push(this.#row(key, stored));
      }
      return rows;
    } catch (error) {
      throw storeErrorOf(error, this.#directory);
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    await this.#snapshot?.close();
  }

  async *#rows(iterator: LevelIterator): AsyncGenerator<StoreRow> {
    try {
      for (;;) {
        const entries = await iterator.nextv(ROWS_PER_CALL);
        if (entries.length === 0) return;
        for (const [key, stored] of entries) yield this.#row(key, stored);
      }
    } catch (error) {
      throw storeErrorOf(error, this.#directory);
    } finally {
      await iterator.close();
    }
  }

  #row(key: string, stored: Uint8Array): StoreRow {
    return { key, value: decodeStoredValue(key, stored, this.#directory) };
  }

  #iterator(range: ScanRange): LevelIterator {
    const snapshot = this.#snapshot;
    try {
      return this.#level.iterator({
        ...levelRange(range),
        highWaterMarkBytes: BYTES_PER_CALL,
        ...(snapshot && { snapshot }),
      });
    } catch (error) {
      throw storeErrorOf(error, this.#directory);
    }
  }
}

interface LevelRange {
  gte?: string;
  gt?: string;
  lte?: string;
  lt?: string;
  reverse?: boolean;
  limit?: number;
}

function levelRange(range: ScanRange): LevelRange {
  const { lower, upper } = boundsOf(range);
  const level: LevelRange = { reverse: range.reverse === true };
  if (lower !== undefined) level[lower.inclusive ? "gte" : "gt"] = lower.key;
  if (upper !== undefined) level[upper.inclusive ? "lte" : "lt"] = upper.key;
  if (range.limit !== undefined) level.limit = range.limit;
  return level;
}

function addEncoded(batch: EncodedBatch, key: string, value: Uint8Array | undefined): void {
  if (value === undefined) batch._del(key);
  else batch._put(key, value);
}
