/** Canonical user ids, as S3 shows them in ACLs and listings. */

import { assert, toHex } from "../base/index.ts";
import { sha256 } from "./crypto.ts";
import type { Owner } from "./types.ts";

/**
 * The owner of that name in this cluster: the same name gives the same id for ever, also after its keys were rotated, and another one in
 * another cluster. 64 hexadecimal digits, as AWS has them.
 */
export function ownerNamed(clusterId: string, displayName: string): Owner {
  return { id: toHex(sha256(`skerry/owner/v1\0${clusterId}\0${displayName}`)), displayName };
}

const ACCOUNT_ID_DIGITS = 12;
const ACCOUNT_ID_BYTES = 6;

/**
 * The account id of an owner, as ARNs have it: 12 digits made from the canonical id. Two owners can have the same by chance; where accounts are
 * made, that is refused.
 */
export function accountIdOf(canonicalId: string): string {
  const digest = sha256(`skerry/account/v1\0${canonicalId}`);
  assert(digest.length >= ACCOUNT_ID_BYTES, "a digest is longer than an account id");
  let value = 0;
  for (const byte of digest.subarray(0, ACCOUNT_ID_BYTES)) value = value * 256 + byte;
  return String(value % 10 ** ACCOUNT_ID_DIGITS).padStart(ACCOUNT_ID_DIGITS, "0");
}
