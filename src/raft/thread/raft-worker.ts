/**
 * The Raft thread. A composition edge: the one place of this module that knows the platform of Node.
 */

import { parentPort, workerData } from "node:worker_threads";
import { assert } from "../../base/index.ts";
import {
  createNodeNetwork,
  NodeClock,
  NodeDisk,
  NodeRandom,
  NodeTimers,
  PlainHasher,
  threadPort,
} from "../../platform/node/index.ts";
import type { FromRaft, ToRaft } from "./protocol.ts";
import { serveRaft } from "./serve.ts";
import type { WorkerData } from "./start.ts";

const channel = parentPort;
assert(channel !== null, "the Raft worker runs in a thread of its own");
const { start, tls } = workerData as WorkerData;

const port = threadPort<FromRaft, ToRaft>(channel);
const { clusterId, nodeId } = start.identity;
const network = createNodeNetwork({ ...tls, identity: { clusterId, nodeId } });

await serveRaft({
  port,
  start,
  platform: {
    clock: new NodeClock(),
    timers: new NodeTimers(),
    random: new NodeRandom(),
    disk: new NodeDisk(),
    hasher: new PlainHasher(),
    network,
  },
  updateCredentials: (renewed) => network.updateCredentials(renewed),
  onClosed: () => void network.close().finally(() => channel.close()),
});
