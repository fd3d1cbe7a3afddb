import { assert } from "../base/index.ts";
import type { Disk, DiskFile, OpenMode } from "../platform/index.ts";
import { segmentPath } from "./file-names.ts";

/** Open files that nobody uses at the moment. */
export const MAX_IDLE_FILES = 128;

/** A file that stays open until released; releasing it again does nothing. */
export interface HeldFile {
  readonly file: DiskFile;
  release(): void;
}

interface OpenFile {
  readonly opening: Promise<DiskFile>;
  users: number;
}

/** Opens segments when they are needed and keeps the recently used ones open. A removed segment stays readable to those who hold it. */
export class SegmentFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  /** In order of last use. */
  readonly #open = new Map<number, OpenFile>();
  readonly #closing = new Set<Promise<void>>();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /** Rejects with `DiskError`. */
  async hold(segmentId: number, mode: OpenMode = "read"): Promise<HeldFile> {
    let open = mode === "read" ? this.#open.get(segmentId) : undefined;
    if (open === undefined) {
      assert(
        mode === "read" || !this.#open.has(segmentId),
        "a segment is opened for writing before it is read",
      );
      open = { opening: this.#disk.open(segmentPath(this.#directory, segmentId), mode), users: 0 };
    }
    const held = open;
    held.users += 1;
    this.#open.delete(segmentId);
    this.#open.set(segmentId, held);
    try {
      const file = await held.opening;
      this.#closeIdle();
      return { file, release: once(() => this.#release(segmentId, held)) };
    } catch (error) {
      held.users -= 1;
      if (this.#open.get(segmentId) === held) this.#open.delete(segmentId);
      throw error;
    }
  }

  /** The next to ask for this segment opens it anew; the file is closed when its users have released it. */
  forget(segmentId: number): void {
    const open = this.#open.get(segmentId);
    if (open === undefined) return;
    this.#open.delete(segmentId);
    if (open.users === 0) this.#close(open);
  }

  /** All users must have released their files. */
  async close(): Promise<void> {
    for (const segmentId of [...this.#open.keys()]) this.forget(segmentId);
    await Promise.all(this.#closing);
  }

  #release(segmentId: number, open: OpenFile): void {
    open.users -= 1;
    assert(open.users >= 0, "a file is released once by each user");
    if (open.users > 0) return;
    if (this.#open.get(segmentId) === open) this.#closeIdle();
    else this.#close(open);
  }

  #closeIdle(): void {
    if (this.#open.size <= MAX_IDLE_FILES) return;
    for (const [segmentId, open] of this.#open) {
      if (this.#open.size <= MAX_IDLE_FILES) return;
      if (open.users === 0) this.forget(segmentId);
    }
  }

  #close(open: OpenFile): void {
    const closing = open.opening
      .then((file) => file.close())
      // Nothing depends on a file that nobody uses: what was written to it was synced by its writer.
      .catch(() => undefined)
      .finally(() => this.#closing.delete(closing));
    this.#closing.add(closing);
  }
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}
