/** Puts the steps of many blobs together: who is asked for what, within limits. Pure. */

import type { BlobRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { type CopyStep, decideBlob } from "./decide.ts";
import type { RepairWorld } from "./world.ts";

/** Blobs that one node is asked for at a time. */
export const MAX_REQUEST_BLOBS = 64;

export interface PlanLimits {
  /** Nodes that copy at once. */
  readonly concurrency: number;
  /** Bytes that one node is asked for at a time. */
  readonly requestBytes: number;
}

export interface PlannedCopy {
  readonly blob: BlobRow;
  readonly step: CopyStep;
}

export interface CopyRequestPlan {
  readonly destination: number;
  readonly copies: readonly PlannedCopy[];
  readonly bytes: number;
}

export interface RepairPlan {
  readonly rehomes: readonly { readonly blob: BlobRow; readonly toCopysetId: bigint }[];
  readonly drops: readonly { readonly blob: BlobRow; readonly nodeId: number }[];
  readonly requests: readonly CopyRequestPlan[];
  /** Blobs of which a copy is missing and nothing can be done now. */
  readonly stuck: number;
  /** Blobs whose missing copy may come back. */
  readonly waiting: number;
}

/**
 * What to do about these blobs now. Those with the fewest copies left come first; then missing copies, then misplaced ones. A node that
 * cannot be asked for more is left alone until the next plan. `mayTry` says whether a blob is to be left alone for a while.
 */
export function planRepairs(
  blobs: readonly BlobRow[],
  world: RepairWorld,
  limits: PlanLimits,
  mayTry: (blob: BlobRow, destination: number) => boolean = () => true,
): RepairPlan {
  const rehomes: { readonly blob: BlobRow; readonly toCopysetId: bigint }[] = [];
  const drops: { readonly blob: BlobRow; readonly nodeId: number }[] = [];
  const copies: PlannedCopy[] = [];
  let stuck = 0;
  let waiting = 0;
  for (const blob of blobs) {
    const step = decideBlob(blob, world);
    if (step.kind === "rehome") rehomes.push({ blob, toCopysetId: step.toCopysetId });
    else if (step.kind === "drop") drops.push({ blob, nodeId: step.nodeId });
    else if (step.kind === "copy") copies.push({ blob, step });
    else if (step.kind === "stuck") stuck++;
    else if (step.kind === "wait") waiting++;
  }
  copies.sort((a, b) => urgency(a.step) - urgency(b.step));
  const wanted = copies.filter(({ blob, step }) => mayTry(blob, step.destination));
  return { rehomes, drops, requests: requestsOf(wanted, limits), stuck, waiting };
}

function urgency(step: CopyStep): number {
  return step.isMissing ? step.copiesLeft : Number.MAX_SAFE_INTEGER;
}

function requestsOf(copies: readonly PlannedCopy[], limits: PlanLimits): CopyRequestPlan[] {
  const requests = new Map<number, { copies: PlannedCopy[]; bytes: number }>();
  for (const copy of copies) {
    const { destination } = copy.step;
    const bytes = bytesOf(copy.step);
    const request = requests.get(destination);
    if (request === undefined) {
      if (requests.size < limits.concurrency) requests.set(destination, { copies: [copy], bytes });
    } else if (request.copies.length < MAX_REQUEST_BLOBS && request.bytes + bytes <= limits.requestBytes) {
      request.copies.push(copy);
      request.bytes += bytes;
    }
  }
  return Array.from(requests, ([destination, request]) => ({ destination, ...request }));
}

function bytesOf(step: CopyStep): number {
  return step.chunks.reduce((sum, chunk) => sum + chunk.lengthBytes, 0);
}
