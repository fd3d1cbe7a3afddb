/** The methods of MembershipService, and one message as bytes. */

import { type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { concatBytes } from "../base/index.ts";

export const JOIN_PATH = "/skerry.cluster.v1.MembershipService/Join";
export const HEARTBEAT_PATH = "/skerry.cluster.v1.MembershipService/Heartbeat";

/** Greatest size of a Join message, in bytes. */
export const MAX_JOIN_MESSAGE_BYTES = 256 * 1024;
/** Greatest size of a heartbeat, in bytes. */
export const MAX_HEARTBEAT_BYTES = 4 * 1024;

/** Undefined when the bytes are not such a message. */
export function decodeMessage<Schema extends DescMessage>(
  schema: Schema,
  pieces: readonly Uint8Array[],
): MessageShape<Schema> | undefined {
  try {
    return fromBinary(schema, pieces.length === 1 ? pieces[0]! : concatBytes(pieces));
  } catch {
    return undefined;
  }
}

export function encodeMessage<Schema extends DescMessage>(
  schema: Schema,
  message: MessageShape<Schema>,
): readonly Uint8Array[] {
  return [toBinary(schema, message)];
}
