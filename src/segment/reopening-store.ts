import { RecentSet, toHex } from "../base/index.ts";
import type { Timer } from "../platform/index.ts";
import { ignoreDiskError, SegmentError } from "./errors.ts";
import type {
  ChunkAddress,
  ChunkBlocks,
  ChunkBytes,
  ChunkData,
  SegmentStore,
  SegmentStoreStatus,
} from "./ports.ts";

export interface ReopeningOptions {
  /** Opens the store; `onRecoverable` is called when it was opened for reading only, and the disk would let it do better now. */
  open(onRecoverable: () => void): Promise<SegmentStore>;
  /** Calls back when another try to open it may be worth it. */
  retryLater(retry: () => void): Timer;
}

/** Deleted blobs that are remembered; what arrives of older ones is left to the inventory. */
const REMEMBERED_DELETIONS = 10_000;
const REOPENING = "the segments are being opened again";

/**
 * A store whose disk refused something while segments were recovered can be read, as far as it came, and takes no writes: that recovery has to be done
 * again. This one does so by itself, as a restart would, when the disk is well. Who calls meanwhile waits, at most for what was under way.
 */
export class ReopeningStore implements SegmentStore {
  readonly #options: ReopeningOptions;
  #store!: SegmentStore;
  /** Blobs that will never be written again. A stream that could still bring some of one ends with this process. */
  readonly #deleted = new RecentSet<string>(REMEMBERED_DELETIONS);
  /** What the last try to open it again failed with; the store before has been closed. */
  #failure: SegmentError | undefined;
  #reopening: Promise<void> | undefined;
  #retry: Timer | undefined;
  #using = 0;
  #onIdle: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  private constructor(options: ReopeningOptions) {
    this.#options = options;
  }

  /** Rejects as `open` does. */
  static async open(options: ReopeningOptions): Promise<ReopeningStore> {
    const store = new ReopeningStore(options);
    store.#store = await options.open(() => store.#begin());
    return store;
  }

  append(chunk: ChunkData): Promise<void> {
    if (this.#deleted.has(toHex(chunk.blobId))) {
      return Promise.reject(new SegmentError("invalid", "the blob was deleted"));
    }
    return this.#use((store) => store.append(chunk));
  }

  read(address: ChunkAddress, offset: number, length: number): Promise<ChunkBytes> {
    return this.#use((store) => store.read(address, offset, length));
  }

  readBlocks(address: ChunkAddress, offset: number, length: number): Promise<ChunkBlocks> {
    return this.#use((store) => store.readBlocks(address, offset, length));
  }

  has(address: ChunkAddress): boolean {
    return this.#now().has(address);
  }

  unlink(blobIds: readonly Uint8Array[], options?: { readonly isFinal: boolean }): Promise<void> {
    if (options?.isFinal === true) for (const blobId of blobIds) this.#deleted.add(toHex(blobId));
    return this.#use((store) => store.unlink(blobIds));
  }

  status(): SegmentStoreStatus {
    const status = this.#store.status();
    if (this.#reopening === undefined && this.#failure === undefined) return status;
    return {
      ...status,
      writable: false,
      full: this.#failure?.code === "no-space",
      reason: this.#failure?.message ?? status.reason ?? REOPENING,
    };
  }

  /** Fails when the store is opened again meanwhile: who iterates must not keep it from that. */
  async *inventory(): AsyncIterable<ChunkAddress & { readonly length: number }> {
    while (this.#reopening !== undefined) await this.#reopening;
    yield* this.#now().inventory();
  }

  /** Nothing is to be moved while there is no store. */
  rewrite(budgetBytes: number, signal?: AbortSignal): Promise<number> {
    if (this.#failure !== undefined) return Promise.resolve(0);
    return this.#use((store) => store.rewrite(budgetBytes, signal));
  }

  quarantine(address: ChunkAddress): void {
    this.#now().quarantine(address);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#retry?.cancel();
    while (this.#reopening !== undefined) await this.#reopening;
    await this.#store.close();
  }

  async #use<T>(action: (store: SegmentStore) => Promise<T>): Promise<T> {
    while (this.#reopening !== undefined) await this.#reopening;
    const store = this.#now();
    this.#using++;
    try {
      return await action(store);
    } finally {
      if (--this.#using === 0) this.#onIdle?.();
    }
  }

  #now(): SegmentStore {
    if (this.#reopening !== undefined) throw new SegmentError("io", REOPENING);
    if (this.#failure !== undefined)
      throw new SegmentError(this.#failure.code, this.#failure.message, { cause: this.#failure });
    return this.#store;
  }

  #begin(): void {
    if (this.#reopening !== undefined || this.#closing !== undefined) return;
    this.#reopening = this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
  }

  async #reopen(): Promise<void> {
    const { open, retryLater } = this.#options;
    await this.#idle();
    await this.#store.close().catch(ignoreDiskError);
    try {
      this.#store = await open(() => this.#begin());
      this.#failure = undefined;
    } catch (error) {
      if (!(error instanceof SegmentError)) throw error;
      this.#failure = error;
      this.#retry = retryLater(() => this.#begin());
    }
  }

  async #idle(): Promise<void> {
    if (this.#using === 0) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    this.#onIdle = undefined;
  }
}
