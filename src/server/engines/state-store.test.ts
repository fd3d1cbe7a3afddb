import { beforeEach, describe, expect, test } from "vitest";
import { type StateStoreDirectory, StateStoreError } from "../../meta/index.ts";
import { DiskError, type Platform } from "../../platform/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import type { EnginesOptions } from "./options.ts";
import { noteStateDamage, openStateStore } from "./state-store.ts";

const KEY = "0000mark";
const PEER = { nodeId: 2, incarnation: "i", peerAddress: "node-2:7400" };

let simulation: Simulation;
let machine: SimMachine;
let platform: Platform;

const complete = <T>(promise: Promise<T>): Promise<T> => simulation.complete(promise);

function options(): EnginesOptions {
  const nothing = new Proxy({}, { get: () => ({ increment: () => {} }) });
  const logger = new Proxy({}, { get: () => () => {} });
  const identified = { peers: [PEER] };
  return {
    platform,
    dataDirectory: "/data",
    identified,
    logger,
    metrics: nothing,
  } as unknown as EnginesOptions;
}

async function open(): Promise<StateStoreDirectory> {
  return await complete(openStateStore(options()));
}

beforeEach(async () => {
  simulation = new Simulation("state-store");
  machine = new SimMachine(simulation, "one");
  platform = machine.boot().platform;
  await complete(platform.disk.makeDirectory("/data"));
  const directory = await open();
  const rows = [KEY, "!installed"].map((key) => ({ kind: "put" as const, key, value: new Uint8Array([1]) }));
  await complete(directory.live.write(rows, { sync: true }));
  await complete(directory.close());
});

function restart(): void {
  machine.kill();
  platform = machine.boot().platform;
}

describe("a damaged state", () => {
  test("that a start has put aside, and did no more, is not looked for by the next one", async () => {
    await complete(noteStateDamage(options(), new StateStoreError("damaged", "a row")));
    // The rename is done, what comes behind it fails.
    machine.volume.faults.intercept = (operation, path) =>
      operation === "sync-directory" && path === "/data" ? "io" : undefined;
    await expect(open()).rejects.toMatchObject({ name: "DiskError", code: "io" });
    machine.volume.faults.intercept = undefined;
    restart();
    const directory = await open();
    expect(directory.live.get(KEY)).toBeUndefined();
    const names = (await complete(platform.disk.list("/data"))).map(({ name }) => name);
    expect(names.sort()).toEqual(["state", "state.damaged-1"]);
  });

  test("is put aside also where only the mark of an installed snapshot is damaged", async () => {
    restart();
    machine.volume.damageRow(machine.volume.stores()[0]!, "!installed");
    expect((await open()).live.get(KEY)).toBeUndefined();
  });

  test.each([
    ["as it is", (damage: Error) => damage],
    ["inside what the node stopped for", (damage: Error) => new Error("fatal", { cause: damage })],
  ])("is noted %s, whatever the error itself came from", async (_, wrap) => {
    const damage = new DiskError("damaged", "/data/state", "store: a row", {
      cause: new Error("Corruption"),
    });
    await complete(noteStateDamage(options(), wrap(damage)));
    restart();
    expect((await open()).live.get(KEY)).toBeUndefined();
  });

  test("what is no damage is not noted", async () => {
    await complete(noteStateDamage(options(), new DiskError("io", "/data/state", "a sync failed")));
    restart();
    expect((await open()).live.get(KEY)).toEqual(new Uint8Array([1]));
  });
});
