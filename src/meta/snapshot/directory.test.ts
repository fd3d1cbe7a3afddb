import { create, toBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { AppliedRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { SnapshotHeaderSchema, SnapshotTrailerSchema } from "../../gen/skerry/meta/v1/snapshot_pb.js";
import type { Disk, Platform } from "../../platform/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { APPLIED_KEY } from "../keys.ts";
import { StateStoreDirectory } from "./directory.ts";
import { rowBatches } from "./row-batches.ts";
import { RowDigest } from "./row-digest.ts";

const PATH = "/data/state";

let simulation: Simulation;
let machine: SimMachine;
let platform: Platform;

beforeEach(() => {
  simulation = new Simulation("directory");
  machine = new SimMachine(simulation, "one");
  platform = machine.boot().platform;
});

const complete = <T>(promise: Promise<T>): Promise<T> => simulation.complete(promise);
const open = () => complete(StateStoreDirectory.open(platform, PATH));

function reboot(unsynced?: "keep" | "drop" | "random"): void {
  if (unsynced === undefined) machine.kill();
  else machine.crash(unsynced);
  platform = machine.boot().platform;
}

const NO_CONFIGURATION = {
  voters: [],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
};

const applied = (index: bigint) => toBinary(AppliedRowSchema, create(AppliedRowSchema, { index, term: 1n }));

/** Receives a snapshot at index 9. */
async function receive(directory: StateStoreDirectory) {
  const header = create(SnapshotHeaderSchema, {
    version: 1,
    message: { term: 1n, snapshot: { snapshotId: "s", index: 9n, term: 1n } },
  });
  const staging = await directory.stage(header);
  await staging.add([{ key: APPLIED_KEY, value: applied(9n) }]);
  const digest = new RowDigest(platform.hasher);
  for await (const rows of rowBatches(staging.store)) await digest.add(rows);
  const { rowCount } = digest;
  const trailer = create(SnapshotTrailerSchema, { rowCount, blake3: await digest.finish() });
  expect(await staging.verify(trailer, platform.hasher)).toBeUndefined();
}

async function overwrite(disk: Disk, path: string, text: string): Promise<void> {
  const file = await complete(disk.open(path, "read-write"));
  await complete(file.truncate(0));
  await complete(file.write(0, [new TextEncoder().encode(text)]));
  await complete(file.close());
}

describe("a state store directory", () => {
  test("is made once, and keeps its rows", async () => {
    const directory = await open();
    await complete(
      directory.live.write([{ kind: "put", key: APPLIED_KEY, value: new Uint8Array([1]) }], { sync: true }),
    );
    await complete(directory.close());
    reboot("drop");
    expect((await open()).live.get(APPLIED_KEY)).toEqual(new Uint8Array([1]));
  });

  test.each(Array.from({ length: 24 }, (_, at) => at))(
    "is made however the first start ends (%i)",
    async (events) => {
      void StateStoreDirectory.open(platform, PATH).catch(() => {});
      await simulation.runUntil(() => simulation.events >= events, 10_000);
      reboot("random");
      const directory = await open();
      expect(directory.live.get(APPLIED_KEY)).toBeUndefined();
    },
  );

  test.each([
    ["empty", ""],
    ["without a checksum", "skerry-state 1 1\n"],
    ["of another checksum", "skerry-state 1 1 00000000\n"],
    ["of another version", "skerry-state 2 1 00000000\n"],
  ])("with a CURRENT that is %s is damaged", async (_, text) => {
    await complete((await open()).close());
    await overwrite(platform.disk, `${PATH}/CURRENT`, text);
    await expect(open()).rejects.toMatchObject({ name: "StateStoreError", code: "damaged" });
  });

  test("that has rows and no CURRENT is damaged, and can be put aside", async () => {
    const directory = await open();
    await complete(
      directory.live.write([{ kind: "put", key: APPLIED_KEY, value: new Uint8Array([1]) }], { sync: true }),
    );
    await complete(directory.close());
    await complete(platform.disk.remove(`${PATH}/CURRENT`));
    await expect(open()).rejects.toMatchObject({ code: "damaged" });
    reboot();
    expect(await complete(StateStoreDirectory.setAside(platform.disk, PATH))).toBe(`${PATH}.damaged-1`);
    expect((await open()).live.get(APPLIED_KEY)).toBeUndefined();
  });

  test("gives back what a failing disk kept of a snapshot that could not be received", async () => {
    const directory = await open();
    const header = create(SnapshotHeaderSchema, { version: 1 });
    const count = () => machine.volume.stores().length;
    machine.volume.faults.writeError = 1;
    for (let attempt = 0; attempt < 3; attempt++) {
      await expect(complete(directory.stage(header))).rejects.toMatchObject({ name: "DiskError" });
    }
    expect(directory.hasLeftOvers).toBe(true);
    machine.volume.faults.writeError = 0;
    await complete(directory.stage(header));
    expect(count()).toBe(2);
    machine.volume.faults.isReadOnly = true;
    await expect(complete(directory.discardStaging())).rejects.toMatchObject({ name: "DiskError" });
    machine.volume.faults.isReadOnly = false;
    await complete(directory.removeLeftOvers());
    expect([count(), directory.hasLeftOvers]).toEqual([1, false]);
  });

  test.each(["write", "sync", "rename", "sync-directory"] as const)(
    "has the old state or the new one when the install of a snapshot fails (%s), and it is given up",
    async (failing) => {
      const directory = await open();
      await complete(
        directory.live.write([{ kind: "put", key: APPLIED_KEY, value: applied(5n) }], { sync: true }),
      );
      await complete(receive(directory));
      const { faults } = machine.volume;
      faults.intercept = (operation, path) =>
        operation === failing && (path === PATH || path.includes("CURRENT")) ? "io" : undefined;
      const installed = complete(directory.install({ index: 9, term: 1, confState: NO_CONFIGURATION }));
      await expect(installed).rejects.toMatchObject({ name: "DiskError" });
      faults.intercept = undefined;
      await complete(directory.discardStaging());
      await complete(directory.removeLeftOvers());
      await complete(directory.close());
      reboot();
      const index = failing === "sync-directory" ? 9n : 5n;
      expect((await open()).live.get(APPLIED_KEY)).toEqual(applied(index));
    },
  );

  test("whose live store is gone is damaged", async () => {
    await complete((await open()).close());
    await complete(platform.disk.removeTree(`${PATH}/store-0000000000000001`));
    await expect(open()).rejects.toMatchObject({ code: "damaged" });
  });
});
