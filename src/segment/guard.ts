import type { PeerIdentity } from "../platform/index.ts";
import { SegmentError } from "./errors.ts";
import type { ChunkServiceGuard } from "./ports.ts";

/** What every data request says about who is meant. */
export interface Claims {
  readonly clusterId: string;
  readonly targetIncarnation: string;
  /** Only of writes. */
  readonly layoutEpoch?: bigint;
}

/** Why the request is refused; undefined when it is not. */
export function refusalOf(
  guard: ChunkServiceGuard,
  peer: PeerIdentity | undefined,
  claims: Claims,
): SegmentError | undefined {
  if (claims.clusterId !== guard.clusterId || (peer !== undefined && peer.clusterId !== guard.clusterId)) {
    return new SegmentError("wrong-cluster", `this is cluster ${guard.clusterId}`);
  }
  if (peer === undefined || !guard.isMember(peer)) {
    return new SegmentError(
      "not-a-member",
      `node ${peer?.nodeId ?? "without a certificate"} is not a member`,
    );
  }
  if (claims.targetIncarnation !== guard.incarnation) {
    return new SegmentError("wrong-incarnation", `this is incarnation ${guard.incarnation}`);
  }
  const oldest = guard.oldestAcceptedLayoutEpoch();
  if (claims.layoutEpoch !== undefined && claims.layoutEpoch < BigInt(oldest)) {
    return new SegmentError("stale-layout", `layout ${claims.layoutEpoch} is older than ${oldest}`);
  }
  return undefined;
}
