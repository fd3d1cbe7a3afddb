import type { Preconditions, Refusal } from "../gen/skerry/meta/v1/commands_pb.js";
import { RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import type { ObjectRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { refusal } from "./result.ts";

/**
 * Decides a conditional write against the current version, or against there being none. RFC 9110, section 13.2.2 orders the conditions:
 * If-Match wins over If-Unmodified-Since, If-None-Match over If-Modified-Since. Dates count in whole seconds, as HTTP dates do.
 *
 * Without an object, If-Match is refused OBJECT_UNKNOWN, as S3 does; dates hold, a size does not.
 */
export function checkPreconditions(
  preconditions: Preconditions | undefined,
  current: ObjectRow | undefined,
): Refusal | undefined {
  if (preconditions === undefined) return undefined;
  const { ifMatch, ifNoneMatch, ifUnmodifiedSinceMs, ifModifiedSinceMs, ifMatchSize, ifMatchModifiedMs } =
    preconditions;
  if (ifMatch.length > 0) {
    const refused = checkIfMatch(ifMatch, current);
    if (refused !== undefined) return refused;
  } else if (ifUnmodifiedSinceMs !== undefined && current !== undefined) {
    if (seconds(current.modifiedAtMs) > seconds(ifUnmodifiedSinceMs)) return failed("If-Unmodified-Since");
  }
  if (ifNoneMatch.length > 0) {
    if (current !== undefined && matches(ifNoneMatch, current.etag)) return failed("If-None-Match");
  } else if (ifModifiedSinceMs !== undefined && current !== undefined) {
    if (seconds(current.modifiedAtMs) <= seconds(ifModifiedSinceMs)) return failed("If-Modified-Since");
  }
  if (ifMatchSize !== undefined && current?.size !== ifMatchSize) return failed("size");
  if (ifMatchModifiedMs !== undefined) {
    const isSame = current !== undefined && seconds(current.modifiedAtMs) === seconds(ifMatchModifiedMs);
    if (!isSame) return failed("last modified time");
  }
  return undefined;
}

function checkIfMatch(etags: readonly string[], current: ObjectRow | undefined): Refusal | undefined {
  if (current !== undefined) return matches(etags, current.etag) ? undefined : failed("If-Match");
  return refusal(RefusalCode.OBJECT_UNKNOWN, "If-Match");
}

function matches(etags: readonly string[], etag: string): boolean {
  return etags.some((candidate) => candidate === "*" || candidate === etag);
}

function seconds(timeMs: bigint): bigint {
  return timeMs / 1000n;
}

function failed(condition: string): Refusal {
  return refusal(RefusalCode.PRECONDITION_FAILED, condition);
}
