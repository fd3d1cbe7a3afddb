/** The thread of a `HashPool`: keeps the running hashes of its streams. An exception here ends the thread, which fails its streams. */

import { parentPort } from "node:worker_threads";
import { assert } from "../../base/index.ts";
import { HashSet } from "./hash-algorithms.ts";
import type { HashRequest, HashResponse } from "./hash-protocol.ts";

const port = parentPort;
assert(port !== null, "the hash worker runs in a thread of its own");

const streams = new Map<number, HashSet>();

port.on("message", (request: HashRequest) => {
  const response = answer(request);
  if (response !== undefined) port.postMessage(response);
});

function answer(request: HashRequest): HashResponse | undefined {
  const { stream } = request;
  switch (request.kind) {
    case "open":
      streams.set(stream, new HashSet(request.algorithms));
      return undefined;
    case "bytes":
      hashesOf(stream).update(new Uint8Array(request.memory, request.offset, request.length));
      return { kind: "hashed", stream };
    case "finish": {
      const digests = hashesOf(stream).finish();
      streams.delete(stream);
      return { kind: "finished", stream, digests };
    }
    case "abandon":
      streams.delete(stream);
      return undefined;
  }
}

function hashesOf(stream: number): HashSet {
  const hashes = streams.get(stream);
  assert(hashes !== undefined, "a stream of bytes to hash is open");
  return hashes;
}
