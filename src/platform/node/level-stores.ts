import { ClassicLevel } from "classic-level";
import { makeDurableDirectory } from "../durable-directory.ts";
import type { Disk, OrderedStore, StoreOpener } from "../ports.ts";
import { storeErrorOf } from "./level-errors.ts";
import { LevelStore } from "./level-store.ts";

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

  async open(directory: string, options?: { readonly isShared?: boolean }): Promise<OrderedStore> {
    await makeDurableDirectory(this.#disk, directory);
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
    return new LevelStore(level, directory);
  }
}
