import {
  type CommandResult,
  type PutEncryptionKey,
  RefusalCode,
  type RemoveEncryptionKeyVersion,
  type RotateEncryptionKey,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  ClusterRowSchema,
  EncryptionKeyRowSchema,
  type EncryptionKeyVersion,
  EncryptionUseRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isName } from "../heads.ts";
import { CLUSTER_KEY, encryptionKeyKey, encryptionUseKey } from "../keys.ts";
import {
  MAX_ENCRYPTION_KEY_VERSIONS,
  MAX_ENCRYPTION_KEYS,
  MAX_NAME_BYTES,
  MAX_SEALED_SECRET_BYTES,
} from "../limits.ts";
import { done, refused } from "../result.ts";

/** A new key of the key ring, with its first version. */
export function putEncryptionKey(state: ApplyState, command: PutEncryptionKey): CommandResult {
  const cluster = state.cluster();
  if (cluster === undefined) return refused(RefusalCode.INVALID, "the cluster is not initialised");
  if (!isName(command.keyId) || command.keyId.includes("/") || command.description.length > MAX_NAME_BYTES) {
    return refused(RefusalCode.INVALID, "the key's id or description");
  }
  if (!isSealed(command.secretSealed)) return refused(RefusalCode.INVALID, "the key's sealed secret");
  const rowKey = encryptionKeyKey(command.keyId);
  if (state.has(rowKey)) return refused(RefusalCode.ENCRYPTION_KEY_EXISTS, "");
  if (cluster.encryptionKeyCount >= MAX_ENCRYPTION_KEYS) {
    return refused(RefusalCode.TOO_LARGE, "too many encryption keys");
  }
  state.write(CLUSTER_KEY, ClusterRowSchema, {
    ...cluster,
    encryptionKeyCount: cluster.encryptionKeyCount + 1,
  });
  state.write(rowKey, EncryptionKeyRowSchema, {
    $typeName: "skerry.meta.v1.EncryptionKeyRow",
    keyId: command.keyId,
    description: command.description,
    createdAtMs: state.nowMs,
    versions: [versionOf(state, 1, command.secretSealed)],
  });
  beginCounting(state, command.keyId, 1);
  return done();
}

/** One more version; what was wrapped by earlier ones stays readable. */
export function rotateEncryptionKey(state: ApplyState, command: RotateEncryptionKey): CommandResult {
  const rowKey = encryptionKeyKey(command.keyId);
  const row = state.read(rowKey, EncryptionKeyRowSchema);
  if (row === undefined) return refused(RefusalCode.ENCRYPTION_KEY_UNKNOWN, "");
  if (!isSealed(command.secretSealed)) return refused(RefusalCode.INVALID, "the key's sealed secret");
  const last = row.versions.at(-1)?.version ?? 0;
  if (last !== command.expectedVersion) return refused(RefusalCode.ENCRYPTION_KEY_CHANGED, "");
  if (row.versions.length >= MAX_ENCRYPTION_KEY_VERSIONS) {
    return refused(RefusalCode.TOO_LARGE, "too many versions of an encryption key");
  }
  const versions = [...row.versions, versionOf(state, last + 1, command.secretSealed)];
  state.write(rowKey, EncryptionKeyRowSchema, { ...row, versions });
  beginCounting(state, command.keyId, last + 1);
  return done();
}

/** What a version has wrapped cannot be opened without it: it goes when nothing is left, and the newest stays. Its number is never given again. */
export function removeEncryptionKeyVersion(
  state: ApplyState,
  { keyId, version }: RemoveEncryptionKeyVersion,
): CommandResult {
  const rowKey = encryptionKeyKey(keyId);
  const row = state.read(rowKey, EncryptionKeyRowSchema);
  const versions = row?.versions.filter((candidate) => candidate.version !== version);
  if (row === undefined || versions?.length === row.versions.length) {
    return refused(RefusalCode.ENCRYPTION_KEY_UNKNOWN, `version ${version}`);
  }
  const inUse = (detail: string) => refused(RefusalCode.ENCRYPTION_KEY_IN_USE, detail);
  if (row.versions.at(-1)?.version === version) return inUse("the newest version of a key stays");
  const useKey = encryptionUseKey(keyId, version);
  const use = state.read(useKey, EncryptionUseRowSchema);
  if (use === undefined) return inUse("the version was made before uses were counted");
  if (use.uses > 0n) return inUse(`${use.uses} objects and uploads still need the version`);
  state.write(rowKey, EncryptionKeyRowSchema, { ...row, versions: versions ?? [] });
  state.delete(useKey);
  return done();
}

function beginCounting(state: ApplyState, keyId: string, version: number): void {
  state.write(encryptionUseKey(keyId, version), EncryptionUseRowSchema, {
    $typeName: "skerry.meta.v1.EncryptionUseRow",
    keyId,
    version,
    uses: 0n,
  });
}

function isSealed(secret: Uint8Array): boolean {
  return secret.length > 0 && secret.length <= MAX_SEALED_SECRET_BYTES;
}

function versionOf(state: ApplyState, version: number, secretSealed: Uint8Array): EncryptionKeyVersion {
  return {
    $typeName: "skerry.meta.v1.EncryptionKeyVersion",
    version,
    secretSealed,
    createdAtMs: state.nowMs,
  };
}
