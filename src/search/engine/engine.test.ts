import { describe, expect, test, vi } from "vitest";
import { StateView } from "../../meta/view.ts";
import { SearchError } from "../errors.ts";
import type { Document, DocumentId } from "../model/document.ts";
import { EMPTY_SCHEMA, type Schema } from "../model/schema.ts";
import type { WriteBatch } from "../model/write-batch.ts";
import type { SearchEngine } from "./engine.ts";
import { flushNamespace } from "./flush.ts";
import { mergeNamespace } from "./merge.ts";
import { EngineWorld } from "./testing/engine-world.ts";
import { trimNamespace } from "./trim.ts";

const named = (name: string) => ({ org: "org", project: "project", name });
const strong = { consistency: "strong" as const };

function document(id: DocumentId, value: number): Document {
  return {
    id,
    vectors: new Map(),
    sparse: new Map(),
    text: new Map(),
    attributes: new Map([["value", value]]),
  };
}

function batch(parts: Partial<WriteBatch>): WriteBatch {
  return { upserts: [], patches: [], deletes: [], ...parts };
}

const upsert = (id: DocumentId, value: number) => batch({ upserts: [document(id, value)] });

async function begin(name = "main", schema: Schema = EMPTY_SCHEMA) {
  const world = new EngineWorld("engine-test");
  const { engine, context } = world.engine();
  const { namespace } = await engine.createNamespace(named(name), { schema });
  return { world, engine, context, id: namespace.id };
}

async function values(engine: SearchEngine, name: string, ids: readonly DocumentId[]) {
  const { documents } = await engine.fetch(named(name), ids, strong);
  return documents.map((found) => found?.attributes.get("value"));
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    return error instanceof SearchError ? error.code : `${error}`;
  }
}

describe("what is committed and cannot be shown", () => {
  const changes: [string, (engine: SearchEngine) => Promise<unknown>][] = [
    ["a new namespace", (engine) => engine.createNamespace(named("other"), { schema: EMPTY_SCHEMA })],
    ["a change", (engine) => engine.updateNamespace(named("main"), { settings: { retentionSeconds: 7 } })],
    ["a branch", (engine) => engine.branch(named("main"), named("branch"), {})],
    [
      "a quota",
      (engine) =>
        engine.setQuota({ org: "org", project: "" }, { maxNamespaces: 9n, maxBytes: 0n, maxDocuments: 0n }),
    ],
  ];

  test.each(changes)("is not told as not done: %s", async (_, change) => {
    const { world, engine, context } = await begin();
    let isSent = false;
    world.beforeCommand = async () => {
      isSent = true;
    };
    vi.spyOn(context.store, "barrier").mockImplementation(async () => {
      if (isSent) throw new SearchError("unavailable", "no quorum");
    });
    expect(await codeOf(change(engine))).toBe("deadline-exceeded");
  });
});

describe("writes", () => {
  test("a patch sees what another node wrote in between", async () => {
    const { world, engine } = await begin();
    const other = world.engine().engine;
    await engine.write(named("main"), upsert("a", 1));
    let isDone = false;
    world.beforeCommand = async ({ case: kind }) => {
      if (kind !== "commitBatch" || isDone) return;
      isDone = true;
      await other.write(named("main"), batch({ upserts: [document("a", 5)] }));
    };
    const patch = { ...document("a", 0), attributes: new Map([["more", 1]]) };
    const { version } = await engine.write(named("main"), batch({ patches: [patch] }));
    expect(version).toBe(3n);
    const { documents } = await engine.fetch(named("main"), ["a"], strong);
    expect(documents[0]?.attributes).toEqual(
      new Map([
        ["value", 5],
        ["more", 1],
      ]),
    );
  });

  test("a repeated write has the first one's answer, and another one with its key is refused", async () => {
    const { world, engine } = await begin();
    const options = { idempotencyKey: "key" };
    const first = await engine.write(named("main"), upsert("a", 1), options);
    expect(first).toMatchObject({ version: 1n, repeated: false });
    const other = world.engine().engine;
    expect(await other.write(named("main"), upsert("a", 1), options)).toEqual({ ...first, repeated: true });
    expect(await codeOf(other.write(named("main"), upsert("a", 2), options))).toBe("idempotency-conflict");
    expect(await values(engine, "main", ["a"])).toEqual([1]);
  });

  test("a version that is not the namespace's is refused", async () => {
    const { engine } = await begin();
    expect(await codeOf(engine.write(named("main"), { ...upsert("a", 1), ifVersion: 7n }))).toBe(
      "version-conflict",
    );
    await engine.write(named("main"), { ...upsert("a", 1), ifVersion: 0n });
    expect(await codeOf(engine.write(named("main"), { ...upsert("a", 2), ifVersion: 0n }))).toBe(
      "version-conflict",
    );
    expect(await values(engine, "main", ["a"])).toEqual([1]);
  });

  test("one that does not fit is refused alone, and not with those that were written with it", async () => {
    const { engine } = await begin();
    await engine.write(named("main"), upsert("a", 1));
    const wrong = { ...document("b", 0), attributes: new Map([["value", "text"]]) };
    const outcomes = await Promise.all([
      codeOf(engine.write(named("main"), upsert("c", 3))),
      codeOf(engine.write(named("main"), batch({ upserts: [wrong] }))),
      codeOf(engine.write(named("main"), upsert("d", 4))),
    ]);
    expect(outcomes).toEqual(["none", "invalid-argument", "none"]);
    expect(await values(engine, "main", ["a", "b", "c", "d"])).toEqual([1, undefined, 3, 4]);
  });

  test("they are refused while too much waits to be indexed, and taken again afterwards", async () => {
    const { world, id } = await begin();
    const { engine, context } = world.engine({ unindexedBytes: 1 });
    await engine.write(named("main"), upsert("a", 1));
    const refused = engine.write(named("main"), upsert("b", 2));
    await expect(refused).rejects.toMatchObject({ code: "overloaded", details: { limit: "unindexedBytes" } });
    await flushNamespace(context, engine.states, id);
    expect(await codeOf(engine.write(named("main"), upsert("b", 2)))).toBe("none");
  });

  test("documents expire by the namespace's time to live", async () => {
    const { world, engine, context, id } = await begin();
    await engine.updateNamespace(named("main"), { settings: { defaultTtlSeconds: 10 } });
    await engine.write(named("main"), upsert("a", 1));
    expect(await values(engine, "main", ["a"])).toEqual([1]);
    world.replica.timeMs += 10_000;
    expect(await values(engine, "main", ["a"])).toEqual([undefined]);
    await flushNamespace(context, engine.states, id);
    expect((await engine.getNamespace(named("main"))).statistics).toMatchObject({
      segments: 0,
      unindexedBatches: 0,
    });
  });
});

describe("background work", () => {
  test("deletes that were flushed while a merge ran are in its segment", async () => {
    const { world, engine, context, id } = await begin();
    for (const at of [1, 2]) {
      await engine.write(named("main"), batch({ upserts: [document(`a${at}`, at), document(`b${at}`, at)] }));
      await flushNamespace(context, engine.states, id);
    }
    const other = world.engine();
    let isDone = false;
    world.beforeCommand = async (command) => {
      if (command.case !== "commitIndex" || isDone) return;
      isDone = true;
      await other.engine.write(named("main"), batch({ upserts: [document("a1", 9)], deletes: ["b2"] }));
      await flushNamespace(other.context, other.engine.states, id);
    };
    expect(await mergeNamespace(context, engine.states, id, (all) => all)).toBe(true);
    const fresh = world.engine().engine;
    expect(await values(fresh, "main", ["a1", "b1", "a2", "b2"])).toEqual([9, 1, 2, undefined]);
    const { statistics } = await fresh.getNamespace(named("main"));
    expect(statistics).toMatchObject({ segments: 2, indexedDocuments: 3n });
    expect((await fresh.verify(named("main"), {})).problems).toEqual([]);
  });

  test("of two nodes that flush at once one does, and nothing is twice", async () => {
    const { world, engine, context, id } = await begin();
    const other = world.engine();
    await engine.write(named("main"), upsert("a", 1));
    const done = await Promise.all([
      flushNamespace(context, engine.states, id),
      flushNamespace(other.context, other.engine.states, id),
    ]);
    expect(done.toSorted()).toEqual(["flushed", "nothing"]);
    expect((await engine.getNamespace(named("main"))).statistics).toMatchObject({
      segments: 1,
      indexedDocuments: 1n,
    });
  });

  test("verify names what is damaged", async () => {
    const { world, engine, context, id } = await begin();
    await engine.write(named("main"), upsert("a", 1));
    await flushNamespace(context, engine.states, id);
    const segment = [...world.blobs.values()].at(-1)!;
    segment[segment.length - 1] = segment[segment.length - 1]! ^ 1;
    const { problems } = await engine.verify(named("main"), {});
    expect(problems).toHaveLength(1);
    expect(await codeOf(world.engine().engine.fetch(named("main"), ["a"], strong))).toBe("data-damaged");
  });
});

describe("branches", () => {
  test("neither side sees what the other writes, over several levels, whichever is deleted", async () => {
    const { world, engine, context, id } = await begin();
    await engine.write(named("main"), upsert("a", 1));
    await flushNamespace(context, engine.states, id);
    await engine.branch(named("main"), named("feature"), {});
    await engine.write(named("feature"), upsert("a", 2));
    await engine.branch(named("feature"), named("experiment"), {});
    await engine.write(named("experiment"), batch({ deletes: ["a"] }));
    await engine.write(named("main"), upsert("a", 4));
    const look = async () => {
      const fresh = world.engine().engine;
      const of = async (name: string) => (await values(fresh, name, ["a"]))[0];
      return [await of("main"), await of("feature"), await of("experiment")];
    };
    expect(await look()).toEqual([4, 2, undefined]);
    await engine.deleteNamespace(named("feature"));
    for (const each of await context.store.view.trimmableNamespaces({ after: 0n, limit: 10 })) {
      await trimNamespace(context, context.store.view.namespace(each)!);
    }
    const fresh = world.engine().engine;
    expect(await values(fresh, "main", ["a"])).toEqual([4]);
    expect(await values(fresh, "experiment", ["a"])).toEqual([undefined]);
    expect(await codeOf(fresh.getNamespace(named("feature")))).toBe("not-found");
    expect(await world.replica.violations()).toEqual([]);
  });

  test("a copy is a namespace of its own, with the schema that it was given", async () => {
    const { engine } = await begin();
    await engine.write(named("main"), batch({ upserts: [document("a", 1), document("b", 2)] }));
    const copied = await engine.copy(named("main"), named("copy"), {});
    expect(copied.parent).toBeUndefined();
    expect(await values(engine, "copy", ["a", "b"])).toEqual([1, 2]);
    expect(await codeOf(engine.copy(named("main"), named("copy"), {}))).toBe("already-exists");
  });
});

test("a namespace that was deleted and made again begins empty, on every node", async () => {
  const { world, engine } = await begin();
  const other = world.engine().engine;
  await engine.write(named("main"), upsert("a", 1));
  expect(await values(other, "main", ["a"])).toEqual([1]);
  await engine.deleteNamespace(named("main"));
  await engine.createNamespace(named("main"), { schema: EMPTY_SCHEMA });
  expect(await values(other, "main", ["a"])).toEqual([undefined]);
  expect((await other.write(named("main"), upsert("a", 7))).version).toBe(1n);
});

test("creating again is fine with the same schema, and refused with another", async () => {
  const { engine } = await begin();
  expect((await engine.createNamespace(named("main"), { schema: EMPTY_SCHEMA })).kind).toBe("existing");
  const schema = { ...EMPTY_SCHEMA, sparse: new Map([["s", {}]]) };
  expect(await codeOf(engine.createNamespace(named("main"), { schema }))).toBe("already-exists");
});

test("a quota shows what is used, and names itself where it refuses", async () => {
  const { engine } = await begin();
  const scope = { org: "org", project: "project" };
  const limits = { maxNamespaces: 2n, maxBytes: 0n, maxDocuments: 2n };
  expect(await engine.setQuota(scope, limits)).toMatchObject({
    ...scope,
    ...limits,
    namespaces: 1n,
    documents: 0n,
  });
  await engine.write(named("main"), upsert("a", 1));
  const refused = await engine
    .write(named("main"), batch({ upserts: [document("b", 1), document("c", 1)] }))
    .catch((error: SearchError) => error);
  expect(refused).toMatchObject({
    code: "quota-exceeded",
    details: { limit: "max_documents", scope: "project" },
  });
  await engine.write(named("main"), upsert("b", 1));
  await engine.createNamespace(named("second"), { schema: EMPTY_SCHEMA });
  expect(await codeOf(engine.createNamespace(named("third"), { schema: EMPTY_SCHEMA }))).toBe(
    "quota-exceeded",
  );
  expect(await codeOf(engine.branch(named("main"), named("third"), {}))).toBe("quota-exceeded");
  const other = { org: "org", project: "" };
  await engine.setQuota(scope, { ...limits, maxNamespaces: 0n });
  expect(await engine.setQuota(other, { ...limits, maxNamespaces: 0n, maxBytes: 1n })).toMatchObject({
    namespaces: 2n,
  });
  expect(await codeOf(engine.write(named("main"), batch({ deletes: ["a"] })))).toBe("quota-exceeded");
  expect(await engine.quota(other)).toMatchObject({ maxBytes: 1n, documents: 2n });
});

test("pinned namespaces have a budget of memory of their own, and do not leave it", async () => {
  const world = new EngineWorld("pinned-memory");
  const { engine } = world.engine({ memtableBytes: 0, segmentBytes: 1, pinnedBytes: 50_000 });
  const long = (characters: number): Document => ({
    ...document("long", 1),
    text: new Map([["body", "word ".repeat(characters / 5)]]),
  });
  const ids: bigint[] = [];
  for (const name of ["a", "b", "c", "loose"]) {
    const settings = { pinned: name !== "loose" };
    const { namespace } = await engine.createNamespace(named(name), { schema: EMPTY_SCHEMA, settings });
    ids.push(namespace.id);
    await engine.write(named(name), batch({ upserts: [document("x", 1), long(20_000)] }));
    await engine.fetch(named(name), ["x"], strong);
  }
  const held = ids.map((id) => engine.states.has(id));
  // The least recently used of the pinned ones went, and what is loose pushes none out.
  expect(held).toEqual([false, true, true, true]);
});

test("a page of names is full while there are more, also when some are deleted meanwhile", async () => {
  const world = new EngineWorld("list-test");
  const { engine, context } = world.engine();
  for (let at = 0; at < 9; at++) await engine.createNamespace(named(`n${at}`), { schema: EMPTY_SCHEMA });
  const { view } = context.store;
  const names = view.namespaceNames.bind(view);
  const gone = ["n1", "n2", "n5", "n6"];
  const overtaken: typeof view.namespaceNames = async (options) => {
    const page = await names(options);
    // All of the second page.
    for (const name of gone.splice(0, 2)) await world.engine().engine.deleteNamespace(named(name));
    return page;
  };
  vi.spyOn(StateView.prototype, "namespaceNames").mockImplementation(overtaken);
  const list = async (after: string, limit: number) =>
    (await engine.listNamespaces({ org: "org", project: "project", prefix: "", after, limit })).map(
      ({ name }) => name.name,
    );
  try {
    expect(await list("", 4)).toEqual(["n0", "n3", "n4", "n7"]);
    expect(await list("n7", 4)).toEqual(["n8"]);
  } finally {
    vi.restoreAllMocks();
  }
});
