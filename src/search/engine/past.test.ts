import { expect, test } from "vitest";
import type { Document, DocumentId } from "../model/document.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import type { PointInTime } from "../service.ts";
import { flushNamespace } from "./flush.ts";
import { EngineWorld } from "./testing/engine-world.ts";
import { trimNamespace } from "./trim.ts";

const named = (name: string) => ({ org: "org", project: "project", name });
const RETENTION_MS = 3_600_000;
const refused = { code: "failed-precondition" };

function document(id: DocumentId): Document {
  return { id, vectors: new Map(), sparse: new Map(), text: new Map(), attributes: new Map() };
}

/** A write each second; "id-1" has version 1. */
async function begin(writes: number) {
  const world = new EngineWorld("past-test");
  const { engine, context } = world.engine();
  const { namespace } = await engine.createNamespace(named("main"), { schema: EMPTY_SCHEMA });
  for (let id = 1; id <= writes; id++) {
    world.replica.timeMs += 1_000;
    await engine.write(named("main"), { upserts: [document(`id-${id}`)], patches: [], deletes: [] });
  }
  const ids = Array.from({ length: writes }, (_, at) => `id-${at + 1}`);
  /** How many of the documents a state has. */
  const count = async (name: string, at: PointInTime) => {
    const { documents } = await engine.fetch(named(name), ids, { consistency: "strong", at });
    return documents.filter((found) => found !== undefined).length;
  };
  const settle = async () => {
    await flushNamespace(context, engine.states, namespace.id);
    world.replica.timeMs += RETENTION_MS + 60_000;
    while (await trimNamespace(context, world.view.namespace(namespace.id)!));
  };
  return { world, engine, count, settle };
}

test("a time beyond the retention is refused, also when no batch of after it is left", async () => {
  const { world, engine, count, settle } = await begin(3);
  const timeMs = world.nowMs - 1_500;
  const at = { kind: "time", timeMs } as const;
  expect(await count("main", at)).toBe(1);
  await settle();
  await expect(count("main", at)).rejects.toMatchObject(refused);
  await expect(engine.branch(named("main"), named("branch"), { at })).rejects.toMatchObject(refused);
  await expect(engine.copy(named("main"), named("copy"), { at })).rejects.toMatchObject(refused);
  // Nothing changed since: that is the newest state, however long ago it was.
  expect(await count("main", { kind: "time", timeMs: timeMs + 1_500 })).toBe(3);
});

test("a branch has no versions before its own first one, and none can be branched", async () => {
  const { engine, count, settle } = await begin(5);
  const version = (of: bigint) => ({ kind: "version", version: of }) as const;
  await engine.branch(named("main"), named("branch"), { at: version(4n) });
  await engine.write(named("branch"), { upserts: [], patches: [], deletes: ["id-1"] });
  const counts = async (name: string) =>
    Promise.all([0n, 1n, 3n, 4n, 5n].map((of) => count(name, version(of)).catch(({ code }) => code)));
  const { code } = refused;
  expect(await counts("main")).toEqual([0, 1, 3, 4, 5]);
  expect(await counts("branch")).toEqual([code, code, code, 4, 3]);
  await expect(engine.branch(named("branch"), named("again"), { at: version(3n) })).rejects.toMatchObject({
    ...refused,
    details: { version: "4" },
  });
  await settle();
  expect(await counts("branch")).toEqual([code, code, code, 4, 3]);
});

test("a longer retention does not reach back to what a shorter one has let go", async () => {
  const { world, engine, count, settle } = await begin(3);
  const time = (timeMs: number) => ({ kind: "time", timeMs }) as const;
  const retain = (retentionSeconds: number) =>
    engine.updateNamespace(named("main"), { settings: { retentionSeconds } });
  const firstMs = world.nowMs - 2_000;
  await settle();
  await engine.write(named("main"), { upserts: [document("more")], patches: [], deletes: ["id-1"] });
  const raisedMs = world.nowMs;
  await retain(1_000_000);
  // Of the three states that were here one is left, and nothing tells since when it was.
  for (const timeMs of [firstMs, firstMs + 1_000, raisedMs - RETENTION_MS]) {
    const at = time(timeMs);
    await expect(count("main", at)).rejects.toMatchObject(refused);
    await expect(engine.branch(named("main"), named("branch"), { at })).rejects.toMatchObject(refused);
  }
  expect(await count("main", time(raisedMs - RETENTION_MS / 2))).toBe(3);
  // Nothing forgets it: not another setting, a shorter retention, nor time.
  await engine.pin(named("main"));
  await retain(RETENTION_MS / 1_000);
  await retain(1_000_000);
  world.replica.timeMs += 10 * RETENTION_MS;
  await expect(count("main", time(firstMs))).rejects.toMatchObject(refused);
  expect(await count("main", time(raisedMs - RETENTION_MS / 2))).toBe(3);
  expect(await count("main", time(raisedMs))).toBe(2);
});
