/**
 * How much each version of a key of the ring is needed: by versions of objects, current or not, and by open uploads, each of which has one data key in its
 * row. Counted with every such row that comes or goes, so that a version can be removed exactly when nothing needs it, without a scan.
 */

import { assert } from "../base/index.ts";
import { type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  EncryptionKeyRowSchema,
  EncryptionKind,
  EncryptionUseRowSchema,
  type ObjectEncryption,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { encryptionKeyKey, encryptionUseKey } from "./keys.ts";
import { refusal } from "./result.ts";

/** Whether the data key is wrapped by a key of the ring: a customer's key is not there. */
export function isOfRing(encryption: ObjectEncryption | undefined): encryption is ObjectEncryption {
  return encryption !== undefined && encryption.kind !== EncryptionKind.SSE_C;
}

/** The version that wraps; undefined: there is no such key. */
export function newestVersion(state: ApplyState, keyId: string): number | undefined {
  return state.read(encryptionKeyKey(keyId), EncryptionKeyRowSchema)?.versions.at(-1)?.version;
}

/** What comes into being is wrapped by the newest version, so that what older ones wrap only gets less. */
export function checkWrapping(
  state: ApplyState,
  encryption: ObjectEncryption | undefined,
): Refusal | undefined {
  if (!isOfRing(encryption)) return undefined;
  const newest = newestVersion(state, encryption.keyId);
  if (newest === undefined || encryption.keyVersion > newest) {
    return refusal(RefusalCode.ENCRYPTION_KEY_UNKNOWN, "");
  }
  return encryption.keyVersion < newest ? refusal(RefusalCode.ENCRYPTION_KEY_RETIRED, "") : undefined;
}

/** A row with this data key comes into being (1) or goes (-1). */
export function countUse(
  state: ApplyState,
  encryption: ObjectEncryption | undefined,
  change: 1n | -1n,
): void {
  if (!isOfRing(encryption)) return;
  const key = encryptionUseKey(encryption.keyId, encryption.keyVersion);
  const row = state.read(key, EncryptionUseRowSchema);
  // Of a state that is older than the counting. Such a version is never removed.
  if (row === undefined) return;
  const uses = row.uses + change;
  assert(uses >= 0n, "what is stored is counted by the version that wraps it");
  state.write(key, EncryptionUseRowSchema, { ...row, uses });
}
