import { once } from "node:events";
import { MessageChannel, Worker } from "node:worker_threads";
import { expect, it } from "vitest";
import { NodeTimers, threadPort } from "../../platform/node/index.ts";
import type { BlobTurn, FromBlobs, ToBlobs } from "./protocol.ts";
import { serveBlobs } from "./serve-blobs.ts";
import { diskLikeStore, INLINE_BYTES, PoisonedBuffers, until } from "./testing/gateway.ts";
import type { GatewayDone, GatewayWork } from "./testing/gateway-worker.ts";

it("a thread of its own writes and reads what the blobs' thread has, and recycles its memory", async () => {
  const seed = `${process.env["SKERRY_TEST_SEED"] ?? Date.now()}`;
  console.log(`seed ${seed}`);
  const buffers = new PoisonedBuffers();
  const { port1, port2 } = new MessageChannel();
  const port = threadPort<BlobTurn<FromBlobs>, BlobTurn<ToBlobs>>(port1);
  const served = serveBlobs(port, diskLikeStore(buffers), { buffers, timers: new NodeTimers() });
  const sizes = [1, INLINE_BYTES, INLINE_BYTES + 1, 65_536, 1_048_576, 4_194_305, 12_345_678];
  const workerData: GatewayWork = { port: port2, seed, sizes };
  const worker = new Worker(new URL("./testing/gateway-worker.ts", import.meta.url), {
    workerData,
    transferList: [port2],
    execArgv: [],
  });
  const [answers] = (await once(worker, "message")) as [readonly GatewayDone[]];
  await worker.terminate();
  port1.close();
  expect(answers.map(({ sizeBytes }) => sizeBytes)).toEqual(sizes);
  for (const { sizeBytes, wanted, written, read } of answers) {
    expect({ sizeBytes, written, read }).toEqual({ sizeBytes, written: wanted, read: wanted });
  }
  await until(() => served.openCount === 0, "nothing is open");
  expect(buffers.lentCount).toBeGreaterThan(10);
  expect(buffers.returnedCount).toBeGreaterThan(10);
});
