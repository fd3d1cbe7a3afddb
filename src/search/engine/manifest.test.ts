import { expect, test } from "vitest";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import type { NamespaceView } from "../ports.ts";
import type { PointInTime } from "../service.ts";
import { flushNamespace } from "./flush.ts";
import { readManifestAt } from "./manifest.ts";
import { EngineWorld } from "./testing/engine-world.ts";

const NAME = { org: "org", project: "project", name: "main" };
const WRITES = 3;
/** Between two writes. */
const STEP_MS = 1_000;

/** Whose pages of the past are as they were before `meanwhile`, which happens once. */
function overtaken(view: NamespaceView, meanwhile: () => Promise<unknown>): NamespaceView {
  let isDone = false;
  const manifestPast: NamespaceView["manifestPast"] = async (...of) => {
    const page = await view.manifestPast(...of);
    if (!isDone) await meanwhile();
    isDone = true;
    return page;
  };
  return new Proxy(view, {
    get: (target, name) => {
      if (name === "manifestPast") return manifestPast;
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

async function withWrites() {
  const world = new EngineWorld("manifest-test");
  const { engine, context } = world.engine();
  const { namespace } = await engine.createNamespace(NAME, { schema: EMPTY_SCHEMA });
  for (let id = 1; id <= WRITES; id++) {
    world.replica.timeMs += STEP_MS;
    const document = {
      id: `id-${id}`,
      vectors: new Map(),
      sparse: new Map(),
      text: new Map(),
      attributes: new Map(),
    };
    await engine.write(NAME, { upserts: [document], patches: [], deletes: [] });
  }
  const flush = () => flushNamespace(context, engine.states, namespace.id);
  return { world, flush, namespaceId: namespace.id };
}

test.each<[string, (nowMs: number) => PointInTime]>([
  ["version", () => ({ kind: "version", version: 1n })],
  ["time", (nowMs) => ({ kind: "time", timeMs: nowMs - (WRITES - 1) * STEP_MS })],
])(
  "batches that are flushed while a state of the past is looked for by its %s are not missed",
  async (_, at) => {
    const { world, flush, namespaceId } = await withWrites();
    const row = world.view.namespace(namespaceId)!;
    const quiet = await readManifestAt(world.view, row, at(world.nowMs));
    expect(quiet.version).toBe(1n);
    const manifest = await readManifestAt(overtaken(world.view, flush), row, at(world.nowMs));
    expect(world.view.namespace(namespaceId)!.revision).toBeGreaterThan(row.revision);
    expect(manifest).toMatchObject({ version: 1n, revision: quiet.revision });
  },
);
