/**
 * The apply function: one committed entry in, its result out, all changes in the state's overlay. Pure, synchronous and deterministic: no
 * clock, no chance, no scan, nothing that depends on a locale or on the order of anything but the log. What it decides, every replica decides.
 */

import { fromBinary } from "@bufbuild/protobuf";
import { assert, unreachable } from "../base/index.ts";
import {
  type Command,
  type CommandResult,
  CommandResultSchema,
  CommandSchema,
  RefusalCode,
} from "../gen/skerry/meta/v1/commands_pb.js";
import { MaintenanceState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { isClientWrite } from "./client-writes.ts";
import { abortUpload } from "./commands/abort-upload.ts";
import { acknowledgeDiscard } from "./commands/acknowledge-discard.ts";
import { acknowledgeUnlink } from "./commands/acknowledge-unlink.ts";
import { beginBlobDelete } from "./commands/begin-blob-delete.ts";
import { branchNamespace } from "./commands/branch-namespace.ts";
import { changeIdentities } from "./commands/change-identities.ts";
import { changeObject } from "./commands/change-object.ts";
import { closeSessions } from "./commands/close-sessions.ts";
import { commitBatch } from "./commands/commit-batch.ts";
import { commitIndex } from "./commands/commit-index.ts";
import { commitObject } from "./commands/commit-object.ts";
import { commitPart } from "./commands/commit-part.ts";
import { completeUpload } from "./commands/complete-upload.ts";
import { confirmNodeLeft } from "./commands/confirm-node-left.ts";
import { copyObject } from "./commands/copy-object.ts";
import { createBucket } from "./commands/create-bucket.ts";
import { createNamespace } from "./commands/create-namespace.ts";
import { createUpload } from "./commands/create-upload.ts";
import { deleteBucket } from "./commands/delete-bucket.ts";
import { deleteBucketConfiguration } from "./commands/delete-bucket-configuration.ts";
import { deleteNamespace } from "./commands/delete-namespace.ts";
import { deleteObjects } from "./commands/delete-objects.ts";
import { dropCopies } from "./commands/drop-copies.ts";
import {
  putEncryptionKey,
  removeEncryptionKeyVersion,
  rotateEncryptionKey,
} from "./commands/encryption-keys.ts";
import { expireObjects } from "./commands/expire-objects.ts";
import { forgetCompletedUploads } from "./commands/forget-completed-uploads.ts";
import { initCluster } from "./commands/init-cluster.ts";
import { leaseNamespaceWork } from "./commands/lease-namespace-work.ts";
import { openSession } from "./commands/open-session.ts";
import { putBucketConfiguration } from "./commands/put-bucket-configuration.ts";
import { putCopysets } from "./commands/put-copysets.ts";
import { putJoinToken } from "./commands/put-join-token.ts";
import { putKey } from "./commands/put-key.ts";
import { putWorkerCursor } from "./commands/put-worker-cursor.ts";
import { recordCopies } from "./commands/record-copies.ts";
import { registerNode } from "./commands/register-node.ts";
import { rehomeBlobs } from "./commands/rehome-blobs.ts";
import { removeJoinToken } from "./commands/remove-join-token.ts";
import { removeKey } from "./commands/remove-key.ts";
import { renameObject } from "./commands/rename-object.ts";
import { reportLost } from "./commands/report-lost.ts";
import { rewrapDataKeys } from "./commands/rewrap-data-keys.ts";
import { rotateKey } from "./commands/rotate-key.ts";
import { setBucketVersioning } from "./commands/set-bucket-versioning.ts";
import { acknowledgeMaintenance, setMaintenance } from "./commands/set-maintenance.ts";
import { setNodeState } from "./commands/set-node-state.ts";
import { setObjectLock } from "./commands/set-object-lock.ts";
import { setSearchQuota } from "./commands/set-search-quota.ts";
import { setSearchStore } from "./commands/set-search-store.ts";
import { trimNamespace } from "./commands/trim-namespace.ts";
import { trimOplog } from "./commands/trim-oplog.ts";
import { updateNamespace } from "./commands/update-namespace.ts";
import { updateNode } from "./commands/update-node.ts";
import { COMMAND_VERSION } from "./limits.ts";
import { decodeMessage } from "./message-decoder.ts";
import type { CommandBody, CommittedEntry } from "./ports.ts";
import { refused } from "./result.ts";

/** What an entry with a command came to. */
export interface AppliedCommand {
  readonly command: Command;
  readonly result: CommandResult;
}

/**
 * Applies one entry, which must be the next one. Undefined for entries without a command (a new leader's first one, configuration changes).
 * Throws on a command that this version does not understand: skipping it would make replicas differ.
 */
export function applyEntry(state: ApplyState, entry: CommittedEntry): AppliedCommand | undefined {
  state.beginEntry(entry);
  if (entry.type !== "EntryNormal" || entry.data.length === 0) {
    state.endEntry(entry.index, entry.term, []);
    return undefined;
  }
  const command = decodeCommand(entry.data);
  const { result, encoded } = applyOnce(state, command);
  state.endEntry(entry.index, entry.term, [encoded]);
  return { command, result };
}

/** Throws on an unknown version, an unknown command, and fields that this version does not know. */
export function decodeCommand(data: Uint8Array): Command & { body: CommandBody } {
  const command = decodeMessage(CommandSchema, data);
  assert(command.version === COMMAND_VERSION, "the version of a command is known");
  const { body } = command;
  assert(body.case !== undefined, "the command is known");
  assert(command.$unknown === undefined && body.value.$unknown === undefined, "a command's fields are known");
  return command as Command & { body: CommandBody };
}

interface Outcome {
  readonly result: CommandResult;
  readonly encoded: Uint8Array;
}

/** Runs the command unless its session says that it has run. */
function applyOnce(state: ApplyState, command: Command & { body: CommandBody }): Outcome {
  if (command.sessionId === 0n) return outcomeOf(state, run(state, command.body));
  const session = state.sessions.find(command.sessionId);
  if (session === undefined) return outcomeOf(state, refused(RefusalCode.SESSION_UNKNOWN, ""));
  const { sequence, acknowledgedBelow } = command;
  const standing = state.sessions.use(session, sequence, acknowledgedBelow, state.nowMs);
  switch (standing.kind) {
    case "new": {
      const outcome = outcomeOf(state, run(state, command.body));
      state.sessions.remember(session, sequence, outcome.encoded);
      return outcome;
    }
    case "repeated":
      return { result: fromBinary(CommandResultSchema, standing.result), encoded: standing.result };
    case "acknowledged":
      return outcomeOf(state, refused(RefusalCode.INVALID, "the sequence was acknowledged"));
    case "beyond-window":
      return outcomeOf(state, refused(RefusalCode.INVALID, "the sequence is too far ahead of the session"));
    default:
      return unreachable(standing);
  }
}

function outcomeOf(state: ApplyState, result: CommandResult): Outcome {
  return { result, encoded: state.encoder.encode(CommandResultSchema, result) };
}

/** While the cluster is quiesced clients change nothing, whatever a node that does not know it yet proposes. */
function run(state: ApplyState, body: CommandBody): CommandResult {
  if (isClientWrite(body.case) && state.maintenance()?.state === MaintenanceState.QUIESCED) {
    return refused(RefusalCode.MAINTENANCE, "");
  }
  return decide(state, body);
}

function decide(state: ApplyState, body: CommandBody): CommandResult {
  switch (body.case) {
    case "initCluster":
      return initCluster(state, body.value);
    case "openSession":
      return openSession(state, body.value);
    case "closeSessions":
      return closeSessions(state, body.value);
    case "registerNode":
      return registerNode(state, body.value);
    case "updateNode":
      return updateNode(state, body.value);
    case "putJoinToken":
      return putJoinToken(state, body.value);
    case "removeJoinToken":
      return removeJoinToken(state, body.value);
    case "putCopysets":
      return putCopysets(state, body.value);
    case "putKey":
      return putKey(state, body.value);
    case "rotateKey":
      return rotateKey(state, body.value);
    case "removeKey":
      return removeKey(state, body.value);
    case "createBucket":
      return createBucket(state, body.value);
    case "deleteBucket":
      return deleteBucket(state, body.value);
    case "commitObject":
      return commitObject(state, body.value);
    case "deleteObjects":
      return deleteObjects(state, body.value);
    case "copyObject":
      return copyObject(state, body.value);
    case "createUpload":
      return createUpload(state, body.value);
    case "commitPart":
      return commitPart(state, body.value);
    case "completeUpload":
      return completeUpload(state, body.value);
    case "abortUpload":
      return abortUpload(state, body.value);
    case "beginBlobDelete":
      return beginBlobDelete(state, body.value);
    case "acknowledgeUnlink":
      return acknowledgeUnlink(state, body.value);
    case "trimOplog":
      return trimOplog(state, body.value);
    case "forgetCompletedUploads":
      return forgetCompletedUploads(state, body.value);
    case "setNodeState":
      return setNodeState(state, body.value);
    case "confirmNodeLeft":
      return confirmNodeLeft(state, body.value);
    case "recordCopies":
      return recordCopies(state, body.value);
    case "reportLost":
      return reportLost(state, body.value);
    case "rehomeBlobs":
      return rehomeBlobs(state, body.value);
    case "dropCopies":
      return dropCopies(state, body.value);
    case "acknowledgeDiscard":
      return acknowledgeDiscard(state, body.value);
    case "changeIdentities":
      return changeIdentities(state, body.value);
    case "setMaintenance":
      return setMaintenance(state, body.value);
    case "acknowledgeMaintenance":
      return acknowledgeMaintenance(state, body.value);
    case "setBucketVersioning":
      return setBucketVersioning(state, body.value);
    case "setObjectLock":
      return setObjectLock(state, body.value);
    case "changeObject":
      return changeObject(state, body.value);
    case "putBucketConfiguration":
      return putBucketConfiguration(state, body.value);
    case "deleteBucketConfiguration":
      return deleteBucketConfiguration(state, body.value);
    case "expireObjects":
      return expireObjects(state, body.value);
    case "renameObject":
      return renameObject(state, body.value);
    case "putWorkerCursor":
      return putWorkerCursor(state, body.value);
    case "putEncryptionKey":
      return putEncryptionKey(state, body.value);
    case "rotateEncryptionKey":
      return rotateEncryptionKey(state, body.value);
    case "rewrapDataKeys":
      return rewrapDataKeys(state, body.value);
    case "removeEncryptionKeyVersion":
      return removeEncryptionKeyVersion(state, body.value);
    case "branchNamespace":
      return branchNamespace(state, body.value);
    case "commitBatch":
      return commitBatch(state, body.value);
    case "commitIndex":
      return commitIndex(state, body.value);
    case "createNamespace":
      return createNamespace(state, body.value);
    case "deleteNamespace":
      return deleteNamespace(state, body.value);
    case "leaseNamespaceWork":
      return leaseNamespaceWork(state, body.value);
    case "setSearchQuota":
      return setSearchQuota(state, body.value);
    case "setSearchStore":
      return setSearchStore(state, body.value);
    case "trimNamespace":
      return trimNamespace(state, body.value);
    case "updateNamespace":
      return updateNamespace(state, body.value);
    default:
      return unreachable(body);
  }
}
