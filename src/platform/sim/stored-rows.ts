import type { Prng } from "../../base/index.ts";
import type { StoreChange } from "../ports.ts";
import type { CrashPolicy } from "./crash-policy.ts";
import { PersistentMap } from "./persistent-map.ts";
import type { SimProcess } from "./process.ts";

/** Batches that may be lost by a crash: LevelDB writes its memory out, and with that makes older batches durable, at some point too. */
const MAX_UNSYNCED_BATCHES = 256;

/**
 * The rows of a simulated ordered store. As in LevelDB, batches reach the disk in order: a crash loses the latest few as a whole, and none of those up to
 * the last synced one.
 */
export class StoredRows {
  /** The process that has it open, how often, and whether it said each time that it shares it with itself. */
  #holder: { readonly process: SimProcess; times: number; readonly isShared: boolean } | undefined;
  /** Rows that the disk has damaged: reading them fails. */
  readonly damagedKeys = new Set<string>();
  /** The durable state, and after it the state after each batch that is not durable yet. */
  #versions: PersistentMap[] = [PersistentMap.EMPTY];
  readonly #inFlight = new Set<readonly StoreChange[]>();

  get current(): PersistentMap {
    return this.#versions.at(-1)!;
  }

  /** False: it is open, and not shared. */
  hold(process: SimProcess, isShared: boolean): boolean {
    const holder = this.#holder;
    if (holder?.process.isAlive !== true) {
      this.#holder = { process, times: 1, isShared };
      return true;
    }
    if (holder.process !== process || !holder.isShared || !isShared) return false;
    holder.times++;
    return true;
  }

  letGo(process: SimProcess): void {
    if (this.#holder?.process !== process) return;
    this.#holder.times--;
    if (this.#holder.times === 0) this.#holder = undefined;
  }

  begin(changes: readonly StoreChange[]): void {
    this.#inFlight.add(changes);
  }

  /** Carries out a batch in flight. */
  end(changes: readonly StoreChange[], isSynced: boolean): void {
    this.#inFlight.delete(changes);
    this.#versions.push(this.current.with(changes));
    for (const { key } of changes) this.damagedKeys.delete(key);
    if (isSynced) this.#versions = [this.current];
    else if (this.#versions.length > MAX_UNSYNCED_BATCHES) this.#versions.shift();
  }

  /** A batch in flight that failed and changed nothing. */
  cancel(changes: readonly StoreChange[]): void {
    this.#inFlight.delete(changes);
  }

  /** The process that had it open has died: batches in flight are there or not. */
  release(prng: Prng): void {
    this.#holder = undefined;
    for (const changes of [...this.#inFlight]) {
      if (prng.chance(0.5)) this.end(changes, false);
      else this.cancel(changes);
    }
  }

  /** Rows of their own, which no process holds. */
  clone(): StoredRows {
    const copy = new StoredRows();
    copy.#versions = [...this.#versions];
    for (const key of this.damagedKeys) copy.damagedKeys.add(key);
    for (const changes of this.#inFlight) copy.#inFlight.add(changes);
    return copy;
  }

  crash(prng: Prng, policy: CrashPolicy): void {
    this.#holder = undefined;
    for (const changes of this.#inFlight) this.#versions.push(this.current.with(changes));
    this.#inFlight.clear();
    const lost = this.#versions.findIndex((_, index) => index > 0 && policy.fateOf(prng) === "drop");
    const kept = lost < 0 ? this.current : this.#versions[lost - 1]!;
    this.#versions = [kept];
  }
}
