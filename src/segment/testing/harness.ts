/** A store on a simulated machine, and chunks for it: what the tests of this module share. */

import { concatBytes, createPrng, equalBytes, type Prng } from "../../base/index.ts";
import { PlainHasher } from "../../platform/node/plain-hasher.ts";
import { type SimBoot, SimMachine, Simulation } from "../../platform/sim/index.ts";
import { blockChecksums } from "../checksums.ts";
import { openSegmentStore } from "../open-store.ts";
import type { ChunkAddress, ChunkData, SegmentDamage, SegmentStore } from "../ports.ts";
import type { SegmentStoreSettings } from "../store.ts";

export const TEST_IDENTITY = { clusterId: "c1", incarnation: "i1", diskId: "d1" } as const;
export const TEST_DIRECTORY = "/data/disk1";
export const SEGMENTS = `${TEST_DIRECTORY}/segments`;

/** Small enough that rotation, checkpoints and limits are met all the time. */
export const SMALL: Partial<SegmentStoreSettings> = {
  segmentBytes: 64 * 1024,
  checkpointBytes: 48 * 1024,
  idleSealMs: 10_000,
  reserveBytes: 4096,
  probeFullMs: 100,
  probeFailedMs: 1000,
};

export const hasher = new PlainHasher();

/** A chunk with bytes that follow from its address; `pieces` are cut at random places. */
export function chunkOf(blob: number, chunkIndex: number, length: number, prng?: Prng): ChunkData {
  const bytes = bytesOf(blob, chunkIndex, length);
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < length; ) {
    const end = prng === undefined ? length : Math.min(length, start + 1 + prng.below(length));
    pieces.push(bytes.subarray(start, end));
    start = end;
  }
  const checksums = blockChecksums(hasher, pieces, length);
  return { blobId: blobIdOf(blob), chunkIndex, length, pieces, blockChecksums: checksums };
}

export function bytesOf(blob: number, chunkIndex: number, length: number): Uint8Array {
  const pattern = createPrng(`${blob}/${chunkIndex}`).bytes(Math.min(length, 997));
  const bytes = new Uint8Array(length);
  for (let start = 0; start < length; start += pattern.length) {
    bytes.set(pattern.subarray(0, length - start), start);
  }
  return bytes;
}

/** `toEqual` compares arrays element by element, slowly. */
export function expectBytes(found: readonly Uint8Array[], wanted: Uint8Array, what = ""): void {
  if (!equalBytes(concatBytes(found), wanted)) throw new Error(`other bytes than were stored: ${what}`);
}

export function blobIdOf(blob: number): Uint8Array {
  const id = new Uint8Array(16);
  new DataView(id.buffer).setUint32(12, blob);
  return id;
}

/** One simulated disk whose store can be opened, killed and crashed again and again. */
export class StoreHarness {
  readonly simulation: Simulation;
  readonly machine: SimMachine;
  readonly damage: SegmentDamage[] = [];
  readonly settings: Partial<SegmentStoreSettings>;
  boot: SimBoot;

  constructor(seed: string | number, settings: Partial<SegmentStoreSettings> = SMALL) {
    this.simulation = new Simulation(seed);
    this.machine = new SimMachine(this.simulation, "m");
    this.settings = settings;
    this.boot = this.machine.boot();
  }

  /** Opens the store in the running process. */
  open(
    identity: typeof TEST_IDENTITY | Record<keyof typeof TEST_IDENTITY, string> = TEST_IDENTITY,
  ): Promise<SegmentStore> {
    return this.run(this.begin(identity));
  }

  /** The same without letting time pass. */
  begin(identity: Record<keyof typeof TEST_IDENTITY, string> = TEST_IDENTITY): Promise<SegmentStore> {
    return openSegmentStore({
      ...this.boot.platform,
      directory: TEST_DIRECTORY,
      identity,
      settings: this.settings,
      onDamage: (damage) => this.damage.push(damage),
    });
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.simulation.complete(promise, 600_000);
  }

  /** Power loss, and a new process. */
  crash(unsynced: "keep" | "drop" | "random" = "random"): void {
    this.machine.crash(unsynced);
    this.boot = this.machine.boot();
  }

  /** kill -9, and a new process. */
  kill(): void {
    this.machine.kill();
    this.boot = this.machine.boot();
  }

  async inventory(store: SegmentStore): Promise<(ChunkAddress & { readonly length: number })[]> {
    const found: (ChunkAddress & { readonly length: number })[] = [];
    const gather = async (): Promise<void> => {
      for await (const chunk of store.inventory()) found.push(chunk);
    };
    await this.run(gather());
    return found;
  }

  /** Names of the segment files. */
  segments(): string[] {
    return this.machine.volume
      .files()
      .filter((file) => file.path.startsWith(`${SEGMENTS}/`))
      .map((file) => file.path.slice(SEGMENTS.length + 1));
  }
}

/** The bytes of a read, joined. */
export function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return concatBytes(pieces);
}
