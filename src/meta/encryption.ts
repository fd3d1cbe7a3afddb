/** What the state machine checks of encrypted manifests: their lengths and salts. It has no keys and opens nothing. */

import { BODY_SALT_BYTES, sealedLength } from "../base/index.ts";
import { type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  EncryptionKind,
  type ObjectAttributes,
  type ObjectEncryption,
  type PartBoundary,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { MAX_NAME_BYTES, MAX_SEALED_SECRET_BYTES } from "./limits.ts";
import { refusal } from "./result.ts";

const FRAME_FORMAT_VERSION = 1;
/** Greatest encryption context, in characters as it was sent. */
const MAX_CONTEXT_CHARACTERS = 4096;

/** Bytes that a body of `size` has in its slices. */
export function storedSize(size: bigint, salt: Uint8Array | undefined): bigint {
  return salt === undefined || salt.length === 0 ? size : BigInt(sealedLength(Number(size)));
}

/** Bytes that an object has in its slices: of its one body, or of its parts. */
export function storedObjectSize(object: {
  readonly size: bigint;
  readonly attributes?: ObjectAttributes | undefined;
  readonly parts: readonly PartBoundary[];
}): bigint {
  const encryption = object.attributes?.encryption;
  if (encryption === undefined) return object.size;
  if (object.parts.length === 0) return storedSize(object.size, encryption.salt);
  return object.parts.reduce((sum, part) => sum + storedSize(part.size, part.salt), 0n);
}

/** Of a single upload (`body`), or of an upload whose parts bring the salts. */
export function checkEncryption(
  encryption: ObjectEncryption | undefined,
  of: "body" | "upload",
): Refusal | undefined {
  if (encryption === undefined) return undefined;
  const { version, kind, keyId, keyVersion, wrappedKey, salt, context } = encryption;
  if (version !== FRAME_FORMAT_VERSION || kind === EncryptionKind.UNSPECIFIED)
    return invalid("version or kind");
  const hasRingKey =
    kind === EncryptionKind.SSE_C ? keyId !== "" || keyVersion !== 0 : keyId !== "" && keyVersion > 0;
  if (hasRingKey === (kind === EncryptionKind.SSE_C)) return invalid("the wrapping key");
  if (keyId.length > MAX_NAME_BYTES || context.length > MAX_CONTEXT_CHARACTERS)
    return invalid("the key id or context");
  if (wrappedKey.length === 0 || wrappedKey.length > MAX_SEALED_SECRET_BYTES)
    return invalid("the wrapped key");
  return salt.length === (of === "body" ? BODY_SALT_BYTES : 0) ? undefined : invalid("the salt");
}

/** Every part of an encrypted upload is encrypted, and no other. */
export function checkPartSalt(upload: ObjectAttributes | undefined, salt: Uint8Array): Refusal | undefined {
  const expected = upload?.encryption === undefined ? 0 : BODY_SALT_BYTES;
  return salt.length === expected ? undefined : invalid("the salt of a part");
}

/** A copy by reference has the source's bytes: both are encrypted, by the same body keys, or neither is. */
export function checkCopiedEncryption(
  source: ObjectEncryption | undefined,
  copy: ObjectEncryption | undefined,
): Refusal | undefined {
  if (source === undefined && copy === undefined) return undefined;
  if (source === undefined || copy === undefined)
    return invalid("a copy changes whether bytes are encrypted");
  const sameSalt =
    source.salt.length === copy.salt.length && source.salt.every((byte, at) => byte === copy.salt[at]);
  if (!sameSalt) return invalid("a copy changes the salt");
  return checkEncryption(copy, source.salt.length > 0 ? "body" : "upload");
}

function invalid(detail: string): Refusal {
  return refusal(RefusalCode.INVALID, `encryption: ${detail}`);
}
