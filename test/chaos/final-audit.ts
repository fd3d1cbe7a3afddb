/** What the stopped nodes have on their disks: every rule of the rows, and the oplogs of all. */
import { join } from "node:path";
import { ObjectChange_Kind, type OplogRow } from "../../src/gen/skerry/meta/v1/rows_pb.js";
import {
  checkInvariants,
  type MetadataView,
  MetaStateMachine,
  StateStoreDirectory,
} from "../../src/meta/index.ts";
import { createNodePlatform } from "../../src/platform/node/index.ts";
import type { NodeOplog, OplogEntry } from "../../src/sim/checkers/list-append/index.ts";
import type { TestNode } from "../support/test-cluster.ts";

export interface NodeAudit {
  readonly node: number;
  readonly appliedIndex: number;
  readonly violations: readonly string[];
  readonly oplog: NodeOplog;
}

const OPLOG_PAGE_ROWS = 1000;

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
        crc32c: (bytes) => platform.hasher.digest("crc32c", bytes),
      },
      snapshots: directory,
    });
    const rows = directory.live.snapshot();
    const violations = await checkInvariants(rows);
    await rows.close();
    return {
      node: node.number,
      oplog: { name: `node ${node.number}`, entries: await oplogOf(machine.view) },
      appliedIndex: machine.view.appliedIndex(),
      violations: violations.map(
        ({ invariant, at }) => `node ${node.number}: ${invariant} does not hold at ${at}`,
      ),
    };
  } finally {
    await directory.close();
  }
}

async function oplogOf(view: MetadataView): Promise<readonly OplogEntry[]> {
  const entries: OplogEntry[] = [];
  for (let after = 0n; ; ) {
    const rows = await view.oplog(after, OPLOG_PAGE_ROWS);
    entries.push(...rows.map(entryOf));
    const last = rows.at(-1);
    if (last === undefined || rows.length < OPLOG_PAGE_ROWS) return entries;
    after = last.sequence;
  }
}

function entryOf({ sequence, change }: OplogRow): OplogEntry {
  const at = Number(sequence);
  if (change.case !== "object") {
    const bucket = change.case === "bucket" ? change.value.bucket : "";
    return { sequence: at, kind: "bucket", bucket, key: "", content: "" };
  }
  const { kind, bucket, key, etag } = change.value;
  const isRemoval = kind === ObjectChange_Kind.REMOVED;
  return { sequence: at, kind: isRemoval ? "removed" : "written", bucket, key, content: etag };
}
