import { assert, type Prng } from "../../base/index.ts";
import { DiskError } from "../errors.ts";
import { boundsOf } from "../key-range.ts";
import type { DiskErrorCode, StoreSnapshot } from "../ports.ts";
import { type CrashPolicy, crashPolicy, type Unsynced } from "./crash-policy.ts";
import { CHANGING_OPERATIONS, type DiskOperation, noDiskFaults, type SimDiskFaults } from "./disk-faults.ts";
import type { SimProcess } from "./process.ts";
import { StoredDirectory, type StoredNode } from "./stored-directory.ts";
import type { StoredFile } from "./stored-file.ts";

/** The disk of a simulated machine: what survives its processes, and how it fails. Programs see it through `SimDisk` and `SimStores`. */
export class SimVolume {
  faults: SimDiskFaults = noDiskFaults();
  #root = new StoredDirectory();
  readonly #prng: Prng;

  constructor(prng: Prng) {
    this.#prng = prng;
  }

  /**
   * Power loss: what was not synced is kept, dropped or torn, and locks are free. The processes that used the disk must have been killed.
   */
  crash(unsynced: Unsynced | CrashPolicy = "random"): void {
    const policy = typeof unsynced === "string" ? crashPolicy(unsynced, this.#prng) : unsynced;
    this.#root.crash(this.#prng, policy);
  }

  /** The disk as it is at this moment, with all that is not durable yet: for trying many crashes of one moment. */
  capture(): VolumeImage {
    return new VolumeImage(this.#root.clone());
  }

  /** What a file would hold after a power loss that takes all that was not synced; undefined: it would not be there. */
  durableBytes(path: string): Uint8Array | undefined {
    const after = new SimVolume(this.#prng);
    after.restore(this.capture());
    after.crash("drop");
    const file = after.node(path);
    if (file?.kind !== "file") return undefined;
    const bytes = new Uint8Array(file.sizeBytes);
    file.read(0, bytes);
    return bytes;
  }

  /** Puts a copy of the image in the place of this disk. No process may use it. */
  restore(image: VolumeImage): void {
    this.#root = image.copyRoot();
  }

  /** The processes that used the disk have been killed: what they were just writing is there in part, in whole or not at all. */
  release(): void {
    release(this.#root, this.#prng);
  }

  /** A new, empty disk in the place of this one. */
  wipe(): void {
    this.#root = new StoredDirectory();
  }

  /** Bit rot in a file: flips one bit of the byte at `position`. */
  flipBit(path: string, position: number, bit = 0): void {
    const file = this.node(path);
    assert(file?.kind === "file", "bits are flipped in a file that exists");
    file.flipBit(position, bit);
  }

  /** Bit rot in an ordered store: reading this row fails from now on, until it is written again. */
  damageRow(directory: string, key: string): void {
    const node = this.node(directory);
    assert(node?.kind === "directory" && node.rows !== undefined, "rows are damaged in a store that exists");
    node.rows.damagedKeys.add(key);
  }

  /** Paths of all files, in order, with their sizes: for faults that choose one, and for assertions. */
  files(): readonly { readonly path: string; readonly sizeBytes: number }[] {
    const found: { path: string; sizeBytes: number }[] = [];
    visit(this.#root, "", (path, file) => found.push({ path, sizeBytes: file.sizeBytes }));
    return found.sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  /** Directories that are ordered stores, in order: for checkers. */
  stores(): readonly string[] {
    const found: string[] = [];
    const look = (directory: StoredDirectory, path: string): void => {
      if (directory.rows !== undefined) found.push(path);
      for (const [name, node] of directory.entries)
        if (node.kind === "directory") look(node, `${path}/${name}`);
    };
    look(this.#root, "");
    return found.sort();
  }

  /** The rows of an ordered store as reads would see them now: for checkers. They cost no time and meet no faults. */
  storeRows(directory: string): Pick<StoreSnapshot, "get" | "scan"> {
    const { rows } = this.directory(directory);
    assert(rows !== undefined, "rows are read of a store that exists");
    const { current } = rows;
    return {
      get: (key) => current.get(key),
      scan: async function* (range) {
        yield* current.rows(boundsOf(range), range.reverse === true);
      },
    };
  }

  /** Keys of an ordered store, in order: for faults that choose one. */
  storeKeys(directory: string): readonly string[] {
    const { rows } = this.directory(directory);
    assert(rows !== undefined, "rows are read of a store that exists");
    return Array.from(rows.current.rows(boundsOf({}), false), ({ key }) => key);
  }

  usedBytes(): number {
    let bytes = 0;
    visit(this.#root, "", (_, file) => {
      bytes += file.sizeBytes;
    });
    return bytes;
  }

  /** For `SimDisk` and `SimStores`: what lies at a path. */
  node(path: string): StoredNode | undefined {
    let node: StoredNode | undefined = this.#root;
    for (const name of namesOf(path)) {
      if (node?.kind !== "directory") return undefined;
      node = node.entries.get(name);
    }
    return node;
  }

  directory(path: string): StoredDirectory {
    const node = this.node(path);
    if (node?.kind !== "directory") throw new DiskError("not-found", path, `no such directory: ${path}`);
    return node;
  }

  /** The directory that a path lies in, and its name there. */
  parent(path: string): { readonly directory: StoredDirectory; readonly name: string } {
    const names = namesOf(path);
    const name = names.pop();
    assert(name !== undefined, "the root of a disk is not changed");
    return { directory: this.directory(`/${names.join("/")}`), name };
  }

  /**
   * Carries out one call of a process: `action` runs when the call's time has passed, unless a fault comes first. Nothing is ever answered to a
   * process that is dead by then. `onFault` undoes or half does what a failed call has begun.
   */
  call<T>(process: SimProcess, operation: DiskOperation, path: string, options: CallOptions<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      process.schedule(this.#latencyMs(), () => {
        const code = this.faultOf(operation, path);
        try {
          if (code === undefined) resolve(options.action());
          else {
            options.onFault?.(code);
            reject(new DiskError(code, path, `${operation} failed: ${code}: ${path}`));
          }
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  faultOf(operation: DiskOperation, path: string): DiskErrorCode | undefined {
    const { faults } = this;
    const code = faults.intercept?.(operation, path);
    if (code !== undefined) return code;
    if (faults.isReadOnly && CHANGING_OPERATIONS.has(operation)) return "read-only";
    return this.#prng.chance(this.#errorProbability(operation)) ? "io" : undefined;
  }

  /** For faults that half do something. */
  get prng(): Prng {
    return this.#prng;
  }

  #errorProbability(operation: DiskOperation): number {
    if (operation === "read" || operation === "store-read") return this.faults.readError;
    if (operation === "write" || operation === "store-write") return this.faults.writeError;
    return operation === "sync" || operation === "sync-directory" ? this.faults.syncError : 0;
  }

  #latencyMs(): number {
    const { leastLatencyMs, greatestLatencyMs } = this.faults;
    return leastLatencyMs + this.#prng.unit() * (greatestLatencyMs - leastLatencyMs);
  }
}

/** A moment of a disk. It does not change; a volume that is restored from it gets a copy. */
export class VolumeImage {
  readonly #root: StoredDirectory;

  constructor(root: StoredDirectory) {
    this.#root = root;
  }

  copyRoot(): StoredDirectory {
    return this.#root.clone();
  }
}

interface CallOptions<T> {
  readonly action: () => T;
  readonly onFault?: (code: DiskErrorCode) => void;
}

function namesOf(path: string): string[] {
  assert(path.startsWith("/"), "a path is absolute");
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  assert(!names.includes(".."), "a path does not lead back");
  return names;
}

function release(directory: StoredDirectory, prng: Prng): void {
  directory.rows?.release(prng);
  for (const node of directory.entries.values()) {
    if (node.kind === "file") node.release(prng);
    else release(node, prng);
  }
}

function visit(
  directory: StoredDirectory,
  path: string,
  found: (path: string, file: StoredFile) => void,
): void {
  for (const [name, node] of directory.entries) {
    if (node.kind === "file") found(`${path}/${name}`, node);
    else visit(node, `${path}/${name}`, found);
  }
}
