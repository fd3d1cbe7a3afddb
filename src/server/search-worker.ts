/** A search thread: a composition root of its own, with the kernel and what that needs of the platform. */

import { parentPort } from "node:worker_threads";
import { assert } from "../base/index.ts";
import { NodeClock, NodeTimers, PlainHasher, threadPort } from "../platform/node/index.ts";
import { LocalKernel, serveKernel, vectorKernels } from "../search/index.ts";

const port = parentPort;
assert(port !== null, "the search worker runs in a thread of its own");

serveKernel(
  threadPort(port),
  new LocalKernel({
    clock: new NodeClock(),
    timers: new NodeTimers(),
    hasher: new PlainHasher(),
    vectors: vectorKernels(),
  }),
);
