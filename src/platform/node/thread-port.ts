import type { MessagePort, Worker } from "node:worker_threads";
import type { ThreadPort } from "../../base/index.ts";

/** One end of a channel of Node: a port, or the thread at the other end of its own. */
export function threadPort<Send, Receive>(end: MessagePort | Worker): ThreadPort<Send, Receive> {
  return {
    post: (message, handOver) => end.postMessage(message, handOver === undefined ? [] : [...handOver]),
    onMessage: (listener) => void end.on("message", listener),
  };
}
