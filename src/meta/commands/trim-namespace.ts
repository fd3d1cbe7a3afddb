import { assert } from "../../base/index.ts";
import { type CommandResult, RefusalCode, type TrimNamespace } from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  type ManifestRow,
  type NamespaceRow,
  NamespaceRowSchema,
  NamespaceState,
  RememberedBatchRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { namespaceKey, rememberedBatchKey } from "../keys.ts";
import { LEAST_RETENTION_MS, MAX_NAMESPACE_TRIMMED, REMEMBER_BATCH_MS } from "../limits.ts";
import { ManifestChanges, readManifestRow } from "../namespace-manifest.ts";
import { replaceNamespace } from "../namespaces.ts";
import { done, refused } from "../result.ts";

/** Of what is named, what may go by leader time. The rest is passed over: a command that comes late or twice does nothing. */
export function trimNamespace(state: ApplyState, command: TrimNamespace): CommandResult {
  const namespace = state.read(namespaceKey(command.namespaceId), NamespaceRowSchema);
  if (namespace === undefined) return refused(RefusalCode.NAMESPACE_UNKNOWN, "");
  if (command.rows.length + command.idempotencyHashes.length > MAX_NAMESPACE_TRIMMED) {
    return refused(RefusalCode.TOO_LARGE, "too many rows");
  }
  let { trimmedRevision } = namespace;
  const changes = new ManifestChanges(state, namespace);
  for (const name of command.rows) {
    const row = readManifestRow(state, namespace.namespaceId, name);
    if (row === undefined || !isOver(state, namespace, row)) continue;
    changes.drop(row);
    if (row.removedRevision > trimmedRevision) trimmedRevision = row.removedRevision;
  }
  let { remembered } = namespace;
  const { rememberedAtMost } = command;
  for (const hash of command.idempotencyHashes) {
    const key = rememberedBatchKey(namespace.namespaceId, hash);
    const row = state.read(key, RememberedBatchRowSchema);
    if (row === undefined) continue;
    const isOld = row.committedAtMs + REMEMBER_BATCH_MS <= state.nowMs;
    const isSurplus = rememberedAtMost > 0n && remembered > rememberedAtMost;
    if (!isOld && !isSurplus && namespace.state !== NamespaceState.DELETED) continue;
    state.delete(key);
    remembered--;
  }
  assert(remembered >= 0n, "a namespace counts its remembered batches");
  const totals = changes.settle();
  replaceNamespace(state, namespace, { ...namespace, trimmedRevision, remembered, totals });
  return done();
}

function isOver(state: ApplyState, namespace: NamespaceRow, row: ManifestRow): boolean {
  if (namespace.state === NamespaceState.DELETED) return true;
  if (row.removedRevision === 0n) return false;
  const retentionMs = (namespace.settings?.retentionSeconds ?? 0n) * 1000n;
  const keptMs = retentionMs > LEAST_RETENTION_MS ? retentionMs : LEAST_RETENTION_MS;
  return row.removedAtMs + keptMs <= state.nowMs;
}
