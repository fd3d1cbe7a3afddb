import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { MaintenanceRowSchema, MaintenanceState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { FakeMetadata } from "../testing/fake-metadata.ts";
import { maintenanceWorker } from "./maintenance.ts";

const { signal } = new AbortController();
const { ENTERING, EXITING, QUIESCED } = MaintenanceState;

let metadata: FakeMetadata;
let underWay = 0;
beforeEach(() => {
  metadata = new FakeMetadata();
  underWay = 0;
});

const run = () =>
  maintenanceWorker({ identity: { nodeId: 2 }, metadata, writesUnderWay: () => underWay }).runUnit(signal);

function mode(state: MaintenanceState, epoch: bigint, waitingNodeIds: bigint[]): void {
  metadata.maintenance = create(MaintenanceRowSchema, { state, epoch, waitingNodeIds });
}

describe("following the maintenance mode", () => {
  test("nothing is said when nothing was asked of this node", async () => {
    expect(await run()).toBe("idle");
    mode(QUIESCED, 1n, []);
    await run();
    mode(ENTERING, 1n, [1n, 3n]);
    await run();
    expect(metadata.submitted).toEqual([]);
  });

  test("entering is followed once no write is under way", async () => {
    mode(ENTERING, 4n, [1n, 2n]);
    underWay = 1;
    await run();
    expect(metadata.submitted).toEqual([]);
    underWay = 0;
    await run();
    expect(metadata.submitted).toMatchObject([
      { case: "acknowledgeMaintenance", value: { nodeId: 2n, epoch: 4n } },
    ]);
  });

  test("exiting is followed at once", async () => {
    mode(EXITING, 5n, [2n]);
    underWay = 1;
    await run();
    expect(metadata.submitted).toMatchObject([{ value: { nodeId: 2n, epoch: 5n } }]);
  });
});
