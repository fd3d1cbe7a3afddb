/** For tests: rows in arrays, and a list of the commands that were submitted. */

import { create } from "@bufbuild/protobuf";
import { equalBytes } from "../../base/index.ts";
import { type CommandResult, CommandResultSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type {
  ClusterRow,
  CompletedUploadRow,
  CopysetRow,
  JoinTokenRow,
  MaintenanceRow,
  NodeRow,
  OplogRow,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { AppliedChange, CommandBody } from "../../meta/ports.ts";
import type { ClusterMetadata, ClusterView } from "../ports.ts";

export const DONE: CommandResult = create(CommandResultSchema, { result: { case: "done", value: {} } });

export class FakeMetadata implements ClusterMetadata {
  cluster: ClusterRow | undefined;
  nodes: NodeRow[] = [];
  copysets: CopysetRow[] = [];
  joinTokens: JoinTokenRow[] = [];
  oplog: OplogRow[] = [];
  pendingDeletes: { readonly blobId: Uint8Array; readonly sinceMs: number }[] = [];
  unlinkOrders = new Map<number, Uint8Array[]>();
  discardOrders = new Map<number, Uint8Array[]>();
  heldBlobs = new Map<number, Uint8Array[]>();
  completedUploads: CompletedUploadRow[] = [];
  maintenance: MaintenanceRow | undefined;
  idleSessions: { readonly sessionId: bigint; readonly usedMs: number }[] = [];
  appliedIndex = 1_000;
  appliedTimeMs = 0;
  readonly submitted: CommandBody[] = [];
  barriers = 0;
  /** Reads of all copysets. */
  wholeReads = 0;
  /** Reads of the blobs that a node holds. */
  heldReads = 0;
  /** Decides a command; by default everything is done and nothing changes. */
  decide: (body: CommandBody) => CommandResult | Promise<CommandResult> = () => DONE;
  onBarrier: () => void | Promise<void> = () => {};
  readonly #listeners = new Set<(change: AppliedChange) => void>();

  readonly view: ClusterView = {
    appliedIndex: () => this.appliedIndex,
    appliedTimeMs: () => this.appliedTimeMs,
    cluster: () => this.cluster,
    nodes: async () => this.nodes,
    copysets: async () => {
      this.wholeReads++;
      return this.copysets;
    },
    openCopysets: () => this.copysets.filter((copyset) => copyset.open),
    joinTokens: async () => this.joinTokens,
    oplog: async (after, limit) => this.oplog.filter((row) => row.sequence > after).slice(0, limit),
    pendingDeletes: async (beforeMs, limit) =>
      this.pendingDeletes
        // So that a time that makes no sense gives everything: callers must not rely on luck.
        .filter((pending) => !(pending.sinceMs >= beforeMs))
        .slice(0, limit)
        .map((pending) => pending.blobId),
    unlinkOrders: async (nodeId, limit) => (this.unlinkOrders.get(nodeId) ?? []).slice(0, limit),
    discardOrders: async (nodeId, limit) => (this.discardOrders.get(nodeId) ?? []).slice(0, limit),
    isDiscarding: (nodeId, blobId) =>
      (this.discardOrders.get(nodeId) ?? []).some((ordered) => equalBytes(ordered, blobId)),
    heldBlobs: async (nodeId, { limit }) => {
      this.heldReads++;
      return (this.heldBlobs.get(nodeId) ?? []).slice(0, limit);
    },
    completedUploads: async (beforeMs, limit) =>
      this.completedUploads.filter((row) => Number(row.completedAtMs) < beforeMs).slice(0, limit),
    maintenance: () => this.maintenance,
    idleSessions: async (beforeMs, limit) =>
      this.idleSessions
        .filter((session) => session.usedMs < beforeMs)
        .slice(0, limit)
        .map((session) => session.sessionId),
  };

  async submit(body: CommandBody): Promise<CommandResult> {
    this.submitted.push(body);
    return this.decide(body);
  }

  async barrier(): Promise<void> {
    this.barriers++;
    await this.onBarrier();
  }

  onChange(listener: (change: AppliedChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  announce(change: Partial<AppliedChange>): void {
    const full = {
      appliedIndex: this.appliedIndex,
      cluster: false,
      keys: false,
      maintenance: false,
      unlinkOrders: false,
      underReplicated: false,
      namespaces: false,
      oplogSequence: 0n,
    };
    for (const listener of this.#listeners) listener({ ...full, ...change });
  }
}
