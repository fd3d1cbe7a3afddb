/** A search thread: a composition root of its own, with the kernel and what that needs of the platform. */

import { parentPort } from "node:worker_threads";
import { assert } from "../base/index.ts";
import { NodeClock, NodeTimers, PlainHasher } from "../platform/node/index.ts";
import { LocalKernel, serveKernel, vectorKernels } from "../search/index.ts";

const port = parentPort;
assert(port !== null, "the search worker runs in a thread of its own");

serveKernel(
  {
    post: (message, handOver) => port.postMessage(message, handOver === undefined ? [] : [...handOver]),
    onMessage: (listener) => port.on("message", listener),
  },
  new LocalKernel({
    clock: new NodeClock(),
    timers: new NodeTimers(),
    hasher: new PlainHasher(),
    vectors: vectorKernels(),
  }),
);
