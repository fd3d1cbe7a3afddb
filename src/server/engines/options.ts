import type { Sealer } from "../../access/index.ts";
import type { RecycledBuffers } from "../../base/index.ts";
import type { CertificateIssuer, ClusterWorker } from "../../cluster/index.ts";
import type { Metadata } from "../../meta/index.ts";
import type { Logger, Metrics } from "../../observe/index.ts";
import type { Network, Platform } from "../../platform/index.ts";
import type { RaftSettings, RaftStart, StartedRaft } from "../../raft/index.ts";
import type { EngineSettings, SearchThread } from "../../search/index.ts";
import type { SegmentStoreSettings } from "../../segment/index.ts";
import type { Config } from "../config/index.ts";
import type { Identified } from "../identity.ts";

/** The one Raft group of the metadata. */
export const META_GROUP_ID = 1;

/** What the engines of a node ask of whoever runs it: a process on a machine, or the simulator. */
export interface EnginesOptions {
  readonly config: Config;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly platform: Platform;
  readonly network: Network;
  readonly identified: Identified;
  /** Where the memory of large reads comes from; by default each read has its own. */
  readonly readBuffers?: RecycledBuffers;
  /** On a thread of its own, or on the calling one. */
  readonly startRaft: (start: RaftStart) => Promise<StartedRaft>;
  /** For heavy work of searches; undefined: all of it is done on the calling thread. */
  readonly startSearchThread?: () => SearchThread;
  readonly certificates: (metadata: Metadata, sealer: Sealer) => Certificates;
  readonly tuning?: EngineTuning;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The node cannot go on and should end. */
  readonly onFatal: (error: Error) => void;
}

/** What is no setting of the product: the simulator makes everything small, so that a short run sees files rotate and logs cut. */
export interface EngineTuning {
  readonly raft?: Partial<RaftSettings>;
  readonly segments?: Partial<SegmentStoreSettings>;
  readonly search?: Partial<EngineSettings>;
  readonly chunkBytes?: number;
  readonly minimumPartBytes?: number;
  readonly stragglerMs?: number;
}

export interface Certificates {
  /** Signs those of nodes that join through this one. */
  readonly issuer: CertificateIssuer;
  /** Renews this node's own. */
  readonly workers: readonly ClusterWorker[];
}

/** What runs and has to be ended; in reverse order. */
export type Closers = (() => void | Promise<void>)[];
