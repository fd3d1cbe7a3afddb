import type { BlobRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { RepairView } from "./ports.ts";
import type { RepairWorld } from "./world.ts";

/** Rows that one page brings. */
export const PAGE_BLOBS = 200;
/** Of those, blobs with the fewest copies, which every page brings. */
const HEAD_BLOBS = 50;
/** How often all blobs are looked at when nothing about the layout changes, in milliseconds. */
export const SWEEP_INTERVAL_MS = 6 * 3600 * 1000;

export interface CandidatePage {
  readonly blobs: readonly BlobRow[];
  /** Of the sweep: blobs of which nothing is known to be wrong. */
  readonly isSweep: boolean;
}

/** A way through a range of blob ids, page by page. */
interface Lane {
  readonly isSweep: boolean;
  /** Empty: at the end. */
  next(): Promise<readonly BlobRow[]>;
}

/**
 * Which blobs to look at next: a pass goes over the index of those with too few copies, then over what silent and draining nodes hold, and now
 * and then over all. Every page begins with the blobs that have the fewest copies, however long the pass takes. Only a page is in memory.
 */
export class Candidates {
  readonly #view: RepairView;
  #lanes: Lane[] = [];
  #isPassing = false;
  #sweptEpoch: bigint | undefined;
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(view: RepairView) {
    this.#view = view;
  }

  /** The next page; undefined at the end of a pass. `nowMs` is monotonic. */
  async next(world: RepairWorld, nowMs: number): Promise<CandidatePage | undefined> {
    if (!this.#isPassing) {
      this.#lanes = this.#plan(world, nowMs);
      this.#isPassing = true;
    }
    for (let lane = this.#lanes[0]; lane !== undefined; lane = this.#lanes[0]) {
      const rows = await lane.next();
      if (rows.length > 0)
        return { blobs: distinct([...(await this.#head()), ...rows]), isSweep: lane.isSweep };
      this.#lanes.shift();
    }
    this.#isPassing = false;
    return undefined;
  }

  /** Begins anew, and with all blobs. */
  reset(): void {
    this.#isPassing = false;
    this.#sweptMs = Number.NEGATIVE_INFINITY;
  }

  #plan(world: RepairWorld, nowMs: number): Lane[] {
    const view = this.#view;
    const nodes = [...world.nodes.values()].filter(
      ({ membership, health, isLost }) =>
        membership === "draining" || (membership === "active" && (health === "dead" || isLost)),
    );
    const lanes = [indexLane(view), ...nodes.map(({ nodeId }) => nodeLane(view, nodeId))];
    const epoch = view.cluster()?.layoutEpoch;
    if (epoch !== this.#sweptEpoch || nowMs - this.#sweptMs >= SWEEP_INTERVAL_MS) {
      lanes.push(sweepLane(view));
      this.#sweptEpoch = epoch;
      this.#sweptMs = nowMs;
    }
    return lanes;
  }

  /** Blobs without any copy are left to the pass: there is nothing to be done for most of them. */
  async #head(): Promise<readonly BlobRow[]> {
    const after = { copies: 0, blobId: new Uint8Array(16).fill(0xff) };
    const first = await this.#view.underReplicated({ after, limit: HEAD_BLOBS });
    return this.#view.blobs(first.map(({ blobId }) => blobId));
  }
}

function indexLane(view: RepairView): Lane {
  let after: { readonly blobId: Uint8Array; readonly copies: number } | undefined;
  return {
    isSweep: false,
    next: async () => {
      const page = await view.underReplicated({ ...(after && { after }), limit: PAGE_BLOBS });
      after = page.at(-1) ?? after;
      return view.blobs(page.map(({ blobId }) => blobId));
    },
  };
}

function nodeLane(view: RepairView, nodeId: number): Lane {
  let after: Uint8Array | undefined;
  return {
    isSweep: false,
    next: async () => {
      const page = await view.heldBlobs(nodeId, { after, limit: PAGE_BLOBS });
      after = page.at(-1) ?? after;
      return view.blobs(page);
    },
  };
}

function sweepLane(view: RepairView): Lane {
  let after: Uint8Array | undefined;
  return {
    isSweep: true,
    next: async () => {
      const page = await view.allBlobs({ after, limit: PAGE_BLOBS });
      after = page.at(-1)?.blobId ?? after;
      return page;
    },
  };
}

function distinct(rows: readonly BlobRow[]): readonly BlobRow[] {
  const seen = new Map(rows.map((row) => [String(row.blobId), row]));
  return [...seen.values()];
}
