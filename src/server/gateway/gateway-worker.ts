/** A gateway thread: a composition root of its own. It serves S3 like the main thread, from the same rows, and leaves the log and the segments to that. */

import { parentPort, workerData } from "node:worker_threads";
import { createSealer } from "../../access/index.ts";
import { assert, loadIndex, type ThreadPort } from "../../base/index.ts";
import { type BlobTurn, type FromBlobs, RemoteBlobs, type ToBlobs } from "../../blob/index.ts";
import { type FromMetadata, RemoteMetadata, type ToMetadata } from "../../meta/index.ts";
import { Writes, withMaintenance } from "../../object/index.ts";
import { createMetrics, type FromObserved, ThreadReporter, type ToObserved } from "../../observe/index.ts";
import { createNodePlatform, threadPort } from "../../platform/node/index.ts";
import type { AccessLogRecord, S3Server } from "../../s3/index.ts";
import { nodeLimits, replayGuard, strangersLimiter } from "../caller-limits.ts";
import { createIds, createObjects } from "../engines/objects.ts";
import { measuredBlobs, measuredClient } from "../measured.ts";
import { Observing } from "../observing.ts";
import { StrangerEntries } from "../stranger-entries.ts";
import type { FromGateway, GatewayStart, ToGateway } from "./protocol.ts";
import { createS3, gateOf, identitiesOf } from "./s3.ts";

assert(parentPort !== null, "a gateway worker runs in a thread of its own");
const start = workerData as GatewayStart;
const { config, identity, ports } = start;
const channel = parentPort;
const main = threadPort<FromGateway, ToGateway>(channel);
const platform = createNodePlatform();
const metrics = createMetrics();
const reporter: ThreadReporter = new ThreadReporter({
  port: threadPort<FromObserved, ToObserved>(ports.observing),
  clock: platform.clock,
  timers: platform.timers,
  level: config["log.level"],
  report: () => observing.report(),
});
const { logger } = reporter;
let records: AccessLogRecord[] = [];

const metadata = await RemoteMetadata.open({
  port: threadPort<ToMetadata, FromMetadata>(ports.metadata),
  start: start.reader,
  stores: platform.stores,
  hasher: platform.hasher,
  timers: platform.timers,
  readIndexNow: () => loadIndex(start.readIndex),
}).catch(fail);
const newId = createIds(platform, metadata.view);
const blobPort: ThreadPort<BlobTurn<ToBlobs>, BlobTurn<FromBlobs>> = threadPort(ports.blobs);
const blobs = new RemoteBlobs(blobPort, {
  hasher: platform.hasher,
  timers: platform.timers,
  newBlobId: newId,
  inlineBytes: config["storage.inline_size"],
});
const sealer = createSealer({
  keyEncryptionKey: identity.keyEncryptionKey,
  randomBytes: (length) => platform.random.bytes(length),
});
const measured = measuredClient(metadata, metrics, platform.clock);
const objects = withMaintenance(
  createObjects(
    { platform, config },
    { metadata: measured, sealer, blobs: measuredBlobs(blobs, metrics, platform.clock), newId },
  ),
  new Writes(metadata.view, start.writes),
);
const gate = gateOf(objects, config);
const audit = config["audit.enabled"] ? reporter.audit : undefined;
const limiter = strangersLimiter(start.limits);
const observing: Observing = new Observing({
  logger,
  metrics,
  audit,
  strangers: audit && new StrangerEntries({ ...platform, audit, limiter }),
  isRead: (operation) => gate.operation(operation)?.leastRole === "reader",
});
const counted = { config, clock: platform.clock, logger, metrics, memory: start.limits };
const server = createS3({
  config,
  platform,
  identity,
  metadata: measured,
  objects,
  sealer,
  identities: identitiesOf(measured, identity.clusterId),
  gate,
  observing,
  limits: nodeLimits(counted),
  replays: replayGuard(counted),
  logger,
  threads: start.threads,
  takeAccessLog,
  recycle: (piece) => blobs.recycle(piece),
});
metrics.onRender(() => metrics.requestsInFlight.set(server.inflight, { surface: "s3" }));

main.onMessage((message) => {
  if (message.kind === "listen") {
    server.listen(message.address, { isShared: true }).then(() => main.post({ kind: "listening" }), fail);
  } else {
    void close(server, message.graceMs).finally(() => {
      main.post({ kind: "closed" });
      for (const port of [ports.metadata, ports.blobs, ports.observing, channel]) port.close();
    });
  }
});
main.post({ kind: "opened" });

async function close(s3: S3Server, graceMs: number): Promise<void> {
  await s3.close(graceMs);
  sendRecords();
  observing.close();
  await reporter.close();
  blobs.close();
  await metadata.close();
  await platform.hasher.close();
}

/** Those of one turn go together. */
function takeAccessLog(record: AccessLogRecord): void {
  if (records.length === 0) platform.timers.endOfTurn(sendRecords);
  records.push(record);
}

function sendRecords(): void {
  if (records.length === 0) return;
  main.post({ kind: "access-logs", records });
  records = [];
}

function fail(error: unknown): never {
  main.post({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  throw error;
}
