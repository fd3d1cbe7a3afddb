/** Repair and moving of copies, by the Raft leader for the whole cluster. */

import { create } from "@bufbuild/protobuf";
import { InvariantViolation, toHex } from "../../base/index.ts";
import {
  DropCopiesSchema,
  DroppedCopySchema,
  RehomeBlobsSchema,
  RehomedBlobSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import type { BlobRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { CommandBody } from "../../meta/ports.ts";
import type { Clock, Timers } from "../../platform/ports.ts";
import type { ClusterWorker, HealthView, RaftControl } from "../ports.ts";
import { submitTimeoutMs } from "../workers/submit.ts";
import { Candidates } from "./candidates.ts";
import type { CopyOutcome, WantedBlob } from "./copier.ts";
import { decideBlob } from "./decide.ts";
import { type CopyRequestPlan, planRepairs, type RepairPlan } from "./plan.ts";
import type { RepairMetadata } from "./ports.ts";
import { type Loads, lighterHome, loadsOf } from "./rebalance.ts";
import { createWorld, presentNodes, type RepairWorld, Silences } from "./world.ts";

/** Bytes that one node is asked for at a time. */
const REQUEST_BYTES = 64 * 1024 * 1024;
/** Plans that one unit makes of the same blobs, so that a unit stays short. */
const MAX_ROUNDS = 4;
/** How long a copy that failed is left alone, in milliseconds. */
const RETRY_MS = 30_000;
/** Failed copies that are remembered. */
const MAX_FAILURES = 10_000;

export interface RepairSettings {
  /** Silence after which a node's copies are made anew elsewhere, in milliseconds. A last copy is not waited for. */
  readonly lossDelayMs: number;
  /** Bytes a second that the cluster copies for repair and moving. */
  readonly bytesPerSecond: number;
  /** Nodes that copy at once. */
  readonly concurrency: number;
}

export interface RepairWorkerOptions {
  readonly metadata: RepairMetadata;
  readonly raft: Pick<RaftControl, "status">;
  readonly health: HealthView;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly timers: Pick<Timers, "sleep">;
  readonly settings: RepairSettings;
  /** Makes a node copy; rejects when it cannot be asked. */
  readonly request: (
    destination: number,
    wanted: readonly WantedBlob[],
    signal: AbortSignal,
  ) => Promise<readonly CopyOutcome[]>;
}

/** Looks at one page of blobs a unit, and does what `decideBlob` says about each, within the limits. */
export function repairWorker(options: RepairWorkerOptions): ClusterWorker {
  const repair = new Repair(options);
  return {
    name: "repair",
    idleMs: 2_000,
    runUnit: (signal) => repair.runUnit(signal),
    progress: () => {
      const total = options.metadata.view.underReplicatedTotal().blobs;
      return { done: repair.repairedBlobs, total: repair.repairedBlobs + total, unit: "blobs" };
    },
  };
}

class Repair {
  readonly #options: RepairWorkerOptions;
  readonly #silences = new Silences();
  readonly #candidates: Candidates;
  /** Until when each copy that failed is left alone, by "blob id/node". */
  readonly #failures = new Map<string, number>();
  #wasLeader = false;
  #didSomething = false;
  repairedBlobs = 0;

  constructor(options: RepairWorkerOptions) {
    this.#options = options;
    this.#candidates = new Candidates(options.metadata.view);
  }

  async runUnit(signal: AbortSignal): Promise<"more" | "idle"> {
    const { raft, clock } = this.#options;
    const world = await this.#observe();
    const isLeader = raft.status().role === "leader";
    if (isLeader && !this.#wasLeader) this.#candidates.reset();
    this.#wasLeader = isLeader;
    if (!isLeader) return "idle";
    const page = await this.#candidates.next(world, clock.monotonicMs());
    if (page === undefined) {
      const again = this.#didSomething;
      this.#didSomething = false;
      return again ? "more" : "idle";
    }
    const did = await this.#work(page.blobs, page.isSweep, signal);
    this.#didSomething ||= did;
    return "more";
  }

  /** The cluster as it is now. */
  async #observe(): Promise<RepairWorld> {
    const { metadata, health, clock, settings } = this.#options;
    const { view } = metadata;
    const nodes = presentNodes(await view.nodes());
    const nowMs = clock.monotonicMs();
    this.#silences.observe(
      nodes.map(({ nodeId }) => Number(nodeId)),
      health,
      nowMs,
    );
    const silentMs = (nodeId: number) => this.#silences.silentMs(nodeId, nowMs);
    const copysets = { open: () => view.openCopysets(), get: (id: bigint) => view.copyset(id) };
    return createWorld({ nodes, copysets, health, silentMs, lossDelayMs: settings.lossDelayMs });
  }

  /** Plans and acts on the same blobs until there is nothing left to be done about them now. True: something was done. */
  async #work(blobs: readonly BlobRow[], isSweep: boolean, signal: AbortSignal): Promise<boolean> {
    const { metadata, settings } = this.#options;
    let did = false;
    let rows = blobs;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      signal.throwIfAborted();
      const world = await this.#observe();
      const limits = { concurrency: settings.concurrency, requestBytes: REQUEST_BYTES };
      const plan = planRepairs(rows, world, limits, (blob, node) => this.#mayTry(blob, node));
      const loads = isSweep && round === 0 ? this.#loads(world) : undefined;
      const rehomes = [...plan.rehomes, ...(loads === undefined ? [] : lighter(rows, plan, world, loads))];
      if (rehomes.length + plan.drops.length + plan.requests.length === 0) return did;
      did = true;
      await this.#rehome(rehomes, signal);
      await this.#drop(plan.drops, signal);
      await this.#copy(plan.requests, signal);
      rows = await metadata.view.blobs(rows.map(({ blobId }) => blobId));
    }
    return did;
  }

  #loads(world: RepairWorld): Loads {
    return loadsOf(world, (nodeId) => this.#options.metadata.view.holdings(nodeId).bytes);
  }

  async #rehome(rehomes: RepairPlan["rehomes"], signal: AbortSignal): Promise<void> {
    if (rehomes.length === 0) return;
    const blobs = rehomes.map(({ blob, toCopysetId }) =>
      create(RehomedBlobSchema, { blobId: blob.blobId, fromCopysetId: blob.copysetId, toCopysetId }),
    );
    await this.#submit({ case: "rehomeBlobs", value: create(RehomeBlobsSchema, { blobs }) }, signal);
  }

  async #drop(drops: RepairPlan["drops"], signal: AbortSignal): Promise<void> {
    if (drops.length === 0) return;
    const copies = drops.map(({ blob, nodeId }) =>
      create(DroppedCopySchema, { blobId: blob.blobId, nodeId: BigInt(nodeId) }),
    );
    await this.#submit({ case: "dropCopies", value: create(DropCopiesSchema, { copies }) }, signal);
  }

  async #submit(body: CommandBody, signal: AbortSignal): Promise<void> {
    await this.#options.metadata.submit(body, { timeoutMs: submitTimeoutMs, signal });
  }

  /** All nodes at once, then a rest that keeps the mean within the limit. */
  async #copy(requests: readonly CopyRequestPlan[], signal: AbortSignal): Promise<void> {
    if (requests.length === 0) return;
    const { clock, timers, settings } = this.#options;
    const begunMs = clock.monotonicMs();
    const copied = await Promise.all(requests.map((request) => this.#copyTo(request, signal)));
    const bytes = copied.reduce((sum, each) => sum + each, 0);
    const restMs = (bytes / settings.bytesPerSecond) * 1000 - (clock.monotonicMs() - begunMs);
    if (restMs > 0) await timers.sleep(restMs, signal);
  }

  /** Bytes that the node has now. What fails is left alone for a while; the others go on. */
  async #copyTo({ destination, copies }: CopyRequestPlan, signal: AbortSignal): Promise<number> {
    const wanted = copies.map(({ blob, step }): WantedBlob => ({ blobId: blob.blobId, chunks: step.chunks }));
    try {
      const outcomes = await this.#options.request(destination, wanted, signal);
      let bytes = 0;
      for (const { blobId, recordedBytes, problem } of outcomes) {
        bytes += recordedBytes;
        if (problem === undefined) this.repairedBlobs++;
        else this.#failed(blobId, destination);
      }
      return bytes;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof InvariantViolation) throw error;
      for (const { blob } of copies) this.#failed(blob.blobId, destination);
      return 0;
    }
  }

  #failed(blobId: Uint8Array, nodeId: number): void {
    if (this.#failures.size >= MAX_FAILURES) this.#failures.clear();
    this.#failures.set(`${toHex(blobId)}/${nodeId}`, this.#options.clock.monotonicMs() + RETRY_MS);
  }

  #mayTry(blob: BlobRow, nodeId: number): boolean {
    const name = `${toHex(blob.blobId)}/${nodeId}`;
    const untilMs = this.#failures.get(name);
    if (untilMs === undefined) return true;
    if (this.#options.clock.monotonicMs() < untilMs) return false;
    this.#failures.delete(name);
    return true;
  }
}

/** Homes with less on them, for the blobs that nothing else is to be done about. */
function lighter(
  rows: readonly BlobRow[],
  plan: RepairPlan,
  world: RepairWorld,
  loads: Loads,
): { readonly blob: BlobRow; readonly toCopysetId: bigint }[] {
  const busy = new Set([...plan.rehomes, ...plan.drops].map(({ blob }) => blob));
  for (const { copies } of plan.requests) for (const { blob } of copies) busy.add(blob);
  let bytes = 0;
  return rows.flatMap((blob) => {
    const isSettled = !busy.has(blob) && decideBlob(blob, world).kind === "nothing";
    const toCopysetId = isSettled && !blob.isInline ? lighterHome(blob, world, loads) : undefined;
    // As much as the rounds of this unit can move; the loads are looked at again for the next page.
    if (toCopysetId === undefined || bytes >= REQUEST_BYTES) return [];
    bytes += Number(blob.size);
    return [{ blob, toCopysetId }];
  });
}
