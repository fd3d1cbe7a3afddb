import type { Entry, Snapshot } from "../types.ts";
import { invariant } from "./invariant.ts";

/**
 * The end of the log that is not known to be in storage: perhaps a snapshot, then entries from `offset` on.
 *
 *     storage ... offset-1 | offset ... offsetInProgress-1 | offsetInProgress ... last
 *                          |  handed out for writing       |  to be handed out with the next Ready
 *
 * Arrays handed out are copies: what is being written never changes under the writer.
 */
export class Unstable {
  #snapshot: Snapshot | undefined;
  #snapshotInProgress = false;
  #entries: Entry[] = [];
  #offset: number;
  #offsetInProgress: number;

  constructor(offset: number) {
    this.#offset = offset;
    this.#offsetInProgress = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** The snapshot, whether being written or not. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  get hasEntries(): boolean {
    return this.#entries.length > 0;
  }

  get hasNextEntries(): boolean {
    return this.#entries.length > this.#offsetInProgress - this.#offset;
  }

  /** The snapshot that is yet to be handed out. */
  get nextSnapshot(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.#snapshot;
  }

  /** The index of the last entry or of the snapshot; undefined: nothing is unstable. */
  lastIndex(): number | undefined {
    if (this.#entries.length > 0) return this.#offset + this.#entries.length - 1;
    return this.#snapshot?.metadata.index;
  }

  term(index: number): number | undefined {
    if (index >= this.#offset) return this.#entries[index - this.#offset]?.term;
    return this.#snapshot?.metadata.index === index ? this.#snapshot.metadata.term : undefined;
  }

  /** The entries that are yet to be handed out. */
  nextEntries(): Entry[] {
    return this.#entries.slice(this.#offsetInProgress - this.#offset);
  }

  /** Everything is handed out. */
  acceptInProgress(): void {
    this.#offsetInProgress = this.#offset + this.#entries.length;
    this.#snapshotInProgress = this.#snapshot !== undefined;
  }

  /** Everything up to `index` is in storage, provided that it is still the entry with this term: else a later write replaces it. */
  stableTo(index: number, term: number): void {
    if (index < this.#offset || this.term(index) !== term) return;
    this.#entries.splice(0, index + 1 - this.#offset);
    this.#offset = index + 1;
    this.#offsetInProgress = Math.max(this.#offsetInProgress, this.#offset);
  }

  stableSnapshotTo(index: number): void {
    if (this.#snapshot?.metadata.index !== index) return;
    this.#snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  /** The log begins anew behind `snapshot`. */
  restore(snapshot: Snapshot): void {
    this.#offset = snapshot.metadata.index + 1;
    this.#offsetInProgress = this.#offset;
    this.#entries = [];
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Puts `entries` where their indexes say; what was there and beyond is gone. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0]!.index;
    invariant(from <= this.#offset + this.#entries.length, "the log has no gap");
    if (from <= this.#offset) {
      this.#entries = [...entries];
      this.#offset = from;
      this.#offsetInProgress = from;
      return;
    }
    this.#entries.length = from - this.#offset;
    for (const entry of entries) this.#entries.push(entry);
    this.#offsetInProgress = Math.min(this.#offsetInProgress, from);
  }

  /** The entries themselves, to be looked at only, and where `index` is among them. */
  view(index: number): { readonly entries: readonly Entry[]; readonly at: number } {
    return { entries: this.#entries, at: index - this.#offset };
  }
}
