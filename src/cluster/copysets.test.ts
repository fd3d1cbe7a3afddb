import { create } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { type CopysetRow, CopysetRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import {
  chooseCopyset,
  copysetShares,
  planCopysets,
  spares,
  type Writability,
  writeQuorum,
} from "./copysets.ts";
import { planTuples } from "./placement.ts";
import type { PlacementNode } from "./ports.ts";

function row(copysetId: number, nodeIds: readonly number[], open = true): CopysetRow {
  return create(CopysetRowSchema, { copysetId: BigInt(copysetId), nodeIds: nodeIds.map(BigInt), open });
}

function evenNodes(count: number, weight: (nodeId: number) => number = () => 1): PlacementNode[] {
  return Array.from({ length: count }, (_, i) => ({
    nodeId: i + 1,
    zone: `z${i + 1}`,
    weight: weight(i + 1),
  }));
}

/** What the state machine makes of a plan. */
function apply(
  rows: readonly CopysetRow[],
  planned: NonNullable<ReturnType<typeof planCopysets>>,
): CopysetRow[] {
  let next = Math.max(0, ...rows.map((copyset) => Number(copyset.copysetId))) + 1;
  const kept = new Set(planned.map((copyset) => copyset.copysetId));
  return [
    ...rows.map((copyset) => ({ ...copyset, open: kept.has(copyset.copysetId) })),
    ...planned
      .filter((copyset) => copyset.copysetId === 0n)
      .map((copyset) => row(next++, copyset.nodeIds.map(Number))),
  ];
}

const everybody = () => "yes" as const;

describe("bringing the recorded copysets in line", () => {
  test("the first plan is all new, the second changes nothing", () => {
    const planned = planCopysets([], { nodes: evenNodes(4), replicationFactor: 3 });
    expect(planned).toHaveLength(4);
    expect(planned?.every((copyset) => copyset.copysetId === 0n)).toBe(true);
    expect(planCopysets(apply([], planned!), { nodes: evenNodes(4), replicationFactor: 3 })).toBeUndefined();
  });

  test("a recorded set keeps its id and its order, whatever the plan's order is", () => {
    const planned = planCopysets([row(5, [3, 1, 2])], { nodes: evenNodes(3), replicationFactor: 3 });
    expect(planned).toBeUndefined();
  });

  test("a set that is wanted again comes back with its id", () => {
    const planned = planCopysets([row(5, [3, 1, 2], false), row(6, [1, 2])], {
      nodes: evenNodes(3),
      replicationFactor: 3,
    });
    expect(planned).toEqual([{ copysetId: 5n, nodeIds: [3n, 1n, 2n] }]);
  });

  test("of two rows of one set, the open one goes on", () => {
    const rows = [row(1, [1, 2, 3], false), row(2, [3, 2, 1], true), row(3, [2, 3, 1], false)];
    expect(planCopysets(rows, { nodes: evenNodes(3), replicationFactor: 3 })).toBeUndefined();
  });

  test("a set too many is closed", () => {
    const rows = [row(1, [1, 2, 3]), row(2, [1, 2])];
    expect(planCopysets(rows, { nodes: evenNodes(3), replicationFactor: 3 })).toEqual([
      { copysetId: 1n, nodeIds: [1n, 2n, 3n] },
    ]);
  });

  test("without nodes nothing changes", () => {
    expect(planCopysets([row(1, [1])], { nodes: [], replicationFactor: 3 })).toBeUndefined();
  });

  test("through any history, one plan brings peace, and open sets are exactly the plan", () => {
    const history = fc.array(fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1 }), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(history, (memberships) => {
        let rows: CopysetRow[] = [];
        for (const members of memberships) {
          const nodes = evenNodes(12).filter((node) => members.includes(node.nodeId));
          const planned = planCopysets(rows, { nodes, replicationFactor: 3 });
          if (planned !== undefined) rows = apply(rows, planned);
          expect(planCopysets(rows, { nodes, replicationFactor: 3 })).toBeUndefined();
          const sets = (tuples: readonly (readonly number[])[]) =>
            tuples.map((tuple) => [...tuple].sort((a, b) => a - b).join()).sort();
          const open = rows.filter((copyset) => copyset.open).map((copyset) => copyset.nodeIds.map(Number));
          expect(sets(open)).toEqual(sets(planTuples({ nodes, replicationFactor: 3 })));
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe("choosing for a blob", () => {
  const rows = planTuples({ nodes: evenNodes(8), replicationFactor: 3 }).map((tuple, i) => row(i + 1, tuple));
  const prng = createPrng("choose");
  const blobIds = Array.from({ length: 4000 }, () => prng.bytes(16));

  test("is the same for the same blob", () => {
    for (const blobId of blobIds.slice(0, 50)) {
      const chosen = chooseCopyset(rows, blobId, everybody);
      expect(chooseCopyset([...rows].reverse(), blobId, everybody)).toBe(chosen);
    }
  });

  test("never takes a closed one, and none when all are closed", () => {
    const closed = rows.map((copyset, i) => ({ ...copyset, open: i === 3 }));
    for (const blobId of blobIds.slice(0, 50)) {
      expect(chooseCopyset(closed, blobId, everybody)?.copysetId).toBe(4n);
    }
    expect(
      chooseCopyset(
        rows.map((copyset) => ({ ...copyset, open: false })),
        blobIds[0]!,
        everybody,
      ),
    ).toBeUndefined();
    expect(chooseCopyset([], blobIds[0]!, everybody)).toBeUndefined();
  });

  test("avoids nodes that cannot be written, then doubtful ones", () => {
    const answer = (nodeId: number): Writability => (nodeId === 1 ? "no" : nodeId === 2 ? "maybe" : "yes");
    const without = rows.some((copyset) => !copyset.nodeIds.includes(1n) && !copyset.nodeIds.includes(2n));
    expect(without).toBe(true);
    for (const blobId of blobIds.slice(0, 200)) {
      const chosen = chooseCopyset(rows, blobId, answer);
      expect(chosen?.nodeIds).not.toContain(1n);
      expect(chosen?.nodeIds).not.toContain(2n);
    }
  });

  test("takes the least bad one when nothing is good", () => {
    const two = [row(1, [1, 2, 3]), row(2, [4, 5, 6])];
    const answer = (nodeId: number): Writability => (nodeId === 1 ? "no" : "maybe");
    for (const blobId of blobIds.slice(0, 50)) expect(chooseCopyset(two, blobId, answer)?.copysetId).toBe(2n);
    expect(chooseCopyset([two[0]!], blobIds[0]!, () => "no")?.copysetId).toBe(1n);
  });

  test("gives nodes blobs in proportion to their weights", () => {
    const nodes = evenNodes(8, (nodeId) => (nodeId <= 2 ? 2 : 1));
    const weighted = planTuples({ nodes, replicationFactor: 3 }).map((tuple, i) => row(i + 1, tuple));
    const shares = copysetShares(weighted, nodes);
    const counts = new Map<number, number>();
    for (const blobId of blobIds) {
      for (const nodeId of chooseCopyset(weighted, blobId, everybody, shares)!.nodeIds.map(Number)) {
        counts.set(nodeId, (counts.get(nodeId) ?? 0) + 1);
      }
    }
    for (const node of nodes) {
      const expected = (blobIds.length * 3 * node.weight) / 10;
      expect(counts.get(node.nodeId)! / expected).toBeGreaterThan(0.8);
      expect(counts.get(node.nodeId)! / expected).toBeLessThan(1.2);
    }
  });
});

describe("shares", () => {
  test("add up to one and are positive, also for weights that nothing can meet", () => {
    const weights = fc.array(fc.constantFrom(1, 1, 10, 1000, 1_000_000), { minLength: 3, maxLength: 12 });
    fc.assert(
      fc.property(weights, (values) => {
        const nodes = evenNodes(values.length, (nodeId) => values[nodeId - 1]!);
        const rows = planTuples({ nodes, replicationFactor: 3 }).map((tuple, i) => row(i + 1, tuple));
        const shares = [...copysetShares(rows, nodes).values()];
        expect(shares).toHaveLength(rows.length);
        expect(shares.every((share) => share > 0 && Number.isFinite(share))).toBe(true);
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 1);
      }),
      { numRuns: 50 },
    );
  });

  test("of nothing are nothing", () => {
    expect(copysetShares([], []).size).toBe(0);
    expect(copysetShares([row(1, [1], false)], evenNodes(1)).size).toBe(0);
  });

  test("a node that the plan no longer knows counts next to nothing", () => {
    const shares = copysetShares(
      [row(1, [1, 2]), row(2, [2, 3])],
      evenNodes(2, () => 100),
    );
    expect(shares.get(1n)!).toBeGreaterThan(shares.get(2n)!);
  });
});

describe("spares", () => {
  const nodes: PlacementNode[] = [
    { nodeId: 1, zone: "a", weight: 1 },
    { nodeId: 2, zone: "b", weight: 1 },
    { nodeId: 3, zone: "c", weight: 1 },
    { nodeId: 4, zone: "a", weight: 1 },
    { nodeId: 5, zone: "c", weight: 1 },
    { nodeId: 6, zone: "d", weight: 1 },
    { nodeId: 7, zone: "d", weight: 0 },
  ];
  const copyset = row(1, [1, 2, 3]);

  test("come from zones that are free, the zone of the failed member among them", () => {
    const order = spares({ copyset, nodes, writability: everybody, failed: [3] });
    expect(new Set(order.slice(0, 2))).toEqual(new Set([5, 6]));
    expect(order.slice(2)).toEqual([4]);
  });

  test("are never members, failed ones, nodes that cannot be written or have no weight", () => {
    const answer = (nodeId: number): Writability => (nodeId === 6 ? "no" : nodeId === 5 ? "maybe" : "yes");
    expect(spares({ copyset, nodes, writability: answer })).toEqual([4, 5]);
    expect(spares({ copyset, nodes, writability: answer, failed: [4] })).toEqual([5]);
    expect(spares({ copyset, nodes: nodes.slice(0, 3), writability: everybody })).toEqual([]);
  });

  test("differ between copysets, so that the load of a lost node spreads", () => {
    const many = evenNodes(20);
    const first = new Set(
      Array.from(
        { length: 40 },
        (_, i) => spares({ copyset: row(i, [1, 2, 3]), nodes: many, writability: everybody })[0],
      ),
    );
    expect(first.size).toBeGreaterThan(5);
  });
});

test.each([
  [1, 1, 1],
  [2, 2, 2],
  [2, 1, 1],
  [3, 3, 2],
  [3, 2, 2],
  [3, 1, 1],
  [5, 5, 3],
  [5, 3, 2],
  [2, 3, 2],
])("of %d copies aimed for, in a copyset of %d, %d must be durable", (replicationFactor, width, quorum) => {
  expect(writeQuorum(replicationFactor, width)).toBe(quorum);
});
