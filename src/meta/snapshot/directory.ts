/**
 * The directory of a node's state stores.
 *
 *   state/CURRENT                   names the live generation
 *   state/store-0000000000000007/   the live store
 *   state/store-0000000000000008/   a snapshot that is being received, if any: it becomes the live store when CURRENT says so
 *
 * A received snapshot is complete, checked and durable before CURRENT is replaced, so that a crash at any step leaves the old state or the new
 * one. Generations below the live one are left-overs and are removed.
 */

import { type DescMessage, fromBinary } from "@bufbuild/protobuf";
import { assert, Mutex } from "../../base/index.ts";
import { AppliedRowSchema, ClusterRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { SnapshotHeader } from "../../gen/skerry/meta/v1/snapshot_pb.js";
import type { Disk, Hasher, OrderedStore, StoreOpener } from "../../platform/index.ts";
import { StateStoreError } from "../errors.ts";
import { APPLIED_KEY, CLUSTER_KEY } from "../keys.ts";
import { LiveStore } from "../live-store.ts";
import type { SnapshotTarget } from "../machine.ts";
import type { SnapshotMark } from "../ports.ts";
import { readCurrent, writeCurrent } from "./current-file.ts";
import { INSTALLED_KEY, STAGED_KEY, StagingStore } from "./staging.ts";

const STORE_NAME = /^store-([0-9]{16})$/;

export interface StateStorePlatform {
  readonly disk: Disk;
  readonly stores: StoreOpener;
  readonly hasher: Hasher;
}

/** Others who read the live store, on threads of their own, and must go with it when another one takes its place. */
export interface StoreFollower {
  /** Gets ready to read the store in this directory. Rejects when that cannot be. What it got ready before, and was not switched to, is of no use. */
  prepare(directory: string): Promise<void>;
  /** It is live from this moment on. Resolves when the one before is not read any more. */
  switch(): Promise<void>;
}

export class StateStoreDirectory implements SnapshotTarget {
  readonly live: LiveStore;
  readonly #platform: StateStorePlatform;
  readonly #path: string;
  #generation: number;
  /** The highest generation that was ever given to a store since the start. */
  #highest: number;
  #staging: StagingStore | undefined;
  /** CURRENT may name it already, also when the install has failed: nobody gives it up. The next start says whether it is the live one. */
  #installing: StagingStore | undefined;
  /** Counts the stores that have been live, for readers on other threads. */
  readonly #liveGeneration = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #followers = new Set<StoreFollower>();
  /** One at a time: neither a follower nor the end of a reception may come between the steps of a switch. */
  readonly #turn = new Mutex();
  /** Generations of no use that the disk has not let go of yet. */
  readonly #leftOvers = new Set<number>();

  private constructor(parts: {
    readonly platform: StateStorePlatform;
    readonly path: string;
    readonly generation: number;
    readonly store: OrderedStore;
  }) {
    this.#platform = parts.platform;
    this.#path = parts.path;
    this.#generation = parts.generation;
    this.#highest = parts.generation;
    this.live = new LiveStore(parts.store);
  }

  /**
   * Opens the live store, makes one in a new directory, and removes left-overs. `path` is absolute. Throws StateStoreError "damaged" when
   * there is a state but nothing says which one is live.
   */
  static async open(platform: StateStorePlatform, path: string): Promise<StateStoreDirectory> {
    const { disk, hasher, stores } = platform;
    await disk.makeDirectory(path);
    // Who renamed CURRENT may have died before that was durable; from here on it is believed.
    await disk.syncDirectory(path);
    const current = await readCurrent(disk, hasher, path);
    const generation = current ?? (await makeFirst(platform, path));
    if (current !== undefined && !(await disk.exists(storePath(path, generation)))) {
      throw new StateStoreError("damaged", "the live state store is not there");
    }
    const store = await stores.open(storePath(path, generation), { isShared: true });
    const directory = new StateStoreDirectory({ platform, path, generation, store });
    await directory.#tidy();
    return directory;
  }

  /**
   * Puts a directory that cannot be used aside, under a name that says so, and makes room for a new state, which the log or a peer's snapshot
   * fills. Returns the new name. The caller must be sure that the state is somewhere else too.
   */
  static async setAside(disk: Disk, path: string): Promise<string> {
    const parent = path.slice(0, path.lastIndexOf("/")) || "/";
    let number = 1;
    while (await disk.exists(`${path}.damaged-${number}`)) number++;
    const aside = `${path}.damaged-${number}`;
    await disk.rename(path, aside);
    await disk.syncDirectory(parent);
    return aside;
  }

  /** What was received so far, of whichever snapshot. */
  get staging(): StagingStore | undefined {
    return this.#staging;
  }

  /** Where a snapshot is to be received: goes on with what is here of the same one, and gives up what is here of another one. */
  stage(header: SnapshotHeader): Promise<StagingStore> {
    return this.#turn.run(() => this.#stage(header));
  }

  async #stage(header: SnapshotHeader): Promise<StagingStore> {
    const staging = this.#staging;
    if (staging !== undefined && snapshotId(staging.header) === snapshotId(header)) {
      await staging.renew(header);
      return staging;
    }
    await this.#discard();
    await this.removeLeftOvers();
    const generation = ++this.#highest;
    let store: OrderedStore | undefined;
    try {
      store = await this.#platform.stores.open(storePath(this.#path, generation), { isShared: true });
      await this.#platform.disk.syncDirectory(this.#path);
      this.#staging = await StagingStore.begin(store, generation, header);
      return this.#staging;
    } catch (error) {
      await store?.close().catch(() => {});
      this.#leftOvers.add(generation);
      throw error;
    }
  }

  /** Gives up what was received. What is being installed is live when that has ended, and is not given up. */
  discardStaging(): Promise<void> {
    return this.#turn.run(() => this.#discard());
  }

  async #discard(): Promise<void> {
    const staging = this.#staging;
    if (staging === undefined) return;
    this.#staging = undefined;
    this.#leftOvers.add(staging.generation);
    await staging.store.close();
    await this.removeLeftOvers();
  }

  /** Whether there is something that a failing disk has kept. */
  get hasLeftOvers(): boolean {
    return this.#leftOvers.size > 0;
  }

  /** Tries again to remove what is of no use. Throws DiskError; what is still there then is tried again next time. */
  async removeLeftOvers(): Promise<void> {
    for (const generation of [...this.#leftOvers]) {
      // One of two callers at once.
      if (!this.#leftOvers.delete(generation)) continue;
      try {
        await this.#removeStore(generation);
      } catch (error) {
        this.#leftOvers.add(generation);
        throw error;
      }
    }
  }

  /** Switches durably to the received snapshot. Throws StateStoreError "no-snapshot" unless a verified one of exactly this mark is here. */
  install(mark: SnapshotMark): Promise<void> {
    return this.#turn.run(() => this.#install(mark));
  }

  /** Another number whenever another store becomes the live one. */
  get liveGeneration(): SharedArrayBuffer {
    return this.#liveGeneration.buffer;
  }

  /** From now on it is told when another store becomes the live one; `begin` gets the directory of the one that is. */
  follow(follower: StoreFollower, begin: (directory: string) => Promise<void>): Promise<void> {
    return this.#turn.run(async () => {
      await begin(storePath(this.#path, this.#generation));
      this.#followers.add(follower);
    });
  }

  unfollow(follower: StoreFollower): void {
    this.#followers.delete(follower);
  }

  async #install(mark: SnapshotMark): Promise<void> {
    const staging = this.#staging;
    const metadata = staging?.header.message?.snapshot;
    const matches = Number(metadata?.index) === mark.index && Number(metadata?.term) === mark.term;
    if (staging === undefined || !staging.isVerified || !matches) {
      throw new StateStoreError("no-snapshot", `no verified snapshot at index ${mark.index} is here`);
    }
    assert(staging.generation > this.#generation, "generations only grow");
    const followers = [...this.#followers];
    await Promise.all(followers.map((each) => each.prepare(storePath(this.#path, staging.generation))));
    this.#staging = undefined;
    this.#installing = staging;
    await writeCurrent(this.#platform.disk, this.#platform.hasher, this.#path, staging.generation);
    const old = this.#generation;
    this.#generation = staging.generation;
    await staging.store.write([{ kind: "delete", key: STAGED_KEY }]);
    // Before anybody reads an index of the new store.
    Atomics.add(this.#liveGeneration, 0, 1);
    this.#installing = undefined;
    const unread = Promise.all(followers.map((each) => each.switch()));
    this.live.replace(staging.store, async (store) => {
      await Promise.all([store.close(), unread]);
      this.#leftOvers.add(old);
      await this.removeLeftOvers();
    });
  }

  /** Throws StateStoreError or DiskError "damaged" when the rows that everything begins with cannot be read. */
  checkReadable(): void {
    readRow(this.live.get(APPLIED_KEY), AppliedRowSchema);
    readRow(this.live.get(CLUSTER_KEY), ClusterRowSchema);
    this.live.get(INSTALLED_KEY);
  }

  async close(): Promise<void> {
    await Promise.all([this.#staging?.store.close(), this.#installing?.store.close()]);
    this.#staging = undefined;
    this.#installing = undefined;
    await this.live.close();
  }

  /** Removes older generations and all but the newest younger one, which a reception may go on with. */
  async #tidy(): Promise<void> {
    const { disk } = this.#platform;
    const generations = await generationsIn(disk, this.#path);
    const younger = generations.filter((generation) => generation > this.#generation);
    this.#highest = Math.max(this.#generation, ...younger);
    for (const generation of generations) {
      if (generation !== this.#generation && generation !== this.#highest)
        await this.#removeStore(generation);
    }
    if (this.#highest !== this.#generation) await this.#takeUpStaging(this.#highest);
    if (this.live.get(STAGED_KEY) !== undefined) await this.live.write([{ kind: "delete", key: STAGED_KEY }]);
  }

  /** What cannot be read is no loss: it is received again. */
  async #takeUpStaging(generation: number): Promise<void> {
    let store: OrderedStore | undefined;
    try {
      store = await this.#platform.stores.open(storePath(this.#path, generation), { isShared: true });
      this.#staging = await StagingStore.reopen(store, generation);
    } catch {
      this.#staging = undefined;
    }
    if (this.#staging !== undefined) return;
    await store?.close();
    await this.#removeStore(generation);
  }

  async #removeStore(generation: number): Promise<void> {
    await this.#platform.disk.removeTree(storePath(this.#path, generation));
    await this.#platform.disk.syncDirectory(this.#path);
  }
}

/** Rows are written only once CURRENT is durable: a store with rows and no CURRENT is a loss, not a beginning. */
async function makeFirst(platform: StateStorePlatform, path: string): Promise<number> {
  const { disk, hasher, stores } = platform;
  for (const generation of await generationsIn(disk, path)) {
    const store = await stores.open(storePath(path, generation));
    const hasRows = store.get(APPLIED_KEY) !== undefined || store.get(STAGED_KEY) !== undefined;
    await store.close();
    if (hasRows) throw new StateStoreError("damaged", "nothing says which state store is the live one");
    await disk.removeTree(storePath(path, generation));
  }
  const store = await stores.open(storePath(path, 1));
  await store.close();
  await disk.syncDirectory(path);
  await writeCurrent(disk, hasher, path, 1);
  return 1;
}

async function generationsIn(disk: Disk, path: string): Promise<number[]> {
  const generations: number[] = [];
  for (const { name, kind } of await disk.list(path)) {
    const digits = STORE_NAME.exec(name)?.[1];
    if (digits !== undefined && kind === "directory") generations.push(Number(digits));
  }
  return generations;
}

function readRow(bytes: Uint8Array | undefined, schema: DescMessage): void {
  if (bytes === undefined) return;
  try {
    fromBinary(schema, bytes);
  } catch (error) {
    throw new StateStoreError("damaged", `a ${schema.name} cannot be read`, { cause: error });
  }
}

function storePath(path: string, generation: number): string {
  return `${path}/store-${String(generation).padStart(16, "0")}`;
}

function snapshotId(header: SnapshotHeader): string {
  return header.message?.snapshot?.snapshotId ?? "";
}
