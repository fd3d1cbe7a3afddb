/**
 * Raft messages between nodes: one long-lived stream for each ordered pair, on connections of the class "raft", method
 * `/skerry.raft.v1.RaftService/Exchange`.
 *
 * - `wire.ts`, `message-codec.ts`, `frame-codec.ts`: the protobuf of it, by hand and fast; tests hold it against the generated code.
 * - `conf-change-codec.ts`: the data of configuration changes, by the generated code.
 * - `peer-sender.ts`: one peer's queue, stream and backoff. `receiver.ts`: the other end, and every check of a frame.
 * - `transport.ts`: all peers together.
 *
 * Order is kept within one stream. Nothing is kept for later: what a broken or full stream cannot take is dropped, and the core is told
 * that the peer was unreachable. A frame that is not of this cluster, group and incarnation, or not from the node that the certificate
 * names, ends its stream with the reason.
 */
export { confChangeCodec } from "./conf-change-codec.ts";
export type { TransportEvent } from "./events.ts";
export type { TransportLimits } from "./limits.ts";
export { decodeMessage, encodeMessage } from "./message-codec.ts";
export { RaftTransport, type TransportOptions } from "./transport.ts";
