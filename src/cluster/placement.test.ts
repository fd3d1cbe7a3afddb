import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DEFAULT_SCATTER_WIDTH, MAX_OPEN_COPYSETS, planTuples } from "./placement.ts";
import type { PlacementNode } from "./ports.ts";

/** Clusters of up to 40 nodes in up to 8 zones. */
const clusters = fc.uniqueArray(
  fc.record({
    nodeId: fc.integer({ min: 1, max: 10_000 }),
    zone: fc.integer({ min: 0, max: 7 }).map((zone) => `zone-${zone}`),
    weight: fc.constantFrom(0, 1, 1, 1, 2, 5),
  }),
  { selector: (node) => node.nodeId, maxLength: 40 },
);
const replicationFactors = fc.integer({ min: 1, max: 5 });
const runs = { numRuns: 150 };

function evenNodes(count: number, zones: number): PlacementNode[] {
  return Array.from({ length: count }, (_, i) => ({ nodeId: i + 1, zone: `z${i % zones}`, weight: 1 }));
}

function nameOf(tuple: readonly number[]): string {
  return [...tuple].sort((a, b) => a - b).join();
}

describe("for any cluster", () => {
  test("a tuple has as many distinct nodes as there are copies, or all of them, and only nodes with a weight", () => {
    fc.assert(
      fc.property(clusters, replicationFactors, (nodes, replicationFactor) => {
        const usable = nodes.filter((node) => node.weight > 0).map((node) => node.nodeId);
        const tuples = planTuples({ nodes, replicationFactor });
        expect(tuples.length === 0).toBe(usable.length === 0);
        for (const tuple of tuples) {
          expect(new Set(tuple).size).toBe(Math.min(replicationFactor, usable.length));
          expect(usable).toEqual(expect.arrayContaining([...tuple]));
        }
      }),
      runs,
    );
  });

  test("a tuple lies in as many zones as it can, spread as evenly as it can", () => {
    fc.assert(
      fc.property(clusters, replicationFactors, (nodes, replicationFactor) => {
        const usable = nodes.filter((node) => node.weight > 0);
        const zoneOf = new Map(usable.map((node) => [node.nodeId, node.zone]));
        const sizes = new Map<string, number>();
        for (const { zone } of usable) sizes.set(zone, (sizes.get(zone) ?? 0) + 1);
        for (const tuple of planTuples({ nodes, replicationFactor })) {
          const used = new Map<string, number>();
          for (const nodeId of tuple) used.set(zoneOf.get(nodeId)!, (used.get(zoneOf.get(nodeId)!) ?? 0) + 1);
          expect(used.size).toBe(Math.min(tuple.length, sizes.size));
          // No zone has two more than one that still had a node to give.
          for (const [zone, size] of sizes) {
            const own = used.get(zone) ?? 0;
            if (own < size) expect(Math.max(...used.values())).toBeLessThanOrEqual(own + 1);
          }
        }
      }),
      runs,
    );
  });

  test("every node is in a tuple, and no set of nodes comes twice", () => {
    fc.assert(
      fc.property(clusters, replicationFactors, (nodes, replicationFactor) => {
        const tuples = planTuples({ nodes, replicationFactor });
        const usable = nodes.filter((node) => node.weight > 0).map((node) => node.nodeId);
        expect(new Set(tuples.flat())).toEqual(new Set(usable));
        expect(new Set(tuples.map(nameOf)).size).toBe(tuples.length);
      }),
      runs,
    );
  });

  test("the order in which the nodes are given does not matter, and the same input gives the same plan", () => {
    fc.assert(
      fc.property(clusters, replicationFactors, (nodes, replicationFactor) => {
        const plan = planTuples({ nodes, replicationFactor });
        expect(planTuples({ nodes, replicationFactor })).toEqual(plan);
        expect(planTuples({ nodes: [...nodes].reverse(), replicationFactor })).toEqual(plan);
      }),
      runs,
    );
  });
});

describe("limits", () => {
  test.each([
    [12, 4],
    [30, 5],
    [60, 60],
  ])(
    "%d nodes in %d zones: no node shares tuples with more others than the scatter width",
    (count, zones) => {
      const tuples = planTuples({ nodes: evenNodes(count, zones), replicationFactor: 3 });
      for (let nodeId = 1; nodeId <= count; nodeId++) {
        const own = tuples.filter((tuple) => tuple.includes(nodeId));
        const partners = new Set(own.flat().filter((other) => other !== nodeId));
        expect(partners.size).toBeLessThanOrEqual(DEFAULT_SCATTER_WIDTH);
        expect(own.length).toBeGreaterThan(0);
      }
    },
  );

  test("a scatter width of its own is kept too", () => {
    const narrow = planTuples({ nodes: evenNodes(30, 5), replicationFactor: 3, scatterWidth: 2 });
    const wide = planTuples({ nodes: evenNodes(30, 5), replicationFactor: 3, scatterWidth: 20 });
    expect(narrow.length).toBeLessThan(wide.length);
    expect(narrow.length).toBeLessThanOrEqual(15);
  });

  test("the number of copysets is bounded for a large cluster, and every node still has one", () => {
    const tuples = planTuples({ nodes: evenNodes(300, 10), replicationFactor: 3, scatterWidth: 30 });
    expect(tuples.length).toBeLessThanOrEqual(MAX_OPEN_COPYSETS + 100);
    expect(new Set(tuples.flat()).size).toBe(300);
  });

  test.each([0, -1, 1.5, 17])("a replication factor of %d is a bug", (replicationFactor) => {
    expect(() => planTuples({ nodes: evenNodes(3, 3), replicationFactor })).toThrow("invariant violated");
  });

  test("a node that is named twice is a bug", () => {
    expect(() =>
      planTuples({ nodes: [...evenNodes(3, 3), ...evenNodes(1, 1)], replicationFactor: 3 }),
    ).toThrow("a node is placed once");
  });
});

describe("when a node comes or goes", () => {
  /** The part of the tuples without the node that are still there when it has gone. */
  function stayingWithout(nodes: readonly PlacementNode[], gone: number): number {
    const before = planTuples({ nodes, replicationFactor: 3 });
    const after = planTuples({ nodes: nodes.filter((node) => node.nodeId !== gone), replicationFactor: 3 });
    const kept = new Set(after.map(nameOf));
    const untouched = before.filter((tuple) => !tuple.includes(gone));
    return untouched.filter((tuple) => kept.has(nameOf(tuple))).length / untouched.length;
  }

  test("more than half of the tuples that do not hold it stay as they were, whichever it is", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 12, max: 40 }),
        fc.integer({ min: 3, max: 6 }),
        fc.nat(),
        (count, zones, pick) => {
          expect(stayingWithout(evenNodes(count, zones), (pick % count) + 1)).toBeGreaterThan(0.5);
        },
      ),
      runs,
    );
  });

  test("most of them stay on average", () => {
    const ratios = [12, 18, 24, 30].flatMap((count) => {
      const nodes = evenNodes(count, 4);
      return nodes.map((node) => stayingWithout(nodes, node.nodeId));
    });
    expect(ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length).toBeGreaterThan(0.8);
  });

  test("a slot's tuple changes in the one place that the node leaves", () => {
    // With room for every tuple, slots are all that there is.
    const nodes = evenNodes(9, 9);
    const options = { replicationFactor: 2, scatterWidth: 1000 };
    const before = planTuples({ nodes, ...options });
    const after = new Set(planTuples({ nodes: nodes.slice(0, -1), ...options }).map(nameOf));
    for (const tuple of before) {
      if (!tuple.includes(9)) expect(after.has(nameOf(tuple))).toBe(true);
    }
  });
});

test("a small cluster uses what it has", () => {
  expect(planTuples({ nodes: evenNodes(1, 1), replicationFactor: 3 })).toEqual([[1]]);
  expect(planTuples({ nodes: evenNodes(3, 3), replicationFactor: 3 }).map(nameOf)).toEqual(["1,2,3"]);
  expect(planTuples({ nodes: evenNodes(4, 4), replicationFactor: 3 })).toHaveLength(4);
  expect(planTuples({ nodes: [], replicationFactor: 3 })).toEqual([]);
});
