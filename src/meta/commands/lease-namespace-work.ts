import { create } from "@bufbuild/protobuf";
import { equalBytes } from "../../base/index.ts";
import {
  type CommandResult,
  CommandResultSchema,
  type LeaseNamespaceWork,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  NamespaceLeaseRowSchema,
  NamespaceRowSchema,
  NamespaceState,
  NamespaceWork,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { namespaceKey, namespaceLeaseKey } from "../keys.ts";
import { MAX_LEASE_MS, META_ID_BYTES } from "../limits.ts";
import { refused } from "../result.ts";

/** Who works on a namespace: given when nobody does, when the lease is over, or to whoever has it. */
export function leaseNamespaceWork(state: ApplyState, command: LeaseNamespaceWork): CommandResult {
  const { namespaceId, work, nodeId, token, durationMs } = command;
  const namespace = state.read(namespaceKey(namespaceId), NamespaceRowSchema);
  if (namespace?.state !== NamespaceState.LIVE) return refused(RefusalCode.NAMESPACE_UNKNOWN, "");
  if (work !== NamespaceWork.FLUSH && work !== NamespaceWork.COMPACT) {
    return refused(RefusalCode.INVALID, "the kind of work");
  }
  if (token.length !== META_ID_BYTES) return refused(RefusalCode.INVALID, "a token has 16 bytes");
  if (durationMs > MAX_LEASE_MS) return refused(RefusalCode.INVALID, "the duration of a lease");
  const key = namespaceLeaseKey(namespaceId, work);
  const held = state.read(key, NamespaceLeaseRowSchema);
  const isOwn = held !== undefined && equalBytes(held.token, token);
  if (held !== undefined && !isOwn && held.untilMs > state.nowMs) {
    return refused(RefusalCode.NAMESPACE_LEASED, `node ${held.nodeId} has it`);
  }
  const untilMs = state.nowMs + durationMs;
  if (durationMs > 0n) {
    state.write(key, NamespaceLeaseRowSchema, create(NamespaceLeaseRowSchema, { nodeId, token, untilMs }));
  } else if (isOwn) {
    state.delete(key);
  }
  return create(CommandResultSchema, { result: { case: "namespaceWorkLeased", value: { untilMs } } });
}
