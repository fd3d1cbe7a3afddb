import {
  CopysetRowSchema,
  EncryptionKeyRowSchema,
  EncryptionUseRowSchema,
  IdentityRowSchema,
  IdentityTotalsRowSchema,
  JoinTokenRowSchema,
  KeyRowSchema,
  MaintenanceRowSchema,
  MaintenanceState,
  NodeRowSchema,
  NodeSessionsRowSchema,
  NodeState,
  OplogRowSchema,
  SessionRowSchema,
  WorkerCursorRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import {
  APPLIED_KEY,
  accessKeyKey,
  CLUSTER_KEY,
  copysetKey,
  encryptionKeyKey,
  encryptionUseKey,
  IDENTITY_TOTALS_KEY,
  identityKey,
  joinTokenHashKey,
  joinTokenKey,
  MAINTENANCE_KEY,
  nodeKey,
  nodeNameKey,
  nodeSessionsKey,
  oplogKey,
  sessionKey,
  workerCursorKey,
} from "../keys.ts";
import { nodeIdOfNameRow } from "../nodes.ts";
import type { Check } from "./check.ts";

export async function checkKeys(check: Check): Promise<void> {
  let count = 0;
  for await (const { key, row } of check.table("key", KeyRowSchema)) {
    count++;
    check.holds(key === accessKeyKey(row.keyId), "a key lies at its id", key);
  }
  check.holds(count === (check.cluster?.keyCount ?? 0), "the cluster counts its keys", CLUSTER_KEY);
}

export async function checkIdentities(check: Check): Promise<void> {
  const totals = check.row(IDENTITY_TOTALS_KEY, IdentityTotalsRowSchema);
  let count = 0n;
  for await (const { key, row } of check.table("identity", IdentityRowSchema)) {
    count += 1n;
    check.holds(key === identityKey(row.name), "an identity lies at its name", key);
    check.holds(
      row.revision > 0n && row.revision < (totals?.nextRevision ?? 1n),
      "a revision was given out",
      key,
    );
    const { record } = row;
    const isFound = record.case !== "reference" || check.has(identityKey(record.value));
    check.holds(isFound, "an identity that is referred to exists", key);
  }
  check.holds(count === (totals?.count ?? 0n), "identities are counted", IDENTITY_TOTALS_KEY);
}

export async function checkMaintenance(check: Check): Promise<void> {
  const row = check.row(MAINTENANCE_KEY, MaintenanceRowSchema);
  if (row === undefined) return;
  const isUnderWay = row.state === MaintenanceState.ENTERING || row.state === MaintenanceState.EXITING;
  check.holds(
    isUnderWay === row.waitingNodeIds.length > 0,
    "a change of mode waits for somebody",
    MAINTENANCE_KEY,
  );
}

export async function checkWorkerCursors(check: Check): Promise<void> {
  for await (const { key, row } of check.table("workerCursor", WorkerCursorRowSchema)) {
    check.holds(key === workerCursorKey(row.worker), "a cursor lies at its worker", key);
    check.holds(row.revision > 0n, "the writes of a cursor are counted", key);
  }
}

export async function checkEncryptionKeys(check: Check): Promise<void> {
  let count = 0;
  for await (const { key, row } of check.table("encryptionKey", EncryptionKeyRowSchema)) {
    count++;
    check.holds(key === encryptionKeyKey(row.keyId), "an encryption key lies at its id", key);
    const ascending = row.versions.every(({ version }, at) => version > (row.versions[at - 1]?.version ?? 0));
    check.holds(row.versions.length > 0 && ascending, "the versions of an encryption key ascend", key);
  }
  check.holds(
    count === (check.cluster?.encryptionKeyCount ?? 0),
    "the cluster counts its encryption keys",
    CLUSTER_KEY,
  );
}

/** After everything with a data key has been read. */
export async function checkEncryptionUses(check: Check): Promise<void> {
  for await (const { key, row } of check.table("encryptionUse", EncryptionUseRowSchema)) {
    check.holds(key === encryptionUseKey(row.keyId, row.version), "uses lie at their version", key);
    const ring = check.row(encryptionKeyKey(row.keyId), EncryptionKeyRowSchema);
    const isThere = ring?.versions.some(({ version }) => version === row.version) === true;
    check.holds(isThere, "uses are counted of versions that are there", key);
    const met = check.encryptionUses.get(key) ?? 0n;
    check.holds(row.uses === met, "what a version wraps is counted", key);
  }
}

export async function checkTokens(check: Check): Promise<void> {
  let count = 0;
  for await (const { key, row } of check.table("joinToken", JoinTokenRowSchema)) {
    count++;
    check.holds(key === joinTokenKey(row.tokenId), "a token lies at its id", key);
    check.holds(check.has(joinTokenHashKey(row.tokenHash)), "every token is found by its hash", key);
  }
  check.holds(count === (check.cluster?.joinTokenCount ?? 0), "the cluster counts its tokens", CLUSTER_KEY);
  let hashes = 0;
  for await (const _ of check.keys("joinTokenHash")) hashes++;
  check.holds(hashes === count, "every token hash has its token", CLUSTER_KEY);
}

export async function checkNodes(check: Check): Promise<void> {
  let named = 0;
  const left: bigint[] = [];
  for await (const { key, row } of check.table("node", NodeRowSchema)) {
    check.holds(key === nodeKey(row.nodeId), "a node lies at its id", key);
    check.holds(row.nodeId < (check.cluster?.nextNodeId ?? 0n), "a node id was given out", key);
    check.holds(!row.hasLeft || row.state === NodeState.REMOVED, "who has left was removed", key);
    if (row.hasLeft) left.push(row.nodeId);
    if (row.state === NodeState.REMOVED) continue;
    named++;
    const name = check.get(nodeNameKey(row.name));
    const isFound = name !== undefined && nodeIdOfNameRow(name) === row.nodeId;
    check.holds(isFound, "every node is found by its name", key);
  }
  const { voters = [], learners = [] } = check.applied ?? {};
  const leaving = [...voters, ...learners].filter(
    (nodeId) => check.row(nodeKey(nodeId), NodeRowSchema)?.state === NodeState.REMOVED,
  );
  const isMember = left.some((nodeId) => [...voters, ...learners].includes(nodeId));
  check.holds(!isMember, "who has left is out of the Raft group", APPLIED_KEY);
  check.holds(leaving.length <= 1, "nodes leave the Raft group one after the other", APPLIED_KEY);
  let names = 0;
  for await (const _ of check.keys("nodeName")) names++;
  check.holds(names === named, "every node name has its node", CLUSTER_KEY);
}

export async function checkCopysets(check: Check): Promise<void> {
  const open = new Set(check.cluster?.openCopysetIds);
  for await (const { key, row } of check.table("copyset", CopysetRowSchema)) {
    check.holds(key === copysetKey(row.copysetId), "a copyset lies at its id", key);
    check.holds(row.open === open.delete(row.copysetId), "the cluster lists the open copysets", key);
    check.holds(row.copysetId < (check.cluster?.nextCopysetId ?? 0n), "a copyset id was given out", key);
    check.holds(
      row.layoutEpoch <= (check.cluster?.layoutEpoch ?? 0n),
      "a copyset's epoch has been reached",
      key,
    );
  }
  check.holds(open.size === 0, "every open copyset exists", CLUSTER_KEY);
}

export async function checkSessions(check: Check): Promise<void> {
  for await (const { key, row } of check.table("nodeSessions", NodeSessionsRowSchema)) {
    check.holds(row.sessionIds.length > 0, "a node without sessions has no list of them", key);
    for (const sessionId of row.sessionIds) {
      const session = check.row(sessionKey(sessionId), SessionRowSchema);
      const isOfNode = session !== undefined && nodeSessionsKey(session.nodeId) === key;
      check.holds(isOfNode, "every listed session exists and is the node's", key);
    }
  }
  for await (const { key, row } of check.table("session", SessionRowSchema)) {
    check.holds(key === sessionKey(row.sessionId), "a session lies at its id", key);
    check.holds(row.sessionId < (check.applied?.nextSessionId ?? 0n), "a session id was given out", key);
    const list = check.row(nodeSessionsKey(row.nodeId), NodeSessionsRowSchema);
    check.holds(
      list?.sessionIds.includes(row.sessionId) === true,
      "every session is listed at its node",
      key,
    );
  }
}

export async function checkOplog(check: Check): Promise<void> {
  let next = check.applied?.firstOplogSequence ?? 1n;
  for await (const { key, row } of check.table("oplog", OplogRowSchema)) {
    check.holds(key === oplogKey(next) && row.sequence === next, "the oplog has no gap", key);
    next = row.sequence + 1n;
  }
  check.holds(
    next === (check.applied?.nextOplogSequence ?? 1n),
    "the oplog reaches its next sequence",
    APPLIED_KEY,
  );
}
