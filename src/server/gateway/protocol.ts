import type { MessagePort } from "node:worker_threads";
import type { SharedIndex } from "../../base/index.ts";
import type { NodeIdentity } from "../../cluster/index.ts";
import type { ReaderStart } from "../../meta/index.ts";
import type { SocketAddress } from "../../platform/index.ts";
import type { AccessLogRecord } from "../../s3/index.ts";
import type { LimitsMemory } from "../caller-limits.ts";
import type { Config } from "../config/index.ts";

/** What a gateway thread is given at its birth. */
export interface GatewayStart {
  readonly config: Config;
  readonly identity: Pick<NodeIdentity, "nodeId" | "clusterId" | "keyEncryptionKey">;
  /** Threads that serve S3 on this node, the main one among them. */
  readonly threads: number;
  readonly reader: ReaderStart;
  readonly readIndex: SharedIndex;
  readonly limits: LimitsMemory;
  /** Of `Writes`. */
  readonly writes: SharedArrayBuffer;
  readonly ports: GatewayPorts;
}

/** The thread's ends of its channels; its own port is for what follows. */
export interface GatewayPorts {
  readonly metadata: MessagePort;
  readonly blobs: MessagePort;
  readonly observing: MessagePort;
}

export type ToGateway =
  /** The main thread has the address already. */
  | { readonly kind: "listen"; readonly address: SocketAddress }
  /** Accept nothing more, let what is under way finish for so long, and end. */
  | { readonly kind: "close"; readonly graceMs: number };

export type FromGateway =
  /** It has opened what it reads. */
  | { readonly kind: "opened" }
  | { readonly kind: "listening" }
  /** It could not open or listen. */
  | { readonly kind: "failed"; readonly message: string }
  /** Lines of buckets' access logs, of one turn. */
  | { readonly kind: "access-logs"; readonly records: readonly AccessLogRecord[] }
  | { readonly kind: "closed" };
