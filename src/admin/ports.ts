import type { Role } from "../access/index.ts";

export interface NewKey {
  readonly kind: "s3" | "api";
  readonly role: Role;
  readonly description: string;
  /** Undefined: every bucket. */
  readonly buckets: readonly string[] | undefined;
  /** "": named after the description. */
  readonly ownerDisplayName: string;
  /** Name of the user who owns what it makes; "": nobody in particular, see `ownerDisplayName`. */
  readonly user: string;
  /** 0: the configured number. */
  readonly inflightLimit: number;
}

export interface KeyDescription {
  readonly keyId: string;
  readonly kind: "s3" | "api";
  readonly role: Role;
  readonly description: string;
  /** Undefined: every bucket. */
  readonly buckets: readonly string[] | undefined;
  readonly createdAtMs: number;
  readonly ownerId: string;
  readonly ownerDisplayName: string;
  readonly userName: string;
  readonly inactive: boolean;
  readonly inflightLimit: number;
}

/** Rejects with AdminError. */
export interface KeyAdmin {
  create(request: NewKey): Promise<{ readonly key: KeyDescription; readonly secret: string }>;
  list(): Promise<readonly KeyDescription[]>;
  revoke(keyId: string): Promise<void>;
}

export interface EncryptionKeyDescription {
  readonly keyId: string;
  readonly description: string;
  readonly createdAtMs: number;
  /** The version that wraps now. */
  readonly version: number;
  readonly rotatedAtMs: number;
}

/** Rejects with AdminError. */
export interface EncryptionKeyAdmin {
  /** `keyId` "": one is drawn. */
  create(request: {
    readonly keyId: string;
    readonly description: string;
  }): Promise<EncryptionKeyDescription>;
  list(): Promise<readonly EncryptionKeyDescription[]>;
  rotate(keyId: string): Promise<EncryptionKeyDescription>;
}

export interface NodeDescription {
  readonly nodeId: number;
  readonly name: string;
  readonly zone: string;
  readonly roles: readonly string[];
  readonly state: string;
  readonly health: string;
  readonly peerAddress: string;
  readonly s3Address: string;
  readonly apiAddress: string;
  readonly storageWritable: boolean;
  readonly storageUsedBytes: number;
  readonly storageFreeBytes: number;
  readonly appliedIndex: number;
}

export interface ClusterDescription {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly replicationFactor: number;
  readonly leaderNodeId: number;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  readonly fenced: boolean;
  readonly nodes: readonly NodeDescription[];
}

/** Rejects with AdminError. */
export interface ClusterAdmin {
  /** As this node sees it; it answers without a quorum too. */
  status(): Promise<ClusterDescription>;
  createJoinToken(validForMs: number): Promise<{
    readonly token: string;
    readonly expiresAtMs: number;
    readonly peerAddresses: readonly string[];
  }>;
}
