import type { Metadata, MetadataView } from "../../meta/ports.ts";

export interface LocalAddress {
  readonly blobId: Uint8Array;
  readonly chunkIndex: number;
}

/** The chunks of this node and of others, as far as copying needs them. Rejects with an error that has a `code`. */
export interface ChunkCopies {
  has(address: LocalAddress): boolean;
  /** A whole chunk, its blocks verified where it lies and on its way. */
  read(
    nodeId: number,
    address: LocalAddress,
    lengthBytes: number,
    signal: AbortSignal,
  ): Promise<readonly Uint8Array[]>;
  /** On this node; resolves when durable. */
  store(address: LocalAddress, lengthBytes: number, pieces: readonly Uint8Array[]): Promise<void>;
  /** What this node has under the address is not what it should be: never served from now on, replaced by the next `store`. */
  quarantine(address: LocalAddress): void;
}

export type RepairView = Pick<
  MetadataView,
  | "appliedIndex"
  | "cluster"
  | "nodes"
  | "copyset"
  | "openCopysets"
  | "blob"
  | "blobs"
  | "allBlobs"
  | "heldBlobs"
  | "holdings"
  | "underReplicated"
  | "underReplicatedTotal"
  | "discardOrders"
  | "isDiscarding"
  | "appliedTimeMs"
>;

/** The replicated metadata, as far as repair uses it. */
export type RepairMetadata = Pick<Metadata, "submit" | "barrier"> & { readonly view: RepairView };

/** Counters of repair on this node, in bytes and copies. */
export interface RepairEvents {
  /** Copies of this node were recorded. */
  readonly onCopied: (bytes: number) => void;
  /** A copy does not have the hash that the metadata says, or cannot be read. */
  readonly onBadCopy: (nodeId: number, address: LocalAddress, why: string) => void;
}
