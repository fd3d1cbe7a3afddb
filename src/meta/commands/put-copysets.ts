import { assert } from "../../base/index.ts";
import {
  type CommandResult,
  type PutCopysets,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  ClusterRowSchema,
  type CopysetRow,
  CopysetRowSchema,
  NodeRowSchema,
  NodeState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { CLUSTER_KEY, copysetKey, nodeKey } from "../keys.ts";
import { MAX_COPYSETS, MAX_REPLICATION_FACTOR } from "../limits.ts";
import { done, refusal, refused, refusedWith } from "../result.ts";

/**
 * Replaces the copysets that take new blobs. One with id 0 is new and gets an id; one with an id must exist with the same nodes and is kept,
 * or opened again. Those that were open and are not named are closed.
 */
export function putCopysets(state: ApplyState, command: PutCopysets): CommandResult {
  const cluster = state.cluster();
  if (cluster === undefined) return refused(RefusalCode.INVALID, "the cluster is not initialised");
  if (command.expectedLayoutEpoch !== cluster.layoutEpoch) return refused(RefusalCode.LAYOUT_STALE, "");
  if (command.copysets.length > MAX_COPYSETS) return refused(RefusalCode.TOO_LARGE, "too many copysets");
  const problem = checkCopysets(state, command.copysets);
  if (problem !== undefined) return refusedWith(problem);

  const layoutEpoch = cluster.layoutEpoch + 1n;
  const wasOpen = new Set(cluster.openCopysetIds);
  const openCopysetIds: bigint[] = [];
  let nextCopysetId = cluster.nextCopysetId;
  for (const copyset of command.copysets) {
    const copysetId = copyset.copysetId === 0n ? nextCopysetId++ : copyset.copysetId;
    openCopysetIds.push(copysetId);
    if (!wasOpen.delete(copysetId)) writeCopyset(state, { ...copyset, copysetId, layoutEpoch, open: true });
  }
  for (const copysetId of wasOpen) {
    const copyset = state.read(copysetKey(copysetId), CopysetRowSchema);
    assert(copyset !== undefined, "an open copyset exists");
    writeCopyset(state, { ...copyset, layoutEpoch, open: false });
  }
  state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, layoutEpoch, nextCopysetId, openCopysetIds });
  return done();
}

function writeCopyset(state: ApplyState, copyset: CopysetRow): void {
  state.write(copysetKey(copyset.copysetId), CopysetRowSchema, copyset);
}

function checkCopysets(state: ApplyState, copysets: readonly CopysetRow[]): Refusal | undefined {
  const kept = new Set<bigint>();
  for (const copyset of copysets) {
    const problem = checkNodes(state, copyset.nodeIds);
    if (problem !== undefined) return problem;
    if (copyset.copysetId === 0n) continue;
    const known = state.read(copysetKey(copyset.copysetId), CopysetRowSchema);
    const same = known?.nodeIds.length === copyset.nodeIds.length;
    if (kept.has(copyset.copysetId) || known === undefined || !same) return badCopyset();
    if (known.nodeIds.some((nodeId, at) => nodeId !== copyset.nodeIds[at])) return badCopyset();
    kept.add(copyset.copysetId);
  }
  return undefined;
}

function checkNodes(state: ApplyState, nodeIds: readonly bigint[]): Refusal | undefined {
  const distinct = new Set(nodeIds).size === nodeIds.length;
  if (nodeIds.length < 1 || nodeIds.length > MAX_REPLICATION_FACTOR || !distinct) {
    return refusal(RefusalCode.INVALID, "the nodes of a copyset");
  }
  const active = nodeIds.every(
    (nodeId) => state.read(nodeKey(nodeId), NodeRowSchema)?.state === NodeState.ACTIVE,
  );
  return active ? undefined : refusal(RefusalCode.NODE_UNKNOWN, "a copyset has only active nodes");
}

function badCopyset(): Refusal {
  return refusal(RefusalCode.INVALID, "a kept copyset exists, once, with the same nodes");
}
