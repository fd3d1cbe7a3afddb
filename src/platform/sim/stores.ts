import { assert } from "../../base/index.ts";
import { makeDurableDirectory } from "../durable-directory.ts";
import { DiskError } from "../errors.ts";
import { refuseAfterFailure } from "../failed-store.ts";
import { boundsOf } from "../key-range.ts";
import type {
  Disk,
  DiskErrorCode,
  OrderedStore,
  ScanRange,
  StoreChange,
  StoreOpener,
  StoreOpenOptions,
  StoreRow,
  StoreSnapshot,
} from "../ports.ts";
import type { PersistentMap } from "./persistent-map.ts";
import type { SimProcess } from "./process.ts";
import { StoredFile } from "./stored-file.ts";
import { StoredRows } from "./stored-rows.ts";
import type { SimVolume } from "./volume.ts";

/** The file that stands in a store's directory for LevelDB's own: a store's directory is not empty. */
const MARKER_FILE = "CURRENT";
/** Rows between two turns of a scan. */
const ROWS_PER_TURN = 1000;

/** Opens simulated ordered stores on a volume. A store is part of its directory: it moves and goes with it. */
export class SimStores implements StoreOpener {
  readonly #volume: SimVolume;
  readonly #process: SimProcess;
  readonly #disk: Disk;

  constructor(volume: SimVolume, process: SimProcess, disk: Disk) {
    this.#volume = volume;
    this.#process = process;
    this.#disk = disk;
  }

  async open(directory: string, options?: StoreOpenOptions): Promise<OrderedStore> {
    await makeDurableDirectory(this.#disk, directory);
    const rows = await this.#volume.call(this.#process, "store-open", directory, {
      action: () => {
        const node = this.#volume.directory(directory);
        node.rows ??= new StoredRows();
        if (!node.entries.has(MARKER_FILE)) {
          node.set(MARKER_FILE, new StoredFile());
          node.sync(node.sequence);
        }
        if (!node.rows.hold(this.#process, options?.isShared === true))
          throw new DiskError("locked", directory, `the store is open: ${directory}`);
        return node.rows;
      },
    });
    return new SimStore({ volume: this.#volume, process: this.#process, rows, directory });
  }
}

interface StoreContext {
  readonly volume: SimVolume;
  readonly process: SimProcess;
  readonly rows: StoredRows;
  readonly directory: string;
}

class SimStore implements OrderedStore {
  readonly #context: StoreContext;
  /** Why a write failed. */
  #failure: DiskErrorCode | undefined;
  #isOpen = true;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  get(key: string): Uint8Array | undefined {
    return this.#view().get(key);
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return await this.#view().getMany(keys);
  }

  async write(changes: readonly StoreChange[], options?: { readonly sync?: boolean }): Promise<void> {
    for (const { key } of changes) assert(key.isWellFormed(), "a key of a store is well-formed Unicode");
    this.#assertOpen();
    const { volume, process, rows, directory } = this.#context;
    rows.begin(changes);
    await volume.call(process, "store-write", directory, {
      action: () => {
        if (this.#failure !== undefined) rows.cancel(changes);
        refuseAfterFailure(this.#failure, directory);
        rows.end(changes, options?.sync === true && !volume.faults.isLying);
      },
      onFault: (code) => {
        this.#failure ??= code;
        rows.cancel(changes);
      },
    });
  }

  scan(range: ScanRange): AsyncIterable<StoreRow> {
    return this.#view().scan(range);
  }

  async page(range: ScanRange & { readonly limit: number }): Promise<readonly StoreRow[]> {
    return await this.#view().page(range);
  }

  snapshot(): StoreSnapshot {
    return this.#view();
  }

  async clear(range: ScanRange): Promise<void> {
    const changes: StoreChange[] = [];
    for (const { key } of rowsOf(this.#context.rows.current, range)) changes.push({ kind: "delete", key });
    await this.write(changes);
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    const { rows, process } = this.#context;
    rows.letGo(process);
  }

  #view(): StoreView {
    this.#assertOpen();
    return new StoreView(this.#context, this.#context.rows.current);
  }

  #assertOpen(): void {
    if (!this.#isOpen) throw new DiskError("io", this.#context.directory, "the store is closed");
  }
}

/** One state of a store, which does not change. */
class StoreView implements StoreSnapshot {
  readonly #context: StoreContext;
  readonly #map: PersistentMap;

  constructor(context: StoreContext, map: PersistentMap) {
    this.#context = context;
    this.#map = map;
  }

  get(key: string): Uint8Array | undefined {
    const { volume, directory } = this.#context;
    const code = volume.faultOf("store-read", directory);
    if (code !== undefined) throw new DiskError(code, directory, `store-read failed: ${code}: ${directory}`);
    this.#refuseDamage(key);
    return this.#map.get(key);
  }

  async getMany(keys: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    await this.turn();
    return keys.map((key) => this.get(key));
  }

  scan(range: ScanRange): AsyncIterable<StoreRow> {
    return this.#scan(rowsOf(this.#map, range));
  }

  async *#scan(rows: Iterable<StoreRow>): AsyncGenerator<StoreRow> {
    await this.turn();
    let count = 0;
    for (const row of rows) {
      if (count > 0 && count % ROWS_PER_TURN === 0) await this.turn();
      count++;
      this.#refuseDamage(row.key);
      yield row;
    }
  }

  async page(range: ScanRange & { readonly limit: number }): Promise<readonly StoreRow[]> {
    await this.turn();
    const rows = [...rowsOf(this.#map, range)];
    for (const { key } of rows) this.#refuseDamage(key);
    return rows;
  }

  async close(): Promise<void> {}

  /** The time that a read takes, and its chance to fail. */
  turn(): Promise<void> {
    const { volume, process, directory } = this.#context;
    return volume.call(process, "store-read", directory, { action: () => undefined });
  }

  #refuseDamage(key: string): void {
    const { rows, directory } = this.#context;
    if (!rows.damagedKeys.has(key)) return;
    throw new DiskError("damaged", directory, "store: a stored value does not match its checksum");
  }
}

/** Refuses a bad range at the call, not when the first row is asked for. */
function rowsOf(map: PersistentMap, range: ScanRange): Iterable<StoreRow> {
  return limited(map.rows(boundsOf(range), range.reverse === true), range.limit ?? Number.POSITIVE_INFINITY);
}

function* limited(rows: Iterable<StoreRow>, limit: number): Generator<StoreRow> {
  let left = limit;
  if (left <= 0) return;
  for (const row of rows) {
    yield row;
    if (--left === 0) return;
  }
}
