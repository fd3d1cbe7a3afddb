import { toHex } from "../base/index.ts";
import type { Random } from "../platform/index.ts";

/** 16 upper-case hexadecimal digits, as S3's own request ids: in every answer, log line and audit record of a request. */
export function newRequestId(random: Random): string {
  return toHex(random.bytes(8)).toUpperCase();
}
