import { assert, totalBytes } from "../../base/index.ts";
import { DiskError } from "../errors.ts";
import type { DiskFile } from "../ports.ts";
import type { DiskOperation } from "./disk-faults.ts";
import type { SimProcess } from "./process.ts";
import type { StoredFile, WriteInFlight } from "./stored-file.ts";
import type { SimVolume } from "./volume.ts";

/** An open file of a simulated process. */
export class SimDiskFile implements DiskFile {
  readonly path: string;
  readonly #volume: SimVolume;
  readonly #process: SimProcess;
  readonly #file: StoredFile;
  readonly #isWritable: boolean;
  #isClosed = false;

  constructor(options: {
    volume: SimVolume;
    process: SimProcess;
    file: StoredFile;
    path: string;
    isWritable: boolean;
  }) {
    this.path = options.path;
    this.#volume = options.volume;
    this.#process = options.process;
    this.#file = options.file;
    this.#isWritable = options.isWritable;
  }

  async read(position: number, into: Uint8Array): Promise<number> {
    assertPosition(position);
    return await this.#call("read", () => this.#file.read(position, into));
  }

  async write(position: number, parts: readonly Uint8Array[]): Promise<void> {
    assertPosition(position);
    if (!this.#isWritable) throw new DiskError("io", this.path, "the file is open for reading only");
    const write: WriteInFlight = { position, parts };
    const length = totalBytes(parts);
    const action = (): void => {
      const room = this.#roomFor(position, length);
      this.#file.end(write, room);
      if (room < length) throw new DiskError("no-space", this.path, "the disk is full");
    };
    // What was written when the disk failed is anybody's guess.
    const onFault = (): void => this.#file.end(write, this.#volume.prng.below(length + 1));
    if (!this.#isClosed) this.#file.begin(write);
    await this.#call("write", action, onFault);
  }

  async syncData(): Promise<void> {
    const sequence = this.#file.sequence;
    const action = (): void => {
      if (!this.#volume.faults.isLying) this.#file.sync(sequence);
    };
    await this.#call("sync", action, () => this.#file.failSync(this.#volume.prng));
  }

  async sizeBytes(): Promise<number> {
    return await this.#call("space", () => this.#file.sizeBytes);
  }

  async truncate(sizeBytes: number): Promise<void> {
    assertPosition(sizeBytes);
    if (!this.#isWritable) throw new DiskError("io", this.path, "the file is open for reading only");
    await this.#call("truncate", () => this.#file.truncate(sizeBytes));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  /** How many of the bytes the disk has room for. */
  #roomFor(position: number, length: number): number {
    const growth = position + length - this.#file.sizeBytes;
    if (growth <= 0) return length;
    const free = Math.max(0, this.#volume.faults.capacityBytes - this.#volume.usedBytes());
    return growth <= free ? length : Math.max(0, length - (growth - free));
  }

  #call<T>(operation: DiskOperation, action: () => T, onFault?: () => void): Promise<T> {
    if (this.#isClosed) return Promise.reject(new DiskError("io", this.path, "the file is closed"));
    return this.#volume.call(this.#process, operation, this.path, { action, ...(onFault && { onFault }) });
  }
}

function assertPosition(position: number): void {
  assert(Number.isSafeInteger(position) && position >= 0, "a position in a file is a whole number");
}
