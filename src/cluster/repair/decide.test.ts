import { describe, expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import { type BlobRow, BlobState } from "../../gen/skerry/meta/v1/rows_pb.js";
import {
  applyStep,
  blob,
  copyset,
  DRAINING,
  holdersOf,
  LOST,
  node,
  REMOVED,
  SILENT,
  world,
} from "../testing/repair-world.ts";
import { type BlobStep, decideBlob, MAX_STEP_CHUNKS } from "./decide.ts";
import type { RepairNode, RepairWorld } from "./world.ts";

const HOME = copyset(1, [1, 2, 3]);
const nodes = (...changes: readonly (readonly [number, Partial<RepairNode>])[]) =>
  [1, 2, 3, 4].map((nodeId) => node(nodeId, Object.fromEntries(changes)[nodeId]));

/** The step in a few words. */
function say(step: BlobStep): string {
  if (step.kind === "copy") {
    const chunks = step.chunks.map(({ index, sources }) => `${index} from ${[...sources].sort()}`);
    return `copy to ${step.destination}: ${chunks.join("; ")}`;
  }
  if (step.kind === "rehome") return `rehome to ${step.toCopysetId}`;
  return step.kind === "drop" ? `drop ${step.nodeId}` : step.kind;
}

const decide = (row: BlobRow, at: RepairWorld) => say(decideBlob(row, at));

describe("what is done next about a blob", () => {
  test.each<[string, BlobRow, RepairWorld, string]>([
    ["that is whole and at home", blob(1, [1, 2, 3]), world(nodes(), HOME), "nothing"],
    ["with a copy missing", blob(1, [1, 2]), world(nodes(), HOME), "copy to 3: 0 from 1,2"],
    ["with a chunk missing", blob(1, [1, 2, 3], [1, 3]), world(nodes(), HOME), "copy to 2: 1 from 1,3"],
    ["with a copy missing on a silent node", blob(1, [1, 2]), world(nodes([3, SILENT]), HOME), "wait"],
    [
      "with a copy missing on a lost node",
      blob(1, [1, 2]),
      world(nodes([3, LOST]), HOME),
      "copy to 4: 0 from 1,2",
    ],
    [
      "with a copy missing on a node that takes no bytes",
      blob(1, [1, 2]),
      world(nodes([3, { isWritable: false }]), HOME),
      "copy to 4: 0 from 1,2",
    ],
    ["on a silent node", blob(1, [1, 2, 3]), world(nodes([3, SILENT]), HOME), "nothing"],
    ["on a lost node", blob(1, [1, 2, 3]), world(nodes([3, LOST]), HOME), "copy to 4: 0 from 1,2"],
    [
      "with one copy left, the other nodes silent for a moment",
      blob(1, [1, 2, 3]),
      world(nodes([2, SILENT], [3, SILENT]), HOME),
      "copy to 4: 0 from 1",
    ],
    ["without a copy that can be read", blob(1, [1]), world(nodes([1, LOST]), HOME), "stuck"],
    ["without any copy", blob(1, []), world(nodes(), HOME), "stuck"],
    [
      "with a copy missing and no place for it",
      blob(1, [1, 2]),
      world([node(1), node(2), node(3, LOST)], HOME),
      "stuck",
    ],
    [
      "of a home with a draining node",
      blob(1, [1, 2, 3]),
      world(nodes([3, DRAINING]), copyset(1, [1, 2, 3], false), copyset(2, [1, 2, 4])),
      "rehome to 2",
    ],
    [
      "that leaves a draining node",
      blob(2, [1, 2, 3]),
      world(nodes([3, DRAINING]), copyset(2, [1, 2, 4])),
      "copy to 4: 0 from 1,2,3",
    ],
    [
      "that has left a draining node",
      blob(2, [1, 2, 3, 4]),
      world(nodes([3, DRAINING]), copyset(2, [1, 2, 4])),
      "drop 3",
    ],
    [
      "that has left a draining node, while another node is silent",
      blob(2, [1, 2, 3, 4]),
      world(nodes([3, DRAINING], [1, SILENT]), copyset(2, [1, 2, 4])),
      "nothing",
    ],
    [
      "of a home with a removed node, to the home with most of its copies",
      blob(1, [1, 2]),
      world(
        [...nodes([3, REMOVED]), node(5)],
        copyset(1, [1, 2, 3], false),
        copyset(2, [1, 4, 5]),
        copyset(3, [2, 1, 5]),
      ),
      "rehome to 3",
    ],
    [
      "of a home that is narrower than homes are now",
      blob(9, [1]),
      world(nodes(), copyset(9, [1], false), HOME),
      "rehome to 1",
    ],
    [
      "of a closed home that is as good as others",
      blob(9, [1, 2, 4]),
      world(nodes(), copyset(9, [1, 2, 4], false), HOME),
      "nothing",
    ],
    ["on a spare", blob(1, [1, 2, 4]), world(nodes(), HOME), "copy to 3: 0 from 1,2,4"],
    ["on its home and a spare", blob(1, [1, 2, 3, 4]), world(nodes(), HOME), "drop 4"],
    [
      "on its home and a spare, while a node is silent",
      blob(1, [1, 2, 3, 4]),
      world(nodes([2, SILENT]), HOME),
      "nothing",
    ],
  ])("%s", (_, row, at, expected) => {
    expect(decide(row, at)).toBe(expected);
  });

  test("that nobody refers to, or that is being deleted, is nothing", () => {
    for (const state of [BlobState.PENDING_DELETE, BlobState.DELETING]) {
      expect(decide({ ...blob(1, [1]), state }, world(nodes(), HOME))).toBe("nothing");
    }
  });

  test.each<[string, BlobRow, RepairWorld, string]>([
    [
      "is taken off it",
      blob(1, [1, 2, 3]),
      world(nodes([1, DRAINING]), HOME, copyset(2, [2, 3, 4])),
      "drop 1",
    ],
    ["that the home has no place for", blob(1, [1, 2, 3]), world(nodes([1, DRAINING]), HOME), "drop 1"],
    [
      "with too few copies elsewhere is moved like any other",
      blob(1, [1, 2]),
      world(nodes([1, DRAINING]), HOME, copyset(2, [2, 3, 4])),
      "rehome to 2",
    ],
    [
      "with too few copies that answer is moved like any other",
      blob(1, [1, 2, 3]),
      world(nodes([1, DRAINING], [3, SILENT]), HOME, copyset(2, [2, 3, 4])),
      "rehome to 2",
    ],
    [
      "of a blob that is being deleted stays",
      { ...blob(1, [1, 2, 3]), state: BlobState.DELETING },
      world(nodes([1, DRAINING]), HOME),
      "nothing",
    ],
  ])("a copy that nobody refers to on a node that leaves %s", (_, row, at, expected) => {
    const state = row.state === BlobState.DELETING ? row.state : BlobState.PENDING_DELETE;
    expect(decide({ ...row, state }, at)).toBe(expected);
  });

  test("with many chunks missing is done in pieces", () => {
    const row = blob(1, ...Array.from({ length: MAX_STEP_CHUNKS + 3 }, () => [1, 2]));
    const step = decideBlob(row, world(nodes(), HOME));
    expect(step.kind === "copy" && step.chunks.length).toBe(MAX_STEP_CHUNKS);
    const next = decideBlob(applyStep(row, step), world(nodes(), HOME));
    expect(next.kind === "copy" && next.chunks.map(({ index }) => index)).toEqual([16, 17, 18]);
  });

  test("prefers a spare in a zone without a copy", () => {
    const four = node(4, { zone: "zone-1" });
    const at = world([node(1), node(2), node(3, LOST), four, node(5)], HOME);
    expect(decide(blob(1, [1, 2]), at)).toBe("copy to 5: 0 from 1,2");
  });
});

/** A random cluster: some nodes leave, are silent or lost; some homes are closed, some narrow. */
function randomWorld(prng: ReturnType<typeof createPrng>): RepairWorld {
  const drawn = [1, 2, 3, 4, 5, 6].map((nodeId) =>
    node(nodeId, prng.pick([{}, {}, {}, {}, { zone: "zone-1" }, SILENT, LOST, DRAINING, REMOVED])),
  );
  const active = drawn.filter(({ membership }) => membership === "active").map(({ nodeId }) => nodeId);
  const width = Math.min(3, active.length);
  const open = Array.from({ length: width === 0 ? 0 : 3 }, (_, at) =>
    copyset(10 + at, prng.shuffle([...active]).slice(0, width)),
  );
  const closed = [copyset(1, [1, 2, 3], false), copyset(2, [4], false), copyset(3, [5, 6], false)];
  return world(drawn, ...open, ...closed);
}

describe("asked again after every step", () => {
  const seed = process.env["SKERRY_TEST_SEED"] ?? String(Date.now());

  test(`it ends, loses no copy that counts, and leaves all at home where that can be: seed ${seed}`, () => {
    const prng = createPrng(seed);
    const ends = new Map<string, number>();
    for (let run = 0; run < 2_000; run++) {
      const at = randomWorld(prng);
      const chunks = prng.between(1, 3);
      let row = blob(
        prng.pick([...Array(10).keys()].filter((copysetId) => at.copysets.get(BigInt(copysetId)))),
        ...Array.from({ length: chunks }, () =>
          prng.shuffle([1, 2, 3, 4, 5, 6]).slice(0, prng.between(0, 4)),
        ),
      );
      const alive = (holders: readonly number[]) =>
        holders.filter((nodeId) => at.nodes.get(nodeId)?.health === "alive" && !at.nodes.get(nodeId)?.isLost)
          .length;
      let step = decideBlob(row, at);
      for (let steps = 0; step.kind !== "nothing" && step.kind !== "wait" && step.kind !== "stuck"; steps++) {
        expect(steps, `run ${run}: ${say(step)}`).toBeLessThan(30);
        const before = holdersOf(row).map(alive);
        row = applyStep(row, step);
        const target = at.copysets.get(row.copysetId)?.nodeIds.length ?? 0;
        for (const [index, count] of holdersOf(row).map(alive).entries()) {
          expect(count >= before[index]! || count >= target, `run ${run}: ${say(step)}`).toBe(true);
        }
        step = decideBlob(row, at);
      }
      ends.set(step.kind, (ends.get(step.kind) ?? 0) + 1);
      const all = [...at.nodes.values()].every(
        ({ health, membership }) => health === "alive" || membership === "other",
      );
      if (step.kind !== "nothing" || !all) continue;
      const home = [...(at.copysets.get(row.copysetId)?.nodeIds ?? [])].map(Number).sort((a, b) => a - b);
      for (const holders of holdersOf(row)) {
        expect(holders.filter((nodeId) => at.nodes.get(nodeId)?.membership !== "other")).toEqual(home);
      }
    }
    for (const kind of ["nothing", "wait", "stuck"]) expect(ends.get(kind) ?? 0).toBeGreaterThan(0);
  });
});
