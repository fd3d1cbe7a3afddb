import { concatBytes, type Prng, totalBytes } from "../../base/index.ts";
import type { CrashPolicy, Tear } from "./crash-policy.ts";
import { GrowableBytes } from "./growable-bytes.ts";

/** What a disk writes at once: a write that is torn by a crash is torn between sectors. */
const SECTOR_BYTES = 512;

type FileChange =
  | {
      readonly kind: "write";
      readonly position: number;
      readonly bytes: Uint8Array;
      readonly sequence: number;
    }
  | { readonly kind: "truncate"; readonly sizeBytes: number; readonly sequence: number };

/** A write that has been asked for and not answered: a crash may find it on the disk in part, in whole or not at all. */
export interface WriteInFlight {
  readonly position: number;
  readonly parts: readonly Uint8Array[];
}

/**
 * The contents of a simulated file: `current` is what reads see, `durable` what is sure to be there after a crash, and the changes between the two,
 * in order, are those that a crash keeps, drops or tears one by one.
 */
export class StoredFile {
  readonly kind = "file";
  #current = new GrowableBytes();
  #durable = new GrowableBytes();
  #changes: FileChange[] = [];
  #sequence = 0;
  readonly #inFlight = new Set<WriteInFlight>();

  get sizeBytes(): number {
    return this.#current.size;
  }

  /** Of the latest change; changes up to it are what a sync that begins now makes durable. */
  get sequence(): number {
    return this.#sequence;
  }

  read(position: number, into: Uint8Array): number {
    return this.#current.read(position, into);
  }

  begin(write: WriteInFlight): void {
    this.#inFlight.add(write);
  }

  /** Carries out the first `length` bytes of a write in flight. */
  end(write: WriteInFlight, length: number): void {
    this.#inFlight.delete(write);
    const bytes = concatBytes(write.parts).subarray(0, length);
    if (bytes.length === 0) return;
    this.#current.write(write.position, bytes);
    this.#changes.push({ kind: "write", position: write.position, bytes, sequence: ++this.#sequence });
  }

  truncate(sizeBytes: number): void {
    this.#current.resize(sizeBytes);
    this.#changes.push({ kind: "truncate", sizeBytes, sequence: ++this.#sequence });
  }

  /** Makes the changes up to `sequence` durable. */
  sync(sequence: number): void {
    for (const change of this.#changes) if (change.sequence <= sequence) applyWhole(this.#durable, change);
    this.#changes = this.#changes.filter((change) => change.sequence > sequence);
  }

  /**
   * A sync that failed: the system takes unsynced pages for clean all the same, so that some changes will never reach the disk although reads show
   * them and later syncs succeed (Rebello et al., "Can applications recover from fsync failures?", 2020).
   */
  failSync(prng: Prng): void {
    this.#changes = this.#changes.filter(() => prng.chance(0.5));
  }

  crash(prng: Prng, policy: CrashPolicy): void {
    for (const write of this.#inFlight) {
      const bytes = concatBytes(write.parts);
      this.#changes.push({ kind: "write", position: write.position, bytes, sequence: ++this.#sequence });
    }
    this.#inFlight.clear();
    for (const change of this.#changes) applyAfterCrash(this.#durable, change, prng, policy);
    this.#changes = [];
    this.#current = this.#durable.clone();
  }

  /** The process that was writing has died: its writes in flight end somewhere. */
  release(prng: Prng): void {
    for (const write of [...this.#inFlight]) this.end(write, prng.below(totalBytes(write.parts) + 1));
  }

  /** A file of its own, with the same bytes and the same changes waiting. */
  clone(): StoredFile {
    const copy = new StoredFile();
    copy.#current = this.#current.clone();
    copy.#durable = this.#durable.clone();
    copy.#changes = [...this.#changes];
    copy.#sequence = this.#sequence;
    // A program may use its buffer again as soon as it is answered.
    for (const { position, parts } of this.#inFlight)
      copy.#inFlight.add({ position, parts: [concatBytes(parts)] });
    return copy;
  }

  /** Bit rot: of what is on the disk and of what reads see. */
  flipBit(position: number, bit: number): void {
    this.#durable.flipBit(position, bit);
    this.#current.flipBit(position, bit);
  }
}

function applyWhole(durable: GrowableBytes, change: FileChange): void {
  if (change.kind === "truncate") durable.resize(change.sizeBytes);
  else durable.write(change.position, change.bytes);
}

function applyAfterCrash(durable: GrowableBytes, change: FileChange, prng: Prng, policy: CrashPolicy): void {
  const sectors = change.kind === "write" ? sectorsOf(change.position, change.bytes.length) : undefined;
  const fate = policy.fateOf(prng, sectors?.length);
  if (fate === "drop") return;
  if (fate === "keep" || change.kind === "truncate" || sectors === undefined) applyWhole(durable, change);
  else if (fate === "misdirect") misdirect(durable, change.bytes, prng);
  else tear(durable, change, sectors, policy.tear(prng, sectors.length));
}

/** To the beginning of some sector of the file. */
function misdirect(durable: GrowableBytes, bytes: Uint8Array, prng: Prng): void {
  const sectors = Math.max(1, Math.floor(durable.size / SECTOR_BYTES));
  durable.write(prng.below(sectors) * SECTOR_BYTES, bytes);
}

function tear(
  durable: GrowableBytes,
  { position, bytes }: { readonly position: number; readonly bytes: Uint8Array },
  sectors: readonly Sector[],
  torn: Tear,
): void {
  sectors.forEach(({ start, end }, index) => {
    if (torn.sectors[index] === true) durable.write(position + start, bytes.subarray(start, end));
  });
  if (torn.hasGrown) durable.resize(Math.max(durable.size, position + bytes.length));
}

/** A piece of a write that lies in one sector of the file, as offsets into the write. */
interface Sector {
  readonly start: number;
  readonly end: number;
}

/** The pieces of a write that lie in different sectors of the file. */
function sectorsOf(position: number, length: number): Sector[] {
  const sectors: Sector[] = [];
  let start = 0;
  while (start < length) {
    const end = Math.min(length, start + SECTOR_BYTES - ((position + start) % SECTOR_BYTES));
    sectors.push({ start, end });
    start = end;
  }
  return sectors;
}
