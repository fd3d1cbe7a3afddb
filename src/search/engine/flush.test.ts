import { expect, test } from "vitest";
import { ClusterTime } from "../../base/index.ts";
import { EMPTY_SCHEMA } from "../model/schema.ts";
import { isFlushDue } from "./flush.ts";
import { EngineWorld } from "./testing/engine-world.ts";

const NAME = { org: "org", project: "project", name: "main" };
const HOUR_MS = 3_600_000;

test("batches become old enough though leader time is ahead of every clock and nobody writes", async () => {
  const world = new EngineWorld("flush-ahead");
  const { engine, context } = world.engine({ flushAfterMs: 5_000 });
  await engine.createNamespace(NAME, { schema: EMPTY_SCHEMA });
  const document = { id: 1n, vectors: new Map(), sparse: new Map(), text: new Map(), attributes: new Map() };
  await engine.write(NAME, { upserts: [document], patches: [], deletes: [] });
  const { id } = await engine.getNamespace(NAME);
  let passedMs = 0;
  const clock = { wallMs: () => world.nowMs - HOUR_MS + passedMs, monotonicMs: () => passedMs };
  const clusterTime = new ClusterTime(clock, () => world.nowMs);
  const isDue = (afterMs: number) => {
    passedMs = afterMs;
    return isFlushDue(world.view.namespace(id)!, { ...context, clusterTime });
  };
  expect([0, 9_998, 10_000].map(isDue)).toEqual([false, false, true]);
});
