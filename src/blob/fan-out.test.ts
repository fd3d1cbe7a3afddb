/** The promise: a chunk counts when a quorum has made it durable, and as long as so many nodes are well, however slow in between, none is refused. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Deferred } from "../base/index.ts";
import type { Timers } from "../platform/index.ts";
import type { ChunkData } from "../segment/index.ts";
import { FanOut } from "./fan-out.ts";
import type { ChunkTargets } from "./ports.ts";

interface Asked {
  readonly nodeId: number;
  readonly chunkIndex: number;
  readonly answer: Deferred<void>;
}

interface Nodes {
  readonly nodeIds: readonly number[];
  readonly spareNodeIds?: readonly number[];
  readonly writeQuorum: number;
}

/** A blob that is written to nodes which answer when they are told to, by timers that end when they are told to. */
class Rig {
  /** Writes that have neither been answered nor been given up. */
  readonly pending: Asked[] = [];
  readonly #timers = new Set<() => void>();
  readonly #failed = new Set<number>();
  readonly #fanOut: FanOut;

  constructor({ nodeIds, spareNodeIds = [], writeQuorum }: Nodes) {
    this.#fanOut = new FanOut({
      targets: this.#targets(),
      placement: { copysetId: 1, layoutEpoch: 1, nodeIds, spareNodeIds, writeQuorum },
      timers: { after: (_: number, action: () => void) => this.#after(action) } as unknown as Timers,
      stragglerMs: 1,
      signal: new AbortController().signal,
    });
  }

  /** Begins to write it; the nodes that have it in the end. */
  async write(chunkIndex: number): Promise<number[]> {
    const chunk = { chunkIndex } as ChunkData;
    return [...(await this.#fanOut.write(chunk, () => undefined))];
  }

  /** The nodes that have been asked and have not answered. */
  asked(chunkIndex: number): number[] {
    return this.pending.filter((asked) => asked.chunkIndex === chunkIndex).map(({ nodeId }) => nodeId);
  }

  async answer(chunkIndex: number, ...nodeIds: number[]): Promise<void> {
    for (const nodeId of nodeIds) {
      const asked = this.pending.find((other) => other.nodeId === nodeId && other.chunkIndex === chunkIndex);
      if (asked === undefined) throw new Error(`node ${nodeId} was not asked for chunk ${chunkIndex}`);
      asked.answer.resolve();
    }
    await settled();
  }

  /** From now on, all that the node is asked fails. */
  async fail(nodeId: number): Promise<void> {
    this.#failed.add(nodeId);
    for (const asked of this.pending.filter((other) => other.nodeId === nodeId)) asked.answer.reject(BROKEN);
    await settled();
  }

  async timePasses(): Promise<void> {
    for (const action of [...this.#timers]) action();
    await settled();
  }

  #after(action: () => void) {
    this.#timers.add(action);
    return { cancel: () => this.#timers.delete(action) };
  }

  #targets(): ChunkTargets {
    const write = async (nodeId: number, { chunkIndex }: ChunkData, signal: AbortSignal): Promise<void> => {
      if (this.#failed.has(nodeId)) throw BROKEN;
      const asked = { nodeId, chunkIndex, answer: new Deferred<void>() };
      this.pending.push(asked);
      signal.addEventListener("abort", () => asked.answer.reject(signal.reason), { once: true });
      try {
        await asked.answer.promise;
      } finally {
        this.pending.splice(this.pending.indexOf(asked), 1);
      }
    };
    return {
      target: (nodeId: number) => ({
        nodeId,
        write: (chunk: ChunkData, _: number, signal: AbortSignal) => write(nodeId, chunk, signal),
      }),
    } as unknown as ChunkTargets;
  }
}

const BROKEN = new Error("the node broke");

/** Everything that follows from what has happened has happened. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("nodes that are slow one after the other", () => {
  /** Of two chunks under way, node 1 is slow for the first and node 2 for the second. */
  async function slowInTurn(spareNodeIds: readonly number[]) {
    const rig = new Rig({ nodeIds: [1, 2, 3], spareNodeIds, writeQuorum: 2 });
    const first = rig.write(0);
    const second = rig.write(1);
    await rig.answer(0, 2, 3);
    await rig.timePasses();
    expect(await first).toEqual([2, 3]);
    const third = rig.write(2);
    await rig.answer(1, 1, 3);
    await rig.answer(2, 3);
    expect(rig.asked(2)).toEqual([2]);
    await rig.timePasses();
    expect((await second).toSorted()).toEqual([1, 3]);
    return { rig, third };
  }

  it("are replaced by a spare before they are fewer than a quorum, also for the chunk that waits for them", async () => {
    const { rig, third } = await slowInTurn([4]);
    expect(rig.asked(2)).toEqual([2, 4]);
    await rig.answer(2, 4);
    await rig.timePasses();
    expect(await third).toEqual([3, 4]);
    const fourth = rig.write(3);
    expect(rig.asked(3)).toEqual([3, 4]);
    await rig.answer(3, 3, 4);
    expect(await fourth).toEqual([3, 4]);
  });

  it("are asked again where there is no spare", async () => {
    const { rig, third } = await slowInTurn([]);
    expect(rig.asked(2)).toEqual([2, 1]);
    await rig.answer(2, 1, 2);
    expect((await third).toSorted()).toEqual([1, 2, 3]);
    const fourth = rig.write(3);
    expect(rig.asked(3).toSorted()).toEqual([1, 2, 3]);
    await rig.answer(3, 1, 2, 3);
    expect((await fourth).toSorted()).toEqual([1, 2, 3]);
  });

  it("are asked again where another one fails, and that one is not", async () => {
    const rig = new Rig({ nodeIds: [1, 2, 3], writeQuorum: 2 });
    const first = rig.write(0);
    await rig.answer(0, 2, 3);
    await rig.timePasses();
    await first;
    const second = rig.write(1);
    expect(rig.asked(1)).toEqual([2, 3]);
    await rig.fail(2);
    expect(rig.asked(1)).toEqual([3, 1]);
    await rig.answer(1, 3, 1);
    expect(await second).toEqual([3, 1]);
    const third = rig.write(2);
    expect(rig.asked(2)).toEqual([3, 1]);
    await Promise.all([rig.fail(1), expect(third).rejects.toMatchObject({ code: "unavailable" })]);
  });
});

it("no write is refused, and each is at a quorum, while as many nodes are well as that needs", async () => {
  const scenarios = fc.record({
    writeQuorum: fc.integer({ min: 1, max: 3 }),
    more: fc.integer({ min: 0, max: 2 }),
    spares: fc.integer({ min: 0, max: 2 }),
    choices: fc.array(fc.nat({ max: 999 }), { minLength: 10, maxLength: 60 }),
  });
  // A failure says the seed.
  const promise = fc.asyncProperty(scenarios, async ({ writeQuorum, more, spares, choices }) => {
    const count = writeQuorum + more;
    const all = Array.from({ length: count + spares }, (_, at) => at + 1);
    const rig = new Rig({ nodeIds: all.slice(0, count), spareNodeIds: all.slice(count), writeQuorum });
    const well = new Set(all);
    const writes: Promise<number[]>[] = [];
    let ended = 0;
    const begin = async () => {
      const writing = rig.write(writes.length).finally(() => ended++);
      writing.catch(() => undefined);
      writes.push(writing);
      await settled();
    };
    for (const choice of choices) {
      const asked = rig.pending[choice % Math.max(rig.pending.length, 1)];
      if (choice % 10 === 0) await rig.timePasses();
      else if (choice % 10 === 1 && well.size > writeQuorum) {
        const nodeId = [...well][choice % well.size]!;
        well.delete(nodeId);
        await rig.fail(nodeId);
      } else if (asked !== undefined && choice % 10 > 4) await rig.answer(asked.chunkIndex, asked.nodeId);
      else if (writes.length - ended < 2) await begin();
    }
    // All that are asked answer in the end.
    while (rig.pending.length > 0) await rig.answer(rig.pending[0]!.chunkIndex, rig.pending[0]!.nodeId);
    for (const nodeIds of await Promise.all(writes)) {
      expect(nodeIds.length).toBeGreaterThanOrEqual(writeQuorum);
      expect(new Set(nodeIds).size).toBe(nodeIds.length);
    }
  });
  await fc.assert(promise, { numRuns: 300 });
});
