/** The promise: a state whose metadata and blobs disagree is told about, each disagreement by its kind. */
import { expect, test, vi } from "vitest";
import { SearchError } from "../errors.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import { flushNamespace } from "./flush.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import { EngineWorld } from "./testing/engine-world.ts";
import { verifyNamespace } from "./verify.ts";

const name = { org: "org", project: "project", name: "main" };

function batch(ids: readonly string[], deletes: readonly string[] = []): WriteBatch {
  const upserts = ids.map((id) => ({
    id,
    vectors: new Map(),
    sparse: new Map(),
    text: new Map(),
    attributes: new Map([["value", 1]]),
  }));
  return { upserts, patches: [], deletes };
}

/** Two segments, the first of which has a deleted row, a batch, and what is said of them when the manifest is another one. */
async function begin() {
  const world = new EngineWorld("verify-test");
  const { engine, context } = world.engine();
  const { namespace } = await engine.createNamespace(name, { schema: EMPTY_SCHEMA });
  for (const written of [batch(["a", "b", "c"]), batch(["d", "e"], ["a"])]) {
    await engine.write(name, written);
    await flushNamespace(context, engine.states, namespace.id);
  }
  await engine.write(name, batch(["f"]));
  const row = context.store.view.namespace(namespace.id)!;
  const manifest = await readManifest(context.store.view, row);
  const { schema } = await engine.getNamespace(name);
  const verified = async (changed: Partial<Manifest>) => {
    const state = { row, manifest: { ...manifest, ...changed }, schema };
    const { findings, problems } = await verifyNamespace(context, state, new AbortController().signal);
    expect(problems.length).toBe(findings.length);
    return findings.map(({ kind, batch: ofBatch, segment, document }) =>
      [kind, ofBatch, segment, document].filter((part) => part !== undefined).join(" "),
    );
  };
  return { engine, context, manifest, verified };
}

test("what is as it should be has no findings, a branch neither", async () => {
  const { engine, verified } = await begin();
  expect(await verified({})).toEqual([]);
  await engine.branch(name, { ...name, name: "branch" }, {});
  expect(await engine.verify({ ...name, name: "branch" }, {})).toMatchObject({ documents: 4n, findings: [] });
});

test("counts of the metadata that are not those of the blobs", async () => {
  const { manifest, verified } = await begin();
  const [first, second] = manifest.segments;
  const [written] = manifest.batches;
  const { number } = first!;
  expect(await verified({ segments: [{ ...first!, rows: 9 }, second!] })).toEqual([
    "manifest",
    `count ${number}`,
  ]);
  expect(await verified({ batches: [{ ...written!, frameVersions: [] }] })).toEqual([
    `count ${written!.number}`,
  ]);
  expect(await verified({ segments: [first!] })).toEqual(["manifest", "manifest"]);
});

test("deletes that are another segment's, or count other rows", async () => {
  const { manifest, verified } = await begin();
  const [first, second] = manifest.segments;
  const deletes = first!.deletes!;
  const counted = { ...first!, deletes: { ...deletes, rows: 2 } };
  expect(await verified({ segments: [counted, second!] })).toEqual(["manifest", `deletes ${first!.number}`]);
  const { deletes: _, ...whole } = first!;
  expect(
    await verified({
      segments: [
        { ...whole, deletes: undefined },
        { ...second!, deletes },
      ],
    }),
  ).toEqual([`deletes ${second!.number}`]);
});

test("a document that lives in two segments", async () => {
  const { manifest, verified } = await begin();
  const [first, second] = manifest.segments;
  const again = { ...second!, number: 99n };
  expect(await verified({ segments: [first!, second!, again] })).toEqual([
    "manifest",
    "manifest",
    "twice 99 d",
    "twice 99 e",
  ]);
});

test("what cannot be reached for a moment is no finding; what cannot be reached at all is one", async () => {
  const { context, verified } = await begin();
  const { read } = context.driver;
  let failures = 3;
  const reading = vi.spyOn(context.driver, "read");
  reading.mockImplementation((...asked) =>
    failures-- > 0
      ? Promise.reject(new SearchError("unavailable", "the connection was reset"))
      : read(...asked),
  );
  expect(await verified({})).toEqual([]);
  expect(failures).toBeLessThan(0);
  reading.mockRejectedValue(new SearchError("unavailable", "no node has it"));
  expect(await verified({})).toEqual(["unreadable 3", "unreadable 1", "unreadable 2"]);
});
