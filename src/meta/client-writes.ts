import type { CommandBody } from "./ports.ts";

/**
 * Whether a command changes what clients store, so that it is refused while the cluster is quiesced. What operators do (keys, users, nodes, the mode
 * itself) and what the cluster does for itself (copies, unlinking, trimming) goes on. Complete by type: a new command says what it is.
 */
const IS_CLIENT_WRITE: Readonly<Record<CommandBody["case"], boolean>> = {
  createBucket: true,
  deleteBucket: true,
  commitObject: true,
  deleteObjects: true,
  copyObject: true,
  createUpload: true,
  commitPart: true,
  completeUpload: true,
  abortUpload: true,
  setBucketVersioning: true,
  setObjectLock: true,
  changeObject: true,
  putBucketConfiguration: true,
  deleteBucketConfiguration: true,
  expireObjects: true,
  createNamespace: true,
  updateNamespace: true,
  deleteNamespace: true,
  commitBatch: true,
  branchNamespace: true,
  renameObject: true,
  putWorkerCursor: false,
  initCluster: false,
  openSession: false,
  closeSessions: false,
  registerNode: false,
  updateNode: false,
  putJoinToken: false,
  removeJoinToken: false,
  putCopysets: false,
  putKey: false,
  rotateKey: false,
  removeKey: false,
  beginBlobDelete: false,
  acknowledgeUnlink: false,
  trimOplog: false,
  forgetCompletedUploads: false,
  setNodeState: false,
  recordCopies: false,
  reportLost: false,
  rehomeBlobs: false,
  dropCopies: false,
  acknowledgeDiscard: false,
  changeIdentities: false,
  setMaintenance: false,
  acknowledgeMaintenance: false,
  putEncryptionKey: false,
  rotateEncryptionKey: false,
  commitIndex: false,
  leaseNamespaceWork: false,
  trimNamespace: false,
  setSearchQuota: false,
};

export function isClientWrite(name: CommandBody["case"]): boolean {
  return IS_CLIENT_WRITE[name];
}
