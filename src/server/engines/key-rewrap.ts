import type { Sealer } from "../../access/index.ts";
import type { Worker } from "../../background/index.ts";
import { type MetadataView, MetaError } from "../../meta/index.ts";
import { retiredUses, rewrapWorker } from "../../object/index.ts";
import type { Metrics } from "../../observe/index.ts";
import type { Consensus } from "./consensus.ts";
import type { EnginesOptions } from "./options.ts";

/** Wraps data keys anew after a rotation, where the leader is. */
export function keyRewrap(
  { platform, config, metrics, logger }: EnginesOptions,
  { metadata, raft, sealer }: Pick<Consensus, "metadata" | "raft"> & { readonly sealer: Sealer },
): Worker {
  return rewrapWorker({
    ...platform,
    metadata,
    sealer,
    isLeader: () => raft.status().role === "leader",
    keysPerSecond: config["encryption.rewrap_keys_per_second"],
    onStep: ({ rewrapped, failed }) => {
      metrics.dataKeysRewrapped.add(rewrapped);
      metrics.dataKeysFailed.add(failed);
      if (failed > 0) logger.error("data keys that do not open stay under an old version", { failed });
    },
  });
}

/** On every node: the counters are in the metadata. A version that has been removed is shown with nothing left. */
export function observeRetiredUses(metrics: Metrics, view: MetadataView): void {
  const shown = new Map<string, { readonly ring: string; readonly version: string }>();
  metrics.onRender(async () => {
    const retired = await retiredUses(view).catch((error: unknown) => {
      if (error instanceof MetaError) return undefined;
      throw error;
    });
    if (retired === undefined) return;
    for (const labels of shown.values()) metrics.retiredUses.set(0, labels);
    for (const { keyId, version, uses } of retired) {
      const labels = { ring: keyId, version: String(version) };
      shown.set(`${keyId}/${version}`, labels);
      metrics.retiredUses.set(uses, labels);
    }
  });
}
