import type { Timers } from "../platform/index.ts";
import type { ChunkData } from "../segment/index.ts";
import { BlobError } from "./errors.ts";
import type { BlobPlacement, ChunkTargets } from "./ports.ts";

export interface FanOutOptions {
  readonly targets: ChunkTargets;
  readonly placement: BlobPlacement;
  readonly timers: Timers;
  /** How long a chunk that has its quorum waits for the remaining nodes, in milliseconds. */
  readonly stragglerMs: number;
  readonly signal: AbortSignal;
}

/**
 * Writes the chunks of one blob to its copyset, all nodes at once. A node that fails is replaced by a spare for the rest of the blob and not asked again; one
 * that is merely slow is left behind once the others have made the chunk durable. Where that, chunk by chunk, would leave fewer nodes than a quorum, a spare is
 * taken in, and where there is none, all that were left behind are asked again.
 */
export class FanOut {
  readonly #options: FanOutOptions;
  readonly #active: number[];
  readonly #spares: number[];
  /** Left behind, and well as far as is known. */
  readonly #slow = new Set<number>();
  /** Of each chunk that is under way: goes to the nodes that were taken in. */
  readonly #underWay = new Set<() => void>();
  readonly #failures: unknown[] = [];

  constructor(options: FanOutOptions) {
    this.#options = options;
    this.#active = [...options.placement.nodeIds];
    this.#spares = [...options.placement.spareNodeIds];
  }

  /**
   * Resolves with the nodes that have made the chunk durable, in the order of the copyset, when these are a write quorum and the others have answered or been
   * left behind. `onUnread` is called once, then or later: when no write reads the chunk's memory any more, those that were given up included.
   */
  write(chunk: ChunkData, onUnread: () => void): Promise<readonly number[]> {
    return new Promise<readonly number[]>((resolve, reject) => {
      const { placement, timers, stragglerMs, signal } = this.#options;
      const durable = new Set<number>();
      const pending = new Map<number, AbortController>();
      let finished = false;
      let straggler: { cancel(): void } | undefined;

      const end = (): void => {
        finished = true;
        straggler?.cancel();
        this.#underWay.delete(startTakenIn);
        signal.removeEventListener("abort", onAbort);
        if (pending.size === 0) onUnread();
      };
      const finish = (): void => {
        end();
        const order = [...this.#active, ...[...durable].filter((id) => !this.#active.includes(id))];
        resolve(order.filter((id) => durable.has(id)));
      };
      const fail = (error: unknown): void => {
        end();
        for (const controller of pending.values()) controller.abort(error);
        reject(error);
      };
      const onAbort = (): void => fail(new BlobError("canceled", "the write was given up"));
      const leaveBehind = (): void => {
        if (finished) return;
        for (const [nodeId, controller] of pending) {
          this.#leaveBehind(nodeId);
          controller.abort(new BlobError("unavailable", "too slow: left behind"));
        }
        finish();
        for (const startOther of this.#underWay) startOther();
      };
      const settle = (): void => {
        if (finished) return;
        if (durable.size >= placement.writeQuorum) {
          if (pending.size === 0) finish();
          else straggler ??= timers.after(stragglerMs, leaveBehind);
        } else if (durable.size + pending.size < placement.writeQuorum) {
          fail(this.#refusal());
        }
      };
      const started = new Set<number>();
      const start = (nodeId: number): void => {
        started.add(nodeId);
        const target = this.#options.targets.target(nodeId);
        const controller = new AbortController();
        pending.set(nodeId, controller);
        const written =
          target === undefined
            ? Promise.reject(new BlobError("unavailable", `node ${nodeId} has no address`))
            : target.write(chunk, placement.layoutEpoch, controller.signal);
        const answered = (): void => {
          pending.delete(nodeId);
          if (finished && pending.size === 0) onUnread();
        };
        written.then(
          () => {
            answered();
            durable.add(nodeId);
            settle();
          },
          (error: unknown) => {
            answered();
            if (finished) return;
            this.#replace(nodeId, error);
            startActive();
            settle();
          },
        );
      };
      // Also those that another chunk took in, for the same node or another one.
      const startActive = (): void => {
        for (const nodeId of [...this.#active]) if (!started.has(nodeId)) start(nodeId);
      };
      const startTakenIn = (): void => {
        if (durable.size < placement.writeQuorum) startActive();
      };

      if (signal.aborted) return onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      this.#underWay.add(startTakenIn);
      startActive();
      settle();
    });
  }

  #drop(nodeId: number): void {
    const position = this.#active.indexOf(nodeId);
    if (position >= 0) this.#active.splice(position, 1);
  }

  /** Takes the slow node out, unless another chunk has done so already. */
  #leaveBehind(nodeId: number): void {
    if (!this.#active.includes(nodeId)) return;
    this.#drop(nodeId);
    this.#slow.add(nodeId);
    if (this.#isShort()) this.#takeInSpare();
    this.#takeInSlow();
  }

  /** Takes the failed node out and a spare in, if there is one, and unless another chunk has done so already. */
  #replace(nodeId: number, error: unknown): void {
    this.#failures.push(error);
    this.#slow.delete(nodeId);
    if (!this.#active.includes(nodeId)) return;
    this.#drop(nodeId);
    this.#takeInSpare();
    this.#takeInSlow();
  }

  #isShort(): boolean {
    return this.#active.length < this.#options.placement.writeQuorum;
  }

  #takeInSpare(): void {
    const spare = this.#spares.shift();
    if (spare !== undefined) this.#active.push(spare);
  }

  /** All of them: nobody knows which one is fast again. */
  #takeInSlow(): void {
    if (!this.#isShort()) return;
    this.#active.push(...this.#slow);
    this.#slow.clear();
  }

  #refusal(): BlobError {
    const full = this.#failures.length > 0 && this.#failures.every((error) => codeOf(error) === "no-space");
    const cause = { cause: this.#failures.at(-1) };
    return full
      ? new BlobError("storage-full", "the nodes that could take the bytes are full", cause)
      : new BlobError("unavailable", "too few nodes could make the bytes durable", cause);
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}
