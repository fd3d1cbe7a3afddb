/** Canonical user ids, as S3 shows them in ACLs and listings. */

import { toHex } from "../base/index.ts";
import { sha256 } from "./crypto.ts";
import type { Owner } from "./types.ts";

/**
 * The owner of that name in this cluster: the same name gives the same id for ever, also after its keys were rotated, and another one in
 * another cluster. 64 hexadecimal digits, as AWS has them.
 */
export function ownerNamed(clusterId: string, displayName: string): Owner {
  return { id: toHex(sha256(`skerry/owner/v1\0${clusterId}\0${displayName}`)), displayName };
}
