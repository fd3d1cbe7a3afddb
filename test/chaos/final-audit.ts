/** What the stopped nodes have on their disks: every rule of the rows, and the oplogs of all. */
import { join } from "node:path";
import { checkInvariants, MetaStateMachine, StateStoreDirectory } from "../../src/meta/index.ts";
import { createNodePlatform } from "../../src/platform/node/index.ts";
import type { TestNode } from "../support/test-cluster.ts";

export interface NodeAudit {
  readonly node: number;
  readonly appliedIndex: number;
  readonly violations: readonly string[];
}

/** Of nodes that are stopped. */
export async function auditNodes(nodes: readonly TestNode[]): Promise<readonly NodeAudit[]> {
  const platform = createNodePlatform();
  try {
    const audits: NodeAudit[] = [];
    for (const node of nodes) audits.push(await auditNode(platform, node));
    return audits;
  } finally {
    await platform.hasher.close();
  }
}

async function auditNode(
  platform: ReturnType<typeof createNodePlatform>,
  node: TestNode,
): Promise<NodeAudit> {
  const directory = await StateStoreDirectory.open(platform, join(node.directory, "state"));
  try {
    const machine = new MetaStateMachine({
      nodeId: node.number,
      store: directory.live,
      hasher: {
        blake3: (bytes) => platform.hasher.blake3(bytes),
        md5: (bytes) => platform.hasher.digest("md5", bytes),
      },
      snapshots: directory,
    });
    const rows = directory.live.snapshot();
    const violations = await checkInvariants(rows);
    await rows.close();
    return {
      node: node.number,
      appliedIndex: machine.view.appliedIndex(),
      violations: violations.map(
        ({ invariant, at }) => `node ${node.number}: ${invariant} does not hold at ${at}`,
      ),
    };
  } finally {
    await directory.close();
  }
}
