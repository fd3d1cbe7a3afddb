/** The promise: however much is deleted at once, no entry of the log lets go of more than a bounded number of references, and each key has its own outcome. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type CommandBody, MetaError } from "../meta/index.ts";
import { MAX_RELEASED_REFERENCES } from "./released-references.ts";
import { BUCKET, ObjectRig } from "./testing/object-rig.ts";
import { copySlices, putSlices } from "./testing/slices.ts";

const rig = ObjectRig.forEachTest();
const { keysOf, put } = rig;

const SLICES = 300;
const FIT = Math.floor(MAX_RELEASED_REFERENCES / SLICES);
const COPIES = 2 * FIT + 2;
const KEYS = Array.from({ length: COPIES }, (_, at) => `k${String(at).padStart(2, "0")}`);

let proposed: string[][];

/** Each key of each command, from now on; `before` may keep one from being proposed. */
function watch(before: (commands: number) => void = () => undefined): void {
  proposed = [];
  const { metadata } = rig.node;
  const submit = metadata.submit.bind(metadata);
  vi.spyOn(metadata, "submit").mockImplementation(async (body: CommandBody, options) => {
    if (body.case === "deleteObjects") {
      before(proposed.length);
      proposed.push(body.value.targets.map(({ key }) => key));
    }
    return await submit(body, options);
  });
}

const remove = (targets: readonly { readonly key: string; readonly versionId?: string }[]) =>
  rig.node.objects.deleteObjects({ bucket: BUCKET, targets });

async function putCopies(): Promise<void> {
  await putSlices(rig.node, BUCKET, KEYS[0]!, SLICES);
  for (const key of KEYS.slice(1)) await copySlices(rig.node, BUCKET, KEYS[0]!, key);
}

describe("many objects of many slices", () => {
  beforeEach(putCopies);

  it("are removed by several commands, and answered in the order of the request", async () => {
    watch();
    const targets = [
      { key: "" },
      { key: KEYS[0]!, versionId: "no id" },
      ...KEYS.map((key) => ({ key })),
      { key: "none" },
    ];
    const outcomes = await remove(targets);
    expect(proposed.map(({ length }) => length)).toEqual([FIT, FIT, 3]);
    expect(proposed.flat()).toEqual([...KEYS, "none"]);
    expect(outcomes.map(({ kind }) => kind)).toEqual(
      targets.map((_, at) => (at < 2 ? "refused" : "deleted")),
    );
    expect((await keysOf("")).keys).toEqual([]);
    expect(await rig.node.violations()).toEqual([]);
  });

  it("that are named with preconditions are judged one by one as ever", async () => {
    const targets = KEYS.map((key, at) => ({
      key,
      preconditions: { ifMatch: [at % 2 === 0 ? "*" : "another"] },
    }));
    const outcomes = await remove(targets);
    expect(outcomes.map(({ kind }) => kind)).toEqual(
      KEYS.map((_, at) => (at % 2 === 0 ? "deleted" : "refused")),
    );
    expect((await keysOf("")).keys).toEqual(KEYS.filter((_, at) => at % 2 === 1));
  });

  it("stay deleted when a later command fails, whose keys and those behind it are told so", async () => {
    watch((commands) => {
      if (commands === 1) throw new MetaError("unavailable", "no leader");
    });
    const outcomes = await remove(KEYS.map((key) => ({ key })));
    expect(outcomes).toHaveLength(COPIES);
    expect(outcomes.slice(0, FIT).every(({ kind }) => kind === "deleted")).toBe(true);
    for (const outcome of outcomes.slice(FIT))
      expect(outcome).toMatchObject({ kind: "refused", code: "unavailable" });
    expect((await keysOf("")).keys).toEqual(KEYS.slice(FIT));
  });

  it("fail as a whole when the first command does", async () => {
    watch(() => {
      throw new MetaError("unavailable", "no leader");
    });
    await expect(remove(KEYS.map((key) => ({ key })))).rejects.toMatchObject({ code: "unavailable" });
  });
});

it("versions of many slices are removed by several commands too, current or not", async () => {
  await rig.node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
  await putSlices(rig.node, BUCKET, "source", SLICES);
  for (let copy = 0; copy < COPIES; copy++) await copySlices(rig.node, BUCKET, "source", "k");
  const page = { prefix: "k", delimiter: "", afterKey: "", afterVersionId: undefined, limit: 1000 };
  const { versions } = await rig.node.objects.listVersions({ bucket: BUCKET, ...page });
  expect(versions).toHaveLength(COPIES);
  watch();
  await remove(versions.map(({ key, versionId }) => ({ key, versionId })));
  expect(proposed.map(({ length }) => length)).toEqual([FIT, FIT, 2]);
  const rest = await rig.node.objects.listVersions({ bucket: BUCKET, ...page });
  expect(rest.versions).toEqual([]);
  expect(await rig.node.violations()).toEqual([]);
});

it("a null version of many slices that a marker takes the place of counts, wherever it is", async () => {
  await putSlices(rig.node, BUCKET, KEYS[0]!, SLICES);
  for (const key of KEYS.slice(1)) await copySlices(rig.node, BUCKET, KEYS[0]!, key);
  await rig.node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "enabled" });
  for (const key of KEYS) await put(key, "newer");
  await rig.node.objects.putBucketVersioning({ bucket: BUCKET, versioning: "suspended" });
  watch();
  await remove(KEYS.map((key) => ({ key })));
  expect(Math.max(...proposed.map(({ length }) => length))).toBeLessThanOrEqual(FIT);
  expect(await rig.node.violations()).toEqual([]);
});

it("many small objects are one command", async () => {
  for (const key of KEYS) await put(key, "small");
  watch();
  await remove([...KEYS, ...KEYS].map((key) => ({ key })));
  expect(proposed).toEqual([[...KEYS, ...KEYS]]);
});
