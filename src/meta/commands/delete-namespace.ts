import { assert } from "../../base/index.ts";
import type { CommandResult, DeleteNamespace } from "../../gen/skerry/meta/v1/commands_pb.js";
import { ClusterRowSchema, NamespaceChange_Kind, NamespaceState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isRefusal } from "../heads.ts";
import { CLUSTER_KEY, namespaceNameKey } from "../keys.ts";
import { findNamespace, replaceNamespace } from "../namespaces.ts";
import { logNamespaceChange } from "../oplog.ts";
import { done, refusedWith } from "../result.ts";

/** The name goes at once, the rows in steps. What branches share with it is theirs: they have references of their own. */
export function deleteNamespace(state: ApplyState, command: DeleteNamespace): CommandResult {
  const namespace = findNamespace(state, command.namespaceId);
  if (isRefusal(namespace)) return refusedWith(namespace);
  const cluster = state.cluster();
  assert(cluster !== undefined && cluster.namespaceCount > 0, "a cluster with a namespace counts it");
  state.write(CLUSTER_KEY, ClusterRowSchema, { ...cluster, namespaceCount: cluster.namespaceCount - 1 });
  state.delete(namespaceNameKey(namespace.org, namespace.project, namespace.name));
  logNamespaceChange(state, NamespaceChange_Kind.DELETED, namespace);
  replaceNamespace(state, namespace, {
    ...namespace,
    state: NamespaceState.DELETED,
    updatedAtMs: state.nowMs,
  });
  return done();
}
