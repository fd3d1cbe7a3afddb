import type { NodeHealth } from "../gen/skerry/cluster/v1/cluster_pb.js";

/** Who this node is: lives in its data directory, is lost with it, and is never made up again. */
export interface NodeIdentity {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly name: string;
  readonly incarnation: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  readonly caCertificatePem: string;
  /** 32 bytes: seals secrets at rest in the metadata. */
  readonly keyEncryptionKey: Uint8Array;
}

/** What placement needs to know about a node. */
export interface PlacementNode {
  readonly nodeId: number;
  readonly zone: string;
  readonly weight: number;
}

/** How this node sees another. */
export interface PeerHealth {
  readonly nodeId: number;
  readonly state: "alive" | "suspect" | "dead" | "unknown";
  readonly lastSeenMs: number | undefined;
  readonly health: NodeHealth | undefined;
}

export interface HealthView {
  peer(nodeId: number): PeerHealth;
  all(): readonly PeerHealth[];
  onChange(listener: (peer: PeerHealth) => void): () => void;
}
