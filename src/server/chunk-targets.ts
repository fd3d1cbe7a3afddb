import { BlobError, type BlobPlacement, type ChunkTarget, type ChunkTargets } from "../blob/index.ts";
import {
  type CopyTarget,
  createLayout,
  type HealthView,
  isShortOfSpace,
  type Layout,
  parseAddress,
  placeBlob,
} from "../cluster/index.ts";
import { type NodeRow, NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import { LAYOUT_EPOCH_LAG, type MetadataView } from "../meta/index.ts";
import type { Hasher, Network, PeerConnection } from "../platform/index.ts";
import { type ChunkClient, createChunkClient, type SegmentStore } from "../segment/index.ts";

export interface NodeTargetsOptions {
  readonly nodeId: number;
  readonly clusterId: string;
  /** Undefined on a node without the role "storage". */
  readonly segments: SegmentStore | undefined;
  readonly network: Network;
  readonly hasher: Hasher;
  readonly health: HealthView;
}

interface RemoteTarget {
  readonly incarnation: string;
  readonly peerAddress: string;
  readonly target: ChunkTarget;
  readonly client: ChunkClient;
  readonly connection: PeerConnection;
}

/** Joins placement, health and the chunk clients of the other nodes into what `blob` asks for. */
export class NodeTargets implements ChunkTargets {
  readonly #options: NodeTargetsOptions;
  readonly #remote = new Map<number, RemoteTarget>();
  readonly #local: ChunkTarget | undefined;
  #layout: Layout | undefined;

  constructor(options: NodeTargetsOptions) {
    this.#options = options;
    this.#local = options.segments === undefined ? undefined : localTarget(options.nodeId, options.segments);
  }

  /** Takes over the rows of now: to be called at start and after every change of the cluster. */
  async refresh(view: Pick<MetadataView, "cluster" | "nodes" | "openCopysets">): Promise<void> {
    const cluster = view.cluster();
    if (cluster === undefined) return;
    const nodes = await view.nodes();
    this.#layout = createLayout(cluster, nodes, view.openCopysets());
    const present = new Map(
      nodes.filter((row) => row.state !== NodeState.REMOVED).map((row) => [Number(row.nodeId), row]),
    );
    for (const [nodeId, remote] of this.#remote) {
      const row = present.get(nodeId);
      if (row?.incarnation !== remote.incarnation || row.peerAddress !== remote.peerAddress)
        this.#forget(nodeId);
    }
    for (const [nodeId, row] of present) {
      if (nodeId !== this.#options.nodeId && !this.#remote.has(nodeId)) this.#connect(nodeId, row);
    }
  }

  place(blobId: Uint8Array): BlobPlacement {
    const layout = this.#layout;
    const { health } = this.#options;
    const place = layout && placeBlob(layout, blobId, health);
    if (layout === undefined || place === undefined)
      throw new BlobError("unavailable", "the cluster has no place for new bytes yet");
    if (place.nodeIds.length + place.spareNodeIds.length < place.writeQuorum) {
      if (isShortOfSpace(layout, place, health))
        throw new BlobError("storage-full", "the disks of the nodes that could take the bytes are full");
      throw new BlobError("unavailable", "too few nodes can take new bytes now");
    }
    return place;
  }

  target(nodeId: number): ChunkTarget | undefined {
    return nodeId === this.#options.nodeId ? this.#local : this.#remote.get(nodeId)?.target;
  }

  /** Where to ask another node to copy chunks; undefined when it is no member, or this node. */
  copyTarget(nodeId: number): CopyTarget | undefined {
    return this.#remote.get(nodeId);
  }

  distance(nodeId: number): number {
    if (nodeId === this.#options.nodeId) return 0;
    const { state } = this.#options.health.peer(nodeId);
    return state === "alive" ? 1 : state === "suspect" ? 2 : 3;
  }

  /** A write that began under an earlier layout may finish: its commit is checked again when it is applied. */
  oldestAcceptedLayoutEpoch(): number {
    return Math.max(0, (this.#layout?.epoch ?? 0) - Number(LAYOUT_EPOCH_LAG));
  }

  /** Whether there is an open copyset to write to. */
  hasPlace(): boolean {
    return (this.#layout?.copysets.length ?? 0) > 0;
  }

  /** Whether this node is in an open copyset. */
  includes(nodeId: number): boolean {
    return this.#layout?.copysets.some((copyset) => copyset.nodeIds.includes(BigInt(nodeId))) ?? false;
  }

  isMember(nodeId: number): boolean {
    return nodeId === this.#options.nodeId || this.#remote.has(nodeId);
  }

  close(): void {
    for (const nodeId of [...this.#remote.keys()]) this.#forget(nodeId);
  }

  #connect(nodeId: number, row: NodeRow): void {
    const address = parseAddress(row.peerAddress);
    if (address === undefined) return;
    const connection = this.#options.network.connect({ address, nodeId }, "bulk");
    const client = createChunkClient({
      connection,
      hasher: this.#options.hasher,
      clusterId: this.#options.clusterId,
      targetIncarnation: () => row.incarnation,
    });
    this.#remote.set(nodeId, {
      incarnation: row.incarnation,
      peerAddress: row.peerAddress,
      client,
      connection,
      target: {
        nodeId,
        local: false,
        write: (chunk, layoutEpoch, signal) => client.write(chunk, layoutEpoch, signal),
        read: (chunk, offset, length, signal) => client.read(chunk, offset, length, signal),
      },
    });
  }

  #forget(nodeId: number): void {
    const remote = this.#remote.get(nodeId);
    this.#remote.delete(nodeId);
    remote?.client.close();
  }
}

function localTarget(nodeId: number, segments: SegmentStore): ChunkTarget {
  return {
    nodeId,
    local: true,
    write: (chunk) => segments.append(chunk),
    read: (address, offset, length) => segments.read(address, offset, length),
  };
}
