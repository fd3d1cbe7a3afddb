/**
 * What should be done about one blob's copies next. A pure function of its row and of the nodes as they are; asked again after each step, it
 * leads to a blob whose copies are on the nodes of its home and nowhere else:
 *
 *   rehome   the home has a node that leaves, or is narrower than homes are now      -> another copyset
 *   copy     a chunk has too few copies that count, or one is not on its home yet    -> one more node
 *   drop     a copy that is not needed: of a node that leaves, or outside the home   -> its node discards it
 *
 * Of a blob that nothing refers to any more, copies on nodes that leave are dropped as soon as a majority is elsewhere; it is moved only where there is none.
 *
 * Nothing is dropped before enough others are alive. A missing copy is waited for as long as its node may come back and others are left.
 */

import { assert, unreachable } from "../../base/index.ts";
import { type BlobRow, BlobState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Copyset } from "../copysets.ts";
import { hashBytes, rendezvousScore } from "../rendezvous.ts";
import type { RepairNode, RepairWorld } from "./world.ts";

/** Chunks of one step: bounds what one node is asked for at a time to 64 MiB. */
export const MAX_STEP_CHUNKS = 16;

export interface ChunkCopy {
  readonly index: number;
  readonly lengthBytes: number;
  /** Nodes that have it, best first. */
  readonly sources: readonly number[];
}

export type BlobStep =
  | { readonly kind: "nothing" }
  /** A copy is missing, and its node may come back with it. */
  | { readonly kind: "wait" }
  /** Copies are missing, and there is no node to fetch them from, or none to put them on. */
  | { readonly kind: "stuck" }
  | { readonly kind: "rehome"; readonly toCopysetId: bigint }
  | { readonly kind: "drop"; readonly nodeId: number }
  | CopyStep;

export interface CopyStep {
  readonly kind: "copy";
  readonly destination: number;
  readonly chunks: readonly ChunkCopy[];
  /** Copies that can be read of the chunk that has the fewest: the fewer, the sooner. */
  readonly copiesLeft: number;
  /** False when there are enough copies, just not where they belong. */
  readonly isMissing: boolean;
}

export function decideBlob(blob: BlobRow, world: RepairWorld): BlobStep {
  // Inline bytes are everywhere.
  if (blob.isInline || blob.state === BlobState.DELETING) return { kind: "nothing" };
  const home = world.copysets.get(blob.copysetId);
  if (home === undefined) return { kind: "stuck" };
  if (blob.state === BlobState.PENDING_DELETE) {
    // What is about to be deleted is not worth moving, but a node that leaves does not wait for its grace.
    const copies = new BlobCopies(blob, home, world);
    const leaving = copies.leaving();
    if (leaving.length === 0) return { kind: "nothing" };
    const spared = leaving.find((nodeId) => copies.canDoWithout(nodeId, majority(home.nodeIds.length)));
    if (spared !== undefined) return { kind: "drop", nodeId: spared };
  }
  const next = needsNewHome(home, world) ? chooseHome(blob, home, world) : undefined;
  if (next !== undefined) return { kind: "rehome", toCopysetId: next.copysetId };
  const copies = new BlobCopies(blob, home, world);
  return copies.missing() ?? copies.misplaced() ?? copies.surplus() ?? { kind: "nothing" };
}

function needsNewHome(home: Copyset, world: RepairWorld): boolean {
  const leaves = home.nodeIds.some((nodeId) => world.nodes.get(Number(nodeId))?.membership !== "active");
  return leaves || home.nodeIds.length < Math.max(0, ...world.homes.map(({ nodeIds }) => nodeIds.length));
}

/** The home that keeps most copies where they are; undefined when there is none other. */
function chooseHome(blob: BlobRow, home: Copyset, world: RepairWorld): Copyset | undefined {
  const holders = new Set(blob.chunks.flatMap((chunk) => chunk.nodeIds));
  const key = hashBytes(blob.blobId);
  const rank = (copyset: Copyset): readonly number[] => [
    copyset.nodeIds.length,
    copyset.nodeIds.filter((nodeId) => holders.has(nodeId)).length,
    copyset.nodeIds.filter((nodeId) => world.nodes.get(Number(nodeId))?.isWritable === true).length,
    rendezvousScore(key, Number(copyset.copysetId), 1),
  ];
  let best: { readonly copyset: Copyset; readonly rank: readonly number[] } | undefined;
  for (const copyset of world.homes) {
    if (copyset.copysetId === home.copysetId) continue;
    const ranked = { copyset, rank: rank(copyset) };
    if (best === undefined || isGreater(ranked.rank, best.rank)) best = ranked;
  }
  return best?.copyset;
}

function isGreater(left: readonly number[], right: readonly number[]): boolean {
  const at = left.findIndex((value, index) => value !== right[index]);
  return at >= 0 && left[at]! > right[at]!;
}

interface Chunk {
  readonly index: number;
  readonly lengthBytes: number;
  readonly holders: readonly number[];
}

/** Where the chunks of one blob are, and where they should be. */
class BlobCopies {
  readonly #world: RepairWorld;
  readonly #key: number;
  readonly #home: readonly number[];
  readonly #chunks: readonly Chunk[];

  constructor(blob: BlobRow, home: Copyset, world: RepairWorld) {
    this.#world = world;
    this.#key = hashBytes(blob.blobId);
    this.#home = home.nodeIds.map(Number);
    this.#chunks = blob.chunks.map((chunk, index) => ({
      index,
      lengthBytes: chunk.length,
      holders: chunk.nodeIds.map(Number),
    }));
  }

  /** What to do about chunks that have too few copies; undefined when there are none. */
  missing(): BlobStep | undefined {
    const isUrgent = this.#home.length > 1 && this.#copiesLeft() <= 1;
    const short = this.#chunks.filter((chunk) => this.#counted(chunk, isUrgent) < this.#home.length);
    if (short.length === 0) return undefined;
    const choice = this.#chooseDestination(short, isUrgent);
    switch (choice.kind) {
      case "wait":
      case "stuck":
        return choice;
      case "destination":
        return this.#copy(choice.nodeId, short, true) ?? { kind: "stuck" };
      default:
        return unreachable(choice);
    }
  }

  /** Copies that are not at home yet, when nothing is missing. */
  misplaced(): BlobStep | undefined {
    for (const nodeId of this.#home) {
      const lacking = this.#chunks.filter(({ holders }) => !holders.includes(nodeId));
      if (lacking.length === 0 || this.#node(nodeId)?.isWritable !== true) continue;
      const step = this.#copy(nodeId, lacking, false);
      if (step !== undefined) return step;
    }
    return undefined;
  }

  /** Holders that are being drained. */
  leaving(): readonly number[] {
    return this.#holders().filter((nodeId) => this.#node(nodeId)?.membership === "draining");
  }

  /** A copy that may go, those of nodes that leave first. */
  surplus(): BlobStep | undefined {
    const unwanted = this.#holders().filter((nodeId) => {
      const node = this.#node(nodeId);
      if (node === undefined || node.isLost || node.health === "dead") return false;
      return node.membership === "draining" || !this.#home.includes(nodeId);
    });
    const leaving = (nodeId: number) => (this.#node(nodeId)?.membership === "draining" ? 0 : 1);
    const candidates = unwanted.sort((a, b) => leaving(a) - leaving(b) || a - b);
    const nodeId = candidates.find((candidate) => this.canDoWithout(candidate, this.#home.length));
    return nodeId === undefined ? undefined : { kind: "drop", nodeId };
  }

  /** Whether every chunk keeps `needed` copies on nodes that stay and answer. */
  canDoWithout(nodeId: number, needed: number): boolean {
    return this.#chunks.every(({ holders }) => {
      if (!holders.includes(nodeId)) return true;
      const others = holders.filter((other) => {
        const node = this.#node(other);
        return other !== nodeId && node?.membership === "active" && node.health === "alive";
      });
      return others.length >= needed;
    });
  }

  #holders(): readonly number[] {
    return [...new Set(this.#chunks.flatMap((chunk) => chunk.holders))];
  }

  #node(nodeId: number): RepairNode | undefined {
    return this.#world.nodes.get(nodeId);
  }

  #canBeRead(nodeId: number): boolean {
    const node = this.#node(nodeId);
    return node !== undefined && !node.isLost && node.health !== "dead";
  }

  #copiesLeft(): number {
    return Math.min(...this.#chunks.map(({ holders }) => holders.filter((id) => this.#canBeRead(id)).length));
  }

  /** Copies that stay: those on active nodes. When it is urgent a node that is merely silent does not count either. */
  #counted(chunk: Chunk, isUrgent: boolean): number {
    return chunk.holders.filter((nodeId) => {
      const node = this.#node(nodeId);
      if (node?.membership !== "active" || node.isLost) return false;
      return !isUrgent || node.health !== "dead";
    }).length;
  }

  #chooseDestination(
    short: readonly Chunk[],
    isUrgent: boolean,
  ): { readonly kind: "destination"; readonly nodeId: number } | { readonly kind: "wait" | "stuck" } {
    const lacks = (nodeId: number) => short.some(({ holders }) => !holders.includes(nodeId));
    const atHome = this.#home.find((nodeId) => lacks(nodeId) && this.#node(nodeId)?.isWritable === true);
    if (atHome !== undefined) return { kind: "destination", nodeId: atHome };
    const mayComeBack = this.#home.some((nodeId) => {
      const node = this.#node(nodeId);
      return lacks(nodeId) && node?.isLost === false && node.health !== "alive";
    });
    if (mayComeBack && !isUrgent) return { kind: "wait" };
    const spare = this.#spares().find((nodeId) => lacks(nodeId));
    return spare === undefined ? { kind: "stuck" } : { kind: "destination", nodeId: spare };
  }

  /** Nodes outside the home, best first: in zones without a copy that counts, then by rendezvous. */
  #spares(): readonly number[] {
    const holders = new Set(this.#chunks.flatMap((chunk) => chunk.holders));
    const zones = new Set<string>();
    for (const nodeId of holders) {
      const node = this.#node(nodeId);
      if (node !== undefined && this.#canBeRead(nodeId)) zones.add(node.zone);
    }
    return [...this.#world.nodes.values()]
      .filter((node) => node.isWritable && !this.#home.includes(node.nodeId))
      .map((node) => ({
        nodeId: node.nodeId,
        // A node that has part of the blob gets the rest.
        stranger: holders.has(node.nodeId) ? 0 : 1,
        crowd: zones.has(node.zone) ? 1 : 0,
        score: rendezvousScore(this.#key, node.nodeId, node.weight),
      }))
      .sort((a, b) => a.stranger - b.stranger || a.crowd - b.crowd || b.score - a.score)
      .map(({ nodeId }) => nodeId);
  }

  #copy(destination: number, wanted: readonly Chunk[], isMissing: boolean): CopyStep | undefined {
    const chunks: ChunkCopy[] = [];
    for (const { index, lengthBytes, holders } of wanted) {
      if (holders.includes(destination)) continue;
      const sources = this.#sources(holders);
      if (sources.length > 0) chunks.push({ index, lengthBytes, sources });
      if (chunks.length === MAX_STEP_CHUNKS) break;
    }
    if (chunks.length === 0) return undefined;
    const copiesLeft = this.#copiesLeft();
    assert(Number.isFinite(copiesLeft), "a blob with chunks has a number of copies");
    return { kind: "copy", destination, chunks, copiesLeft, isMissing };
  }

  /** Those that answer first; among equals another one for each blob. */
  #sources(holders: readonly number[]): readonly number[] {
    const doubt = (nodeId: number) => (this.#node(nodeId)?.health === "alive" ? 0 : 1);
    return holders
      .filter((nodeId) => this.#canBeRead(nodeId))
      .sort(
        (a, b) => doubt(a) - doubt(b) || rendezvousScore(this.#key, b, 1) - rendezvousScore(this.#key, a, 1),
      );
  }
}

/** As many as a commit needs. */
function majority(copies: number): number {
  return Math.floor(copies / 2) + 1;
}
