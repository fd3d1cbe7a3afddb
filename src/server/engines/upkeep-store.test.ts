import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Logger, SILENT_LOGGER } from "../../observe/index.ts";
import { DiskError } from "../../platform/index.ts";
import { createNodePlatform } from "../../platform/node/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { openUpkeepStore } from "./upkeep-store.ts";

const ROW = { kind: "put", key: "scrub", value: new Uint8Array([1]) } as const;

function warnings(): { readonly logger: Logger; readonly fields: unknown[] } {
  const fields: unknown[] = [];
  return { logger: { ...SILENT_LOGGER, warn: (_, more) => fields.push(more) }, fields };
}

test.each(["CURRENT", "MANIFEST"])("an emptied %s is put aside, and the node starts", async (name) => {
  const dataDirectory = await mkdtemp(join(tmpdir(), "skerry-upkeep-"));
  onTestFinished(() => rm(dataDirectory, { recursive: true }));
  const platform = createNodePlatform();
  onTestFinished(() => platform.hasher.close());
  const { logger, fields } = warnings();
  const open = () => openUpkeepStore({ platform, dataDirectory, logger });
  const first = await open();
  await first.write([ROW], { sync: true });
  await first.close();
  const files = await readdir(join(dataDirectory, "upkeep"));
  const file = files.find((each) => each.startsWith(name))!;
  await writeFile(join(dataDirectory, "upkeep", file), "");
  const second = await open();
  expect(second.get(ROW.key)).toBeUndefined();
  await second.write([ROW]);
  await second.close();
  expect(fields).toMatchObject([{ setAside: `${dataDirectory}/upkeep.damaged-1` }]);
  const third = await open();
  expect(third.get(ROW.key)).toEqual(ROW.value);
  await third.close();
  expect(fields).toHaveLength(1);
});

test("a damaged row is found at the start; a disk that fails is no damage", async () => {
  const simulation = new Simulation("upkeep store");
  const machine = new SimMachine(simulation, "one");
  const { platform } = machine.boot();
  const { logger, fields } = warnings();
  const open = () => simulation.complete(openUpkeepStore({ platform, dataDirectory: "/data", logger }));
  await simulation.complete(platform.disk.makeDirectory("/data"));
  const first = await open();
  await simulation.complete(first.write([ROW], { sync: true }));
  await simulation.complete(first.close());
  const failing = {
    ...platform,
    stores: { open: () => Promise.reject(new DiskError("io", "/data/upkeep", "a read failed")) },
  };
  const opening = openUpkeepStore({ platform: failing, dataDirectory: "/data", logger });
  await expect(simulation.complete(opening)).rejects.toMatchObject({ code: "io" });
  expect(fields).toEqual([]);
  machine.volume.damageRow("/data/upkeep", ROW.key);
  expect((await open()).get(ROW.key)).toBeUndefined();
  expect(fields).toHaveLength(1);
});
