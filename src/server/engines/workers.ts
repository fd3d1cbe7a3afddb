import type { Sealer } from "../../access/index.ts";
import { BackgroundRuntime, type Worker, type WorkerStatus } from "../../background/index.ts";
import {
  announceWorker,
  type HealthService,
  leaderWorkers,
  maintenanceWorker,
  stateHashWatch,
  unlinkWorker,
} from "../../cluster/index.ts";
import { MAX_BLOB_WRITE_MS, type Metadata, MetaError } from "../../meta/index.ts";
import { lifecycleWorker, notificationWorker, type Writes } from "../../object/index.ts";
import { outsideWorkers, searchWorkers } from "../../search/index.ts";
import { rewriteWorker, type SegmentStore } from "../../segment/index.ts";
import type { Config } from "../config/index.ts";
import { describeSelf } from "../identity.ts";
import { Webhooks } from "../webhooks.ts";
import type { Consensus } from "./consensus.ts";
import { keyRewrap, observeRetiredUses } from "./key-rewrap.ts";
import { createIds } from "./objects.ts";
import type { Certificates, EnginesOptions } from "./options.ts";
import type { Search } from "./search.ts";
import type { Upkeep } from "./upkeep.ts";

export interface Worked extends Pick<Consensus, "metadata" | "raft"> {
  readonly sealer: Sealer;
  readonly segments: SegmentStore;
  readonly health: HealthService;
  readonly upkeep: Upkeep;
  readonly certificates: Certificates;
  readonly writes: Writes;
  readonly search: Search;
  /** With the ports that the system chose. */
  readonly boundConfig: Config;
  /** Of other parts of the node. */
  readonly others: readonly Worker[];
}

export interface StartedWorkers {
  readonly status: () => readonly WorkerStatus[];
  readonly stop: () => Promise<void>;
}

/** All work of a node that nobody waits for. */
export function startWorkers(options: EnginesOptions, worked: Worked): StartedWorkers {
  const { platform, logger, metrics, onFatal } = options;
  const { identity } = options.identified.stored;
  const { metadata, raft, health, segments, writes } = worked;
  const background = new BackgroundRuntime({ ...platform, logger, metrics, onBug: onFatal });
  const workers = [
    ...leaderWorkers({
      metadata,
      raft,
      health,
      clock: platform.clock,
      maxVoters: options.config["raft.max_voters"],
    }),
    unlinkWorker({ identity, metadata, segments, locks: worked.upkeep.locks }),
    maintenanceWorker({ identity, metadata, writesUnderWay: () => writes.underWay }),
    announceWorker({ identity, metadata, node: describeSelf(worked.boundConfig) }),
    ...worked.certificates.workers,
    stateHashWatch({
      identity,
      health,
      memberCount: () => {
        const { voters, learners } = raft.status().confState;
        return voters.length + learners.length;
      },
      onVerdict: (verdict) => {
        if (verdict.kind === "self-diverges") {
          onFatal(new Error("this node's metadata differs from the majority's: it must not serve"));
        } else if (verdict.kind !== "agree") {
          logger.warn("state hashes", { verdict });
        }
      },
    }),
  ];
  for (const worker of workers) background.add(worker, { throttle: 0 });
  for (const worker of worked.others) background.add(worker, { throttle: 0 });
  background.add(bucketLifecycle(options, worked), { throttle: 1 });
  background.add(keyRewrap(options, worked), { throttle: 1 });
  observeRetiredUses(metrics, metadata.view);
  if (options.config["notifications.destinations"].length > 0) {
    background.add(bucketNotifications(options, worked), { throttle: 0 });
  }
  // What goes over everything leaves at least half of the time to those who wait.
  const rewriting = rewriteWorker({
    ...platform,
    store: segments,
    bytesPerSecond: options.config["storage.rewrite_bytes_per_second"],
    onMoved: (bytes) => metrics.segmentRewrittenBytes.add(bytes),
  });
  for (const worker of [...worked.upkeep.workers(), rewriting]) background.add(worker, { throttle: 1 });
  const { engine, context, stores } = worked.search;
  const isLeader = () => raft.status().role === "leader";
  const outside = outsideWorkers({
    blobs: stores.blobs,
    view: metadata.view,
    barrier: () => metadata.barrier(),
    acknowledge: (value, signal) => metadata.submit({ case: "acknowledgeUnlink", value }, { signal }),
    isLeader,
    maxWriteMs: MAX_BLOB_WRITE_MS,
    logger,
  });
  for (const worker of [...searchWorkers({ context, states: engine.states, isLeader }), ...outside]) {
    background.add(worker, { throttle: 1 });
  }
  const followMaintenance = (): void => {
    if (background.has("maintenance") && mayBeInMaintenance(metadata)) background.wake("maintenance");
  };
  writes.onDrained = followMaintenance;
  const unsubscribe = metadata.onChange((change) => {
    if (change.maintenance) followMaintenance();
    if (change.unlinkOrders && background.has("unlink")) background.wake("unlink");
    if (change.underReplicated && background.has("repair")) background.wake("repair");
  });
  const stop = async (): Promise<void> => {
    unsubscribe();
    await background.stop();
  };
  return { status: () => background.status(), stop };
}

/** Asked behind every write: that the metadata cannot be read is for the worker to find out, and no error of the write. */
function mayBeInMaintenance({ view }: Metadata): boolean {
  try {
    return view.maintenance() !== undefined;
  } catch (error) {
    if (error instanceof MetaError) return true;
    throw error;
  }
}

function bucketNotifications(options: EnginesOptions, worked: Worked): Worker {
  const { platform, config, metrics, logger } = options;
  const webhooks = new Webhooks({
    destinations: config["notifications.destinations"],
    signingKey: config["notifications.signing_key"],
    clock: platform.clock,
  });
  return notificationWorker({
    metadata: worked.metadata,
    isLeader: () => worked.raft.status().role === "leader",
    clock: platform.clock,
    timers: platform.timers,
    region: config["s3.region"],
    destinations: webhooks.names,
    send: (destination, message, signal) => webhooks.send(destination, message, signal),
    giveUpAfterMs: config["notifications.give_up_after"],
    onEvents: (outcome, destination, count, error) => {
      metrics.notificationEvents.add(count, { outcome });
      if (outcome !== "delivered") logger.error("events of buckets", { outcome, destination, count, error });
    },
  });
}

function bucketLifecycle({ platform, config, metrics }: EnginesOptions, worked: Worked): Worker {
  return lifecycleWorker({
    metadata: worked.metadata,
    isLeader: () => worked.raft.status().role === "leader",
    clock: platform.clock,
    newId: createIds(platform, worked.metadata.view),
    dayMs: config["lifecycle.day_seconds"] * 1000,
    onStep: ({ examined, expired, kept }) => {
      metrics.lifecycleExamined.add(examined);
      metrics.lifecycleExpired.add(expired);
      metrics.lifecycleKept.add(kept);
    },
  });
}
