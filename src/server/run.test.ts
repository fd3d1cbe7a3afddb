import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import { expect, it } from "vitest";
import { ClusterError } from "../cluster/index.ts";
import { runUntilStopped } from "./run.ts";

class FakeProcess extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

function node() {
  const of = { stops: 0, stop: () => Promise.resolve(void of.stops++) };
  return of;
}

const never = new Promise<Error>(() => undefined);

it("a signal that comes while the node starts stops it as soon as it has", async () => {
  const [process, starting, started] = [new FakeProcess(), Promise.withResolvers<void>(), node()];
  const start = async () => {
    await starting.promise;
    return started;
  };
  const ended = runUntilStopped({ start, failed: never, process, stdin: undefined });
  expect(process.emit("SIGTERM")).toBe(true);
  starting.resolve();
  expect(await ended).toBe(0);
  expect([started.stops, process.exits]).toEqual([1, []]);
  process.emit("SIGTERM");
  expect(process.exits).toEqual([1]);
});

it.each(["end", "close"])("standard input that has come to its %s stops the node", async (event) => {
  const started = node();
  const stdin = new PassThrough({ autoDestroy: false, emitClose: event === "close" });
  const start = () => Promise.resolve(started);
  const ended = runUntilStopped({ start, failed: never, process: new FakeProcess(), stdin });
  if (event === "end") stdin.end();
  else stdin.destroy();
  expect(await ended).toBe(0);
  expect(started.stops).toBe(1);
});

it("a node that cannot go on is stopped, and the process has failed", async () => {
  const started = node();
  const failed = Promise.resolve(new Error("the log"));
  const process = new FakeProcess();
  const start = () => Promise.resolve(started);
  // The process ends by itself soon after; here there is none.
  expect(await runUntilStopped({ start, failed, process, stdin: undefined })).toBe(1);
  expect(started.stops).toBe(1);
});

it.each(["node-removed", "log-outdated"] as const)(
  "a node that ends as %s is not to be started again",
  async (code) => {
    const failed = Promise.resolve(new ClusterError(code, "it has to go", "join anew"));
    const start = () => Promise.resolve(node());
    expect(await runUntilStopped({ start, failed, process: new FakeProcess(), stdin: undefined })).toBe(5);
  },
);
