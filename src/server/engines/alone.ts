import { ClusterError } from "../../cluster/index.ts";
import type { EnginesOptions } from "./options.ts";

/** Of a node that knows of no other one: nobody can send it what it has lost. */
const RESTORE_ALL = "restore the whole data directory from a backup, all of it from one moment";

type KnownPeers = { readonly identified: Pick<EnginesOptions["identified"], "peers"> };

/** What a log that is gone or an older one means for a node that is alone: there is no other node on which it could be removed, and none that has its data. */
export function withAdviceForAlone(options: KnownPeers, error: unknown): unknown {
  if (options.identified.peers.length > 0 || !(error instanceof ClusterError)) return error;
  if (error.code !== "log-missing" && error.code !== "log-outdated") return error;
  const advice = `this node knows of no other node, so nobody else has what it held: ${RESTORE_ALL}`;
  return new ClusterError(error.code, error.message, advice, { cause: error });
}

/**
 * Refuses a node whose metadata are gone, whose log does not go back to their beginning, and which has nobody to get them from: it would wait for a leader for ever.
 * Throws ClusterError "state-damaged".
 */
export function checkNotStranded(
  options: KnownPeers & Pick<EnginesOptions, "dataDirectory">,
  status: { readonly fenced: boolean; readonly appliedIndex: number },
): void {
  if (!status.fenced || status.appliedIndex > 0 || options.identified.peers.length > 0) return;
  throw new ClusterError(
    "state-damaged",
    `the metadata in ${options.dataDirectory}/state are gone, the log alone does not give them, and this node knows of no other node that has them`,
    `nothing was changed: ${RESTORE_ALL}`,
  );
}
