/**
 * The platform on Node. `createNodePlatform` makes all of it; the parts are there for programs that need only one.
 *
 * - `NodeClock`, `NodeTimers`, `NodeRandom`: the machine's time and entropy.
 * - `NodeDisk`: `node:fs` through its callback calls; errno becomes one of the closed set of `DiskErrorCode`.
 * - `LevelStores` (`level/`): LevelDB; every value carries a checksum, and what is written keeps its order over a power loss.
 * - `createNodeNetwork`: Connect streams over HTTP/2 with mutual TLS; made apart, because it needs the node's identity.
 * - `freePorts`: loopback ports for nodes that tests start.
 * - `NodeHasher`: digests, the large and slow ones on worker threads. `PlainHasher`: all of them on the calling thread.
 */

import type { Platform } from "../ports.ts";
import { NodeClock } from "./clock.ts";
import { NodeDisk } from "./disk.ts";
import { NodeHasher } from "./hasher.ts";
import { type LevelStoreOptions, LevelStores } from "./level/stores.ts";
import { NodeRandom } from "./random.ts";
import { NodeTimers } from "./timers.ts";

export { freePorts } from "./free-ports.ts";
export {
  createAnonymousConnection,
  createNodeNetwork,
  type NodeNetwork,
  type NodeNetworkOptions,
} from "./network.ts";
export { PlainHasher } from "./plain-hasher.ts";
export { threadFile } from "./thread-file.ts";
export { threadPort } from "./thread-port.ts";
export { type LevelStoreOptions, LevelStores, NodeClock, NodeDisk, NodeHasher, NodeRandom, NodeTimers };

/** The platform of a node; `hasher` is closed at the end of the process. */
export function createNodePlatform(options?: {
  readonly store?: Partial<LevelStoreOptions>;
}): Platform & { readonly hasher: NodeHasher } {
  const disk = new NodeDisk();
  return {
    clock: new NodeClock(),
    timers: new NodeTimers(),
    random: new NodeRandom(),
    disk,
    stores: new LevelStores(disk, options?.store),
    hasher: new NodeHasher(),
  };
}
