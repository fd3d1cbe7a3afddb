import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type Logger, SILENT_LOGGER } from "../../observe/index.ts";
import { DiskError } from "../../platform/index.ts";
import { createNodePlatform } from "../../platform/node/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { ReopeningUpkeepStore } from "./upkeep-store.ts";

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
  const open = () => ReopeningUpkeepStore.open({ platform, dataDirectory, logger });
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
  const open = () =>
    simulation.complete(ReopeningUpkeepStore.open({ platform, dataDirectory: "/data", logger }));
  await simulation.complete(platform.disk.makeDirectory("/data"));
  const first = await open();
  await simulation.complete(first.write([ROW], { sync: true }));
  await simulation.complete(first.close());
  const failing = {
    ...platform,
    stores: { open: () => Promise.reject(new DiskError("io", "/data/upkeep", "a read failed")) },
  };
  const opening = ReopeningUpkeepStore.open({ platform: failing, dataDirectory: "/data", logger });
  await expect(simulation.complete(opening)).rejects.toMatchObject({ code: "io" });
  expect(fields).toEqual([]);
  machine.volume.damageRow("/data/upkeep", ROW.key);
  expect((await open()).get(ROW.key)).toBeUndefined();
  expect(fields).toHaveLength(1);
});

test.each(["no-space", "io"] as const)(
  "after a write that failed with %s the store is opened again by the next one",
  async (code) => {
    const simulation = new Simulation(`upkeep store that failed with ${code}`);
    const machine = new SimMachine(simulation, "one");
    const { platform } = machine.boot();
    const { faults } = machine.volume;
    await simulation.complete(platform.disk.makeDirectory("/data"));
    const options = { platform, dataDirectory: "/data", logger: SILENT_LOGGER };
    const store = await simulation.complete(ReopeningUpkeepStore.open(options));
    const write = (number: number): Promise<string> => {
      const writing = store.write([{ ...ROW, value: new Uint8Array([number]) }], { sync: true });
      return simulation.complete(
        writing.then(
          () => "written",
          (error: unknown) => (error instanceof DiskError ? error.code : String(error)),
        ),
      );
    };
    expect(await write(1)).toBe("written");
    faults.intercept = (operation) => (operation === "store-write" ? code : undefined);
    expect([await write(2), await write(3)]).toEqual([code, code]);
    expect(store.get(ROW.key)).toEqual(new Uint8Array([1]));
    faults.intercept = (operation) => (operation === "store-open" ? code : undefined);
    expect([await write(4), await write(5)]).toEqual([code, code]);
    expect(() => store.get(ROW.key)).toThrow(DiskError);
    faults.intercept = undefined;
    expect(await write(6)).toBe("written");
    expect(store.get(ROW.key)).toEqual(new Uint8Array([6]));
    expect(await simulation.complete(store.page({ limit: 10 }))).toMatchObject([{ key: ROW.key }]);
    await simulation.complete(store.close());
    expect(await write(7)).toBe("io");
  },
);
