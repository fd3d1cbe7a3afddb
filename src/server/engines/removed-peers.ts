import type { StreamHandler } from "../../platform/index.ts";

/** The same methods, for nodes that have not left the cluster: the certificate of one that has is still good, and its word is not. */
export function refuseRemoved(
  handlers: ReadonlyMap<string, StreamHandler>,
  hasLeft: (nodeId: number) => boolean,
): ReadonlyMap<string, StreamHandler> {
  return new Map(
    [...handlers].map(([path, handler]) => {
      const open: StreamHandler["open"] = (stream, peer) => {
        if (peer === undefined || !hasLeft(peer.nodeId)) handler.open(stream, peer);
        else stream.fail("permission_denied", `node ${peer.nodeId} was removed from the cluster`);
      };
      return [path, { kind: handler.kind, maxMessageBytes: handler.maxMessageBytes, open }];
    }),
  );
}
