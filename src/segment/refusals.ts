/** How a SegmentError travels between nodes: the code by its name, so that both ends mean the same. */

import type { StreamError, StreamErrorCode } from "../platform/index.ts";
import { SegmentError, type SegmentErrorCode } from "./errors.ts";

/** The code of a stream that ends with the error, for those who know only Connect. */
const STREAM_CODES: Readonly<Record<SegmentErrorCode, StreamErrorCode>> = {
  "not-found": "not_found",
  damaged: "data_loss",
  conflict: "failed_precondition",
  invalid: "invalid_argument",
  "no-space": "resource_exhausted",
  "read-only": "failed_precondition",
  io: "internal",
  overloaded: "resource_exhausted",
  locked: "internal",
  "wrong-identity": "internal",
  "unknown-version": "internal",
  closed: "unavailable",
  "wrong-cluster": "permission_denied",
  "wrong-incarnation": "failed_precondition",
  "stale-layout": "failed_precondition",
  "not-a-member": "permission_denied",
  unavailable: "unavailable",
  protocol: "invalid_argument",
  canceled: "canceled",
};

export function streamCodeOf(code: SegmentErrorCode): StreamErrorCode {
  return STREAM_CODES[code];
}

/** The text that a stream ends with: begins with the code's name. */
export function streamMessageOf(error: SegmentError): string {
  return `${error.code}: ${error.message}`;
}

/** What a peer's error code and text mean here; a code that this version does not know counts as "unavailable". */
export function fromPeer(code: string, message: string): SegmentError {
  return new SegmentError(isKnown(code) ? code : "unavailable", `peer: ${message}`);
}

/** What the end of a stream means for those who waited for it. */
export function fromStreamError(error: StreamError | undefined): SegmentError {
  if (error === undefined) return new SegmentError("unavailable", "the peer ended the stream");
  const [name, rest] = error.message.split(": ", 2);
  if (name !== undefined && rest !== undefined && isKnown(name) && STREAM_CODES[name] === error.code) {
    return fromPeer(name, error.message.slice(name.length + 2));
  }
  if (error.code === "canceled") return new SegmentError("canceled", error.message);
  if (error.code === "permission_denied" || error.code === "unauthenticated") {
    return new SegmentError("not-a-member", error.message);
  }
  return new SegmentError("unavailable", `${error.code}: ${error.message}`);
}

function isKnown(code: string): code is SegmentErrorCode {
  return Object.hasOwn(STREAM_CODES, code);
}
