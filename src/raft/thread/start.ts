import { Worker } from "node:worker_threads";
import { createSharedIndex } from "../../base/index.ts";
import { threadFile, threadPort } from "../../platform/node/index.ts";
import type { RaftStart } from "../shell/index.ts";
import type { FromRaft, RaftTls, ThreadStart, ToRaft } from "./protocol.ts";
import { RaftProxy, type StartedRaftThread } from "./raft-proxy.ts";

export interface RaftThreadStart extends RaftStart {
  readonly tls: RaftTls;
}

/** What the thread is given at its birth. */
export interface WorkerData {
  readonly start: ThreadStart;
  readonly tls: RaftTls;
}

/**
 * Starts a member on a thread of its own: core, WAL and Raft streams there, the state machine here. A pause of the calling thread then
 * costs no election. Rejects as `startRaftInline` does. An exception in the thread, or its end, is a `RaftFatal`.
 */
export async function startRaftThread(options: RaftThreadStart): Promise<StartedRaftThread> {
  const { tls, stateMachine, onFatal, onEvent, ...rest } = options;
  const start: ThreadStart = { ...rest, readIndex: createSharedIndex() };
  const workerData: WorkerData = { start, tls };
  const file = threadFile("raft-worker", import.meta.url);
  const worker = new Worker(file, { name: "raft", workerData, execArgv: [] });
  const port = threadPort<ToRaft, FromRaft>(worker);
  const proxy = new RaftProxy(port, { ...start, stateMachine, onFatal, ...(onEvent && { onEvent }) });
  let failure: Error | undefined;
  worker.on("error", (error) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  worker.on("exit", () => proxy.ended(failure));
  await proxy.started();
  return proxy;
}
