/** What decisions about copies are made from: the nodes and copysets of a moment. Removed nodes, and closed copysets that are not asked for, cost nothing. */

import type { CopysetRow, NodeRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Copyset } from "../copysets.ts";
import { NODE_STATE } from "../node-rows.ts";
import type { HealthView, PeerHealth } from "../ports.ts";

export interface RepairNode {
  readonly nodeId: number;
  readonly zone: string;
  readonly weight: number;
  /** "active": copies belong there. "draining": they are to be moved away. "other": joining, or not for storage. */
  readonly membership: "active" | "draining" | "other";
  readonly health: PeerHealth["state"];
  /** Whether its disks take bytes now. */
  readonly isWritable: boolean;
  /** Silent for longer than anybody waits, or removed: what it holds does not count. */
  readonly isLost: boolean;
}

export interface RepairWorld {
  /** Not those that were removed. */
  readonly nodes: ReadonlyMap<number, RepairNode>;
  /** By id, also closed ones. */
  readonly copysets: { get(copysetId: bigint): Copyset | undefined };
  /** Those that blobs may be given as a home: open, and all of their nodes are active. */
  readonly homes: readonly Copyset[];
}

export interface WorldOptions {
  readonly nodes: readonly NodeRow[];
  readonly copysets: { open(): readonly CopysetRow[]; get(copysetId: bigint): CopysetRow | undefined };
  readonly health: HealthView;
  /** How long each node has not been heard of, in milliseconds; 0 for those that answer. */
  readonly silentMs: (nodeId: number) => number;
  /** Silence after which a node's copies are made anew elsewhere, in milliseconds. */
  readonly lossDelayMs: number;
}

export function createWorld(options: WorldOptions): RepairWorld {
  const nodes = new Map(
    presentNodes(options.nodes).map((row) => {
      const node = repairNode(row, options);
      return [node.nodeId, node];
    }),
  );
  const isActive = (nodeId: bigint) => nodes.get(Number(nodeId))?.membership === "active";
  return {
    nodes,
    copysets: { get: (copysetId) => options.copysets.get(copysetId) },
    homes: options.copysets.open().filter((copyset) => copyset.nodeIds.every(isActive)),
  };
}

/** Without the removed ones: to what holds copies they are as unknown as nodes that never were. */
export function presentNodes(nodes: readonly NodeRow[]): readonly NodeRow[] {
  return nodes.filter(({ state }) => state !== NODE_STATE.removed);
}

function repairNode(row: NodeRow, options: WorldOptions): RepairNode {
  const nodeId = Number(row.nodeId);
  const { state, health } = options.health.peer(nodeId);
  const isStorage = row.roles.includes("storage");
  const membership =
    row.state === NODE_STATE.active && isStorage
      ? "active"
      : row.state === NODE_STATE.draining || row.state === NODE_STATE.active
        ? "draining"
        : "other";
  return {
    nodeId,
    zone: row.zone,
    weight: Math.max(1, row.weight),
    membership,
    health: state,
    isWritable: membership === "active" && state === "alive" && health?.storageWritable !== false,
    isLost: membership === "other" || options.silentMs(nodeId) >= options.lossDelayMs,
  };
}

/** How long nodes have been silent, as one observer sees it: from the last time that it heard of them, or since it began to listen. */
export class Silences {
  readonly #sinceMs = new Map<number, number>();

  /** To be called now and then, with a monotonic time in milliseconds. */
  observe(nodeIds: readonly number[], health: HealthView, nowMs: number): void {
    for (const nodeId of nodeIds) {
      const { state, lastSeenMs } = health.peer(nodeId);
      if (state === "alive") this.#sinceMs.delete(nodeId);
      else if (!this.#sinceMs.has(nodeId)) this.#sinceMs.set(nodeId, lastSeenMs ?? nowMs);
    }
    for (const nodeId of [...this.#sinceMs.keys()]) {
      if (!nodeIds.includes(nodeId)) this.#sinceMs.delete(nodeId);
    }
  }

  silentMs(nodeId: number, nowMs: number): number {
    const since = this.#sinceMs.get(nodeId);
    return since === undefined ? 0 : nowMs - since;
  }
}
