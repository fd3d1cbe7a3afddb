import { create } from "@bufbuild/protobuf";
import {
  PutJoinTokenSchema,
  RegisterNodeSchema,
  UpdateNodeSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { NodeRowSchema, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { nodeKey } from "../../meta/keys.ts";
import { setNodeState } from "../../meta/testing/commands.ts";
import type { Replica } from "../../meta/testing/harness.ts";

/** An active storage node in a zone of its own. Node 1 is there since the cluster was founded. */
export function registerStorageNode(replica: Replica, nodeId: number): void {
  if (nodeId > 1) {
    const tokenHash = new Uint8Array(32).fill(nodeId);
    const token = { tokenId: `token-${nodeId}`, tokenHash, expiresAtMs: 10n ** 15n };
    replica.run({ case: "putJoinToken", value: create(PutJoinTokenSchema, { token }) });
    const node = create(NodeRowSchema, { name: `node-${nodeId}`, incarnation: `incarnation-${nodeId}` });
    replica.run({ case: "registerNode", value: create(RegisterNodeSchema, { node, tokenHash }) });
    setNodeState(replica, nodeId, NodeState.ACTIVE);
  }
  const row = replica.state.read(nodeKey(BigInt(nodeId)), NodeRowSchema);
  if (row === undefined) throw new Error(`no node ${nodeId}`);
  const node = create(NodeRowSchema, {
    ...row,
    state: NodeState.UNSPECIFIED,
    zone: `zone-${nodeId}`,
    roles: ["meta", "storage"],
    weight: 1,
  });
  replica.run({ case: "updateNode", value: create(UpdateNodeSchema, { node }) });
}
