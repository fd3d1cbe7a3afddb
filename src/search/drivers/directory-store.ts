/** The driver `fs`: a directory that all nodes have at the same path, as NFS gives it to them, or that the only node has. */

import { type Disk, DiskError } from "../../platform/index.ts";
import { SearchError } from "../errors.ts";
import type { ByteRange } from "../ports.ts";
import { type OutsideStore, STORE_NAME, type StorePage } from "./outside-store.ts";

export interface DirectoryStoreOptions {
  readonly disk: Disk;
  /** Absolute. */
  readonly path: string;
  /** Clusters that are given the same directory do not meet there. */
  readonly clusterId: string;
}

export class DirectoryStore implements OutsideStore {
  readonly #disk: Disk;
  readonly #parent: string;
  readonly #directory: string;

  constructor({ disk, path, clusterId }: DirectoryStoreOptions) {
    this.#disk = disk;
    this.#parent = path;
    this.#directory = `${path}/${clusterId}`;
  }

  prepare(): Promise<void> {
    return this.#answered(async () => {
      if (!(await this.#disk.exists(this.#parent)))
        throw unavailable(`there is no directory ${this.#parent}`);
      await this.#disk.makeDirectory(this.#directory);
      await this.#disk.syncDirectory(this.#parent);
    });
  }

  /** Under its own name from the beginning: nobody reads it before its blob is committed, and what a crash leaves is garbage as any other. */
  putIfAbsent(name: string, bytes: Uint8Array): Promise<"written" | "exists"> {
    return this.#answered(async () => {
      await this.#checkDirectory();
      const path = this.#pathOf(name);
      const file = await this.#disk.open(path, "create").catch((error: unknown) => {
        if (error instanceof DiskError && error.code === "exists") return undefined;
        throw error;
      });
      if (file === undefined) return "exists";
      try {
        await file.write(0, [bytes]);
        await file.syncData();
      } catch (error) {
        await file.close().catch(() => undefined);
        await this.#disk.remove(path).catch(() => undefined);
        throw error;
      }
      await file.close();
      await this.#disk.syncDirectory(this.#directory);
      return "written";
    });
  }

  read(name: string, { offset, length }: ByteRange): Promise<Uint8Array | undefined> {
    return this.#answered(async () => {
      const file = await this.#openOrNothing(name);
      if (file === undefined) return undefined;
      try {
        const bytes = new Uint8Array(length);
        return bytes.subarray(0, await file.read(offset, bytes));
      } finally {
        await file.close();
      }
    });
  }

  delete(name: string): Promise<void> {
    return this.#answered(async () => {
      await this.#checkDirectory();
      await this.#disk.remove(this.#pathOf(name)).catch((error: unknown) => {
        if (!(error instanceof DiskError && error.code === "not-found")) throw error;
      });
      await this.#disk.syncDirectory(this.#directory);
    });
  }

  list({ after, limit }: { readonly after: string; readonly limit: number }): Promise<StorePage> {
    return this.#answered(async () => {
      const entries = await this.#disk.list(this.#directory);
      const behind = entries.filter(
        ({ name, kind }) => kind === "file" && STORE_NAME.test(name) && name > after,
      );
      const names = behind.slice(0, limit).map(({ name }) => name);
      return { names, next: behind.length > limit ? names.at(-1) : undefined };
    });
  }

  async #openOrNothing(name: string) {
    try {
      return await this.#disk.open(this.#pathOf(name), "read");
    } catch (error) {
      if (!(error instanceof DiskError && error.code === "not-found")) throw error;
      await this.#checkDirectory();
      return undefined;
    }
  }

  /** That nothing is mounted is no reason to take everything for lost, nor to write beside it. */
  async #checkDirectory(): Promise<void> {
    if (!(await this.#disk.exists(this.#directory)))
      throw unavailable(`there is no directory ${this.#directory}; is it mounted?`);
  }

  #pathOf(name: string): string {
    return `${this.#directory}/${name}`;
  }

  async #answered<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof DiskError)
        throw new SearchError("unavailable", `${this.#directory}: ${error.message}`, {}, error);
      throw error;
    }
  }
}

function unavailable(message: string): SearchError {
  return new SearchError("unavailable", message);
}
