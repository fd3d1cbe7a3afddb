import { DiskError } from "../../errors.ts";
import type { Disk } from "../../ports.ts";
import { logsOf } from "./recovery.ts";

/**
 * What LevelDB leaves out when it writes with a sync: it syncs the log that it writes to. One that it has just closed because it was full is neither synced nor, before its
 * rows are in a table, done with; nor is the name of a new one durable.
 */
export class LogSync {
  readonly #disk: Disk;
  readonly #directory: string;
  /** Of the log whose name is durable. */
  #named: number | undefined;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /** Makes every batch durable that was written before the last one, which was written with a sync. No other may be under way. Rejects with a `DiskError`. */
  async complete(): Promise<void> {
    const logs = await logsOf(this.#disk, this.#directory);
    for (const { path } of logs.slice(0, -1)) await this.#sync(path);
    const newest = logs.at(-1)?.number;
    if (newest === this.#named) return;
    await this.#disk.syncDirectory(this.#directory);
    this.#named = newest;
  }

  async #sync(path: string): Promise<void> {
    try {
      const file = await this.#disk.open(path, "read");
      try {
        await file.syncData();
      } finally {
        await file.close();
      }
    } catch (error) {
      // Its rows are in a table meanwhile, durably.
      if (!(error instanceof DiskError && error.code === "not-found")) throw error;
    }
  }
}
