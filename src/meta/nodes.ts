/** Rows of nodes, with the index by name. */

import { assert } from "../base/index.ts";
import { type NodeRow, NodeRowSchema, NodeState } from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { hexNumber, nodeKey, nodeNameKey } from "./keys.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes a node and its name. A removed node keeps its row, since ids are never reused, and gives its name back. */
export function writeNode(state: ApplyState, node: NodeRow): void {
  state.write(nodeKey(node.nodeId), NodeRowSchema, node);
  const name = nodeNameKey(node.name);
  if (node.state === NodeState.REMOVED) state.delete(name);
  else if (!state.has(name)) state.put(name, encoder.encode(hexNumber(node.nodeId)));
}

/** The node that has this name now. */
export function findNodeByName(state: ApplyState, name: string): NodeRow | undefined {
  const bytes = state.get(nodeNameKey(name));
  if (bytes === undefined) return undefined;
  const node = state.read(nodeKey(nodeIdOfNameRow(bytes)), NodeRowSchema);
  assert(node?.name === name, "the index of node names points at the node of the name");
  return node;
}

/** What a row of the index by name holds: the node's id in 16 hexadecimal digits. */
export function nodeIdOfNameRow(bytes: Uint8Array): bigint {
  return BigInt(`0x${decoder.decode(bytes)}`);
}
