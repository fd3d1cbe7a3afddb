/**
 * Segments and chunk index after a power loss at every sync point, with every choice of what reached the disk: what was acknowledged is there and
 * right, what was unlinked is gone, nothing else appears, and nothing is taken for damage. See `platform/testing/crash-images.ts`.
 */

import { expect, test } from "vitest";
import {
  CRASH_TEST_TIMEOUT_MS,
  type CrashScript,
  type CrashSubject,
  type CrashWorld,
  crashBudget,
  type Recovered,
  tryCrashes,
} from "../platform/testing/crash-images.ts";
import { openSegmentStore } from "./open-store.ts";
import type { SegmentStore } from "./ports.ts";
import {
  blobIdOf,
  bytesOf,
  chunkOf,
  expectBytes,
  SMALL,
  TEST_DIRECTORY,
  TEST_IDENTITY,
} from "./testing/harness.ts";

interface Progress {
  /** Acknowledged, and nobody has asked to unlink them. */
  readonly stored: ReadonlySet<string>;
  /** The unlink was acknowledged. */
  readonly gone: ReadonlySet<string>;
  /** Everything that was ever appended. */
  readonly begun: ReadonlySet<string>;
}

/** The chunks that are there, every byte of them verified. */
type Held = readonly string[];

/** Small segments: each script fills and seals several of them. */
const SETTINGS = { ...SMALL, segmentBytes: 24 * 1024, checkpointBytes: 16 * 1024 };

async function open({ machine }: CrashWorld): Promise<SegmentStore> {
  const { platform } = machine.boot();
  return await openSegmentStore({
    ...platform,
    directory: TEST_DIRECTORY,
    identity: TEST_IDENTITY,
    settings: SETTINGS,
    onDamage: (damage) => {
      throw new Error(`taken for damage: ${JSON.stringify(damage)}`);
    },
  });
}

/** Longer than one block now and then, and never the same. */
function lengthOf(blob: number, chunkIndex: number): number {
  return blob % 7 === 5 ? 70_000 + blob : 1500 + 313 * blob + 77 * chunkIndex;
}

async function heldBy(store: SegmentStore): Promise<Held> {
  const held: string[] = [];
  for await (const { blobId, chunkIndex, length } of store.inventory()) {
    const blob = new DataView(blobId.buffer, blobId.byteOffset).getUint32(12);
    const { pieces } = await store.read({ blobId, chunkIndex }, 0, length);
    expectBytes(pieces, bytesOf(blob, chunkIndex, lengthOf(blob, chunkIndex)), `${blob}/${chunkIndex}`);
    held.push(`${blob}/${chunkIndex}`);
  }
  return held.sort();
}

class Script implements CrashScript<Progress> {
  readonly finished: Promise<void>;
  readonly #world: CrashWorld;
  readonly #stored = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #begun = new Set<string>();

  constructor(world: CrashWorld) {
    this.#world = world;
    this.finished = this.#run();
  }

  progress(): Progress {
    const copies = [this.#stored, this.#gone, this.#begun].map((keys) => new Set(keys));
    return { stored: copies[0]!, gone: copies[1]!, begun: copies[2]! };
  }

  /** Chunks that wait for each other and chunks that share a group, unlinks of what is sealed and of what is open, a reopening. */
  async #run(): Promise<void> {
    let store = await open(this.#world);
    for (let blob = 0; blob < 14; blob++) {
      if (blob === 9) {
        await store.close();
        store = await open(this.#world);
      }
      const appends = [0, 1].map((chunkIndex) => this.#append(store, blob, chunkIndex));
      if (blob % 2 === 0) await Promise.all(appends);
      if (blob % 3 === 2) await Promise.all([...appends, this.#unlink(store, [blob - 1, blob - 2])]);
      await Promise.all(appends);
    }
    await this.#unlink(store, [9, 12]);
    await store.close();
  }

  async #append(store: SegmentStore, blob: number, chunkIndex: number): Promise<void> {
    const key = `${blob}/${chunkIndex}`;
    this.#begun.add(key);
    await store.append(chunkOf(blob, chunkIndex, lengthOf(blob, chunkIndex)));
    this.#stored.add(key);
  }

  async #unlink(store: SegmentStore, blobs: readonly number[]): Promise<void> {
    const keys = blobs.flatMap((blob) => [`${blob}/0`, `${blob}/1`]);
    for (const key of keys) this.#stored.delete(key);
    await store.unlink(blobs.map(blobIdOf));
    for (const key of keys) this.#gone.add(key);
  }
}

function subject(options: { readonly losesIndex: boolean }): CrashSubject<Progress, Held> {
  const recover = async (world: CrashWorld): Promise<Recovered<Held>> => {
    if (options.losesIndex) await loseIndex(world);
    const store = await open(world);
    const state = await heldBy(store);
    expect(store.status()).toMatchObject({ writable: true, damaged: 0 });
    const goOn = async (): Promise<Held> => {
      const unlinked = state.filter((key) => Number(key.split("/")[0]) % 2 === 0);
      await Promise.all([100, 101, 102].map((blob) => store.append(chunkOf(blob, 0, lengthOf(blob, 0)))));
      await store.unlink(unlinked.map((key) => blobIdOf(Number(key.split("/")[0]))));
      await store.append(chunkOf(103, 0, lengthOf(103, 0)));
      const kept = state.filter((key) => !unlinked.includes(key));
      return [...kept, "100/0", "101/0", "102/0", "103/0"].sort();
    };
    return { state, goOn };
  };
  return {
    name: options.losesIndex ? "segments whose index is lost" : "segments and their index",
    run: (world) => new Script(world),
    recover,
    check: (held, { stored, gone, begun }) => {
      for (const key of stored) expect(held, `acknowledged chunk ${key}`).toContain(key);
      for (const key of held) {
        expect(begun, "a chunk that nobody appended").toContain(key);
        expect(gone, "an unlinked chunk").not.toContain(key);
      }
    },
    checkStays: (before, after) => {
      expect(after).toEqual(before);
    },
  };
}

async function loseIndex({ machine }: CrashWorld): Promise<void> {
  const { disk } = machine.boot().platform;
  await disk.removeTree(`${TEST_DIRECTORY}/index`);
  if (await disk.exists(TEST_DIRECTORY)) await disk.syncDirectory(TEST_DIRECTORY);
}

test.each([{ losesIndex: false }, { losesIndex: true }])(
  "segments hold what they promised, whatever a power loss leaves ($losesIndex)",
  async (options) => {
    const counts = await tryCrashes(subject(options), crashBudget("segments", 16));
    expect(counts.images).toBeGreaterThan(80);
  },
  CRASH_TEST_TIMEOUT_MS,
);
