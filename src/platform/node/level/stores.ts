import { ClassicLevel } from "classic-level";
import { makeDurableDirectory } from "../../durable-directory.ts";
import { DiskError } from "../../errors.ts";
import type { Disk, OrderedStore, StoreOpener, StoreOpenOptions } from "../../ports.ts";
import { storeErrorOf } from "./errors.ts";
import { applyCuts, cutsOf } from "./recovery.ts";
import { LevelStore } from "./store.ts";

export interface LevelStoreOptions {
  /** Memory for blocks that have been read, per store. */
  readonly cacheBytes: number;
  /** Rows that LevelDB gathers in memory (twice, at most) before it writes a table, per store. Twice the memory is a quarter less to merge, for small objects. */
  readonly writeBufferBytes: number;
}

const DEFAULT_OPTIONS: LevelStoreOptions = {
  cacheBytes: 32 * 1024 * 1024,
  writeBufferBytes: 32 * 1024 * 1024,
};

/** Opens LevelDB stores; a directory that does not exist is created, durably. */
export class LevelStores implements StoreOpener {
  readonly #disk: Disk;
  readonly #options: LevelStoreOptions;

  constructor(disk: Disk, options?: Partial<LevelStoreOptions>) {
    this.#disk = disk;
    this.#options = { ...DEFAULT_OPTIONS, ...options };
  }

  async open(directory: string, options?: StoreOpenOptions): Promise<OrderedStore> {
    await makeDurableDirectory(this.#disk, directory);
    if (options?.isOpenElsewhere !== true) await this.#cutLogs(directory);
    const level = new ClassicLevel<string, Uint8Array>(directory, {
      keyEncoding: "utf8",
      valueEncoding: "view",
    });
    try {
      await level.open({
        cacheSize: this.#options.cacheBytes,
        writeBufferSize: this.#options.writeBufferBytes,
        multithreading: options?.isShared === true,
      });
    } catch (error) {
      throw storeErrorOf(error, directory);
    }
    return new LevelStore(level, directory, this.#disk);
  }

  /** Takes away what would be read behind a hole of the logs. */
  async #cutLogs(directory: string): Promise<void> {
    if ((await cutsOf(this.#disk, directory)).length === 0) return;
    await refuseIfOpen(directory);
    // Once more: whoever had it open until a moment ago was perhaps just writing what seemed to be torn.
    await applyCuts(this.#disk, await cutsOf(this.#disk, directory));
  }
}

/** Throws DiskError "locked" when anybody has it open: opened only to make it, a store that is there is refused as soon as its lock is taken. */
async function refuseIfOpen(directory: string): Promise<void> {
  const level = new ClassicLevel(directory);
  try {
    await level.open({ errorIfExists: true });
    await level.close();
  } catch (error) {
    const refusal = storeErrorOf(error, directory);
    if (refusal instanceof DiskError && refusal.code === "locked") throw refusal;
  }
}
