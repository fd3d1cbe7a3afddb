import { Worker } from "node:worker_threads";
import { threadFile, threadPort } from "../platform/node/index.ts";
import type { SearchThread } from "../search/index.ts";

/** Starts a thread for the heavy work of searches. */
export function startSearchThread(): SearchThread {
  // Without the process's own arguments: some, such as --input-type, are refused with a file.
  const worker = new Worker(threadFile("search-worker", import.meta.url), { name: "search", execArgv: [] });
  worker.unref();
  let failure: Error | undefined;
  worker.on("error", (error) => {
    failure = error instanceof Error ? error : new Error(String(error));
  });
  return {
    ...threadPort(worker),
    onEnd: (listener) => worker.on("exit", () => listener(failure)),
    terminate: async () => {
      await worker.terminate();
    },
  };
}
