import {
  type HealthService,
  heartbeatPeersOf,
  type NodeDirectory,
  parseAddress,
} from "../../cluster/index.ts";
import type { NodeRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Metadata } from "../../meta/index.ts";
import type { Logger } from "../../observe/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import type { RaftGroup } from "../../raft/index.ts";
import type { NodeTargets } from "../chunk-targets.ts";
import { raftPeerOf } from "./consensus.ts";

export interface ClusterFollowerOptions {
  readonly nodeId: number;
  readonly metadata: Metadata;
  readonly raft: Pick<RaftGroup, "setPeers">;
  readonly health: Pick<HealthService, "setPeers">;
  readonly targets: Pick<NodeTargets, "refresh">;
  readonly directory: Pick<NodeDirectory, "savePeers">;
  readonly logger: Logger;
  /** This node has left. */
  readonly onLeft: () => void;
}

/** Peers, placement and heartbeats follow the rows of the cluster: whatever changes them, on any node, is taken over here when it is applied. */
export class ClusterFollower {
  readonly #options: ClusterFollowerOptions;
  readonly #unsubscribe: () => void;
  #nodes: readonly NodeRow[] = [];
  #running: Promise<void> | undefined;
  #again = false;
  #isClosed = false;

  constructor(options: ClusterFollowerOptions) {
    this.#options = options;
    this.#unsubscribe = options.metadata.onChange((change) => {
      if (change.cluster) this.#follow();
    });
  }

  /** As last taken over. */
  get nodes(): readonly NodeRow[] {
    return this.#nodes;
  }

  node(nodeId: number): NodeRow | undefined {
    return this.#nodes.find((row) => Number(row.nodeId) === nodeId);
  }

  peerAddress(nodeId: number): SocketAddress | undefined {
    const row = this.node(nodeId);
    return row && parseAddress(row.peerAddress);
  }

  /** Removed from the cluster, and out of the Raft group for certain: nothing is taken from it any more. */
  hasLeft(nodeId: number): boolean {
    return this.node(nodeId)?.hasLeft === true;
  }

  /** Takes over the rows of now. */
  async refresh(): Promise<void> {
    const { nodeId, metadata, raft, health, targets, directory } = this.#options;
    this.#nodes = await metadata.view.nodes();
    await targets.refresh(metadata.view);
    if (this.#nodes.length === 0) return;
    // A removed node takes part until the Raft group is without it: it may be needed for just that.
    const others = this.#nodes.filter(
      (row) => Number(row.nodeId) !== nodeId && !this.hasLeft(Number(row.nodeId)),
    );
    health.setPeers(heartbeatPeersOf(this.#nodes, nodeId));
    const peers = others.map((row) => ({
      nodeId: Number(row.nodeId),
      incarnation: row.incarnation,
      peerAddress: row.peerAddress,
    }));
    const left = this.#nodes.map((row) => Number(row.nodeId)).filter((other) => this.hasLeft(other));
    raft.setPeers(peers.flatMap(raftPeerOf), left);
    await directory.savePeers(peers);
    if (this.hasLeft(nodeId)) this.#options.onLeft();
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe();
  }

  #follow(): void {
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    this.#running = this.refresh()
      .catch((error: unknown) =>
        this.#options.logger.error("the cluster's rows could not be read", { error }),
      )
      .finally(() => {
        this.#running = undefined;
        if (this.#again && !this.#isClosed) {
          this.#again = false;
          this.#follow();
        }
      });
  }
}
