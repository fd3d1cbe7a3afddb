import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { EncryptionKeyAdmin, EncryptionKeyDescription } from "../admin/index.ts";
import { EncryptionKeySchema, type EncryptionKeyService } from "../gen/skerry/admin/v1/encryption_pb.js";
import type { Guard } from "./guard.ts";

export function encryptionKeyService(
  keys: EncryptionKeyAdmin,
  guard: Guard,
): ServiceImpl<typeof EncryptionKeyService> {
  return {
    createEncryptionKey: ({ keyId, description }, context) =>
      guard.unary("EncryptionKeyService/CreateEncryptionKey", context, [], async () => ({
        key: message(await keys.create({ keyId, description })),
      })),
    listEncryptionKeys: (_, context) =>
      guard.unary("EncryptionKeyService/ListEncryptionKeys", context, [], async () => ({
        keys: (await keys.list()).map(message),
      })),
    rotateEncryptionKey: ({ keyId }, context) =>
      guard.unary("EncryptionKeyService/RotateEncryptionKey", context, [], async () => ({
        key: message(await keys.rotate(keyId)),
      })),
    removeEncryptionKeyVersion: ({ keyId, version }, context) =>
      guard.unary("EncryptionKeyService/RemoveEncryptionKeyVersion", context, [], async () => ({
        key: message(await keys.removeVersion(keyId, version)),
      })),
  };
}

function message(key: EncryptionKeyDescription) {
  return create(EncryptionKeySchema, {
    keyId: key.keyId,
    description: key.description,
    createdAtMs: BigInt(key.createdAtMs),
    version: key.version,
    rotatedAtMs: BigInt(key.rotatedAtMs),
    versions: key.versions.map(({ version, createdAtMs, uses }) => ({
      version,
      createdAtMs: BigInt(createdAtMs),
      ...(uses !== undefined && { uses: BigInt(uses) }),
    })),
  });
}
