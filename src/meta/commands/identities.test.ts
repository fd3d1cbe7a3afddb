import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import {
  AcknowledgeMaintenanceSchema,
  ChangeIdentitiesSchema,
  type IdentityChangeSchema,
  SetMaintenanceSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  IdentityRowSchema,
  MaintenanceRowSchema,
  MaintenanceState,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { identityKey, MAINTENANCE_KEY } from "../keys.ts";
import { MAX_IDENTITY_CHANGES } from "../limits.ts";
import { commitObject, createBucket, id, inlineBlob, readyReplica } from "../testing/commands.ts";
import { outcome, Replica } from "../testing/harness.ts";

let replica: Replica;

beforeEach(() => {
  replica = readyReplica(new Replica());
});

type Change = MessageInitShape<typeof IdentityChangeSchema>;

const put = (name: string, expectedRevision = 0n): Change => ({
  name,
  expectedRevision,
  row: { name, record: { case: "policy", value: { name } } },
});

function change(...changes: Change[]): string {
  return outcome(
    replica.run({ case: "changeIdentities", value: create(ChangeIdentitiesSchema, { changes }) }),
  );
}

const row = (name: string) => replica.state.read(identityKey(name), IdentityRowSchema);

describe("identities", () => {
  test("of two callers that saw the same row, one is refused", () => {
    expect(change(put("a"))).toBe("done");
    const seen = row("a")!.revision;
    expect(change(put("a", seen))).toBe("done");
    expect(change(put("a", seen))).toBe("IDENTITY_CHANGED");
    expect(change(put("a"))).toBe("IDENTITY_CHANGED");
  });

  test("all changes are done or none", async () => {
    expect(change(put("a"))).toBe("done");
    expect(change(put("b"), put("a"))).toBe("IDENTITY_CHANGED");
    expect(row("b")).toBeUndefined();
    expect(await replica.violations()).toEqual([]);
  });

  test("a revision is never the same twice, also for a name that was removed", async () => {
    change(put("a"));
    const first = row("a")!.revision;
    expect(change({ name: "a", expectedRevision: first })).toBe("done");
    change(put("a"));
    expect(row("a")!.revision).toBeGreaterThan(first);
    expect(await replica.violations()).toEqual([]);
  });

  test("the time of creation stays", () => {
    change(put("a"));
    const { createdAtMs, revision } = row("a")!;
    replica.timeMs += 1000;
    change(put("a", revision));
    expect(row("a")!.createdAtMs).toBe(createdAtMs);
  });

  test.each([
    ["no change", []],
    ["too many", Array.from({ length: MAX_IDENTITY_CHANGES + 1 }, (_, at) => put(`n${at}`))],
    ["one name twice", [put("a"), put("a")]],
    ["no name", [put("")]],
    ["a name that is too long", [put("x".repeat(769))]],
    [
      "a row of another name",
      [{ name: "a", row: { name: "b", record: { case: "policy" as const, value: {} } } }],
    ],
    ["a row without a record", [{ name: "a", row: { name: "a" } }]],
    ["the removal of nothing", [{ name: "a" }]],
  ])("%s is refused", (_, changes) => {
    expect(change(...(changes as Change[]))).toBe("INVALID");
  });
});

describe("maintenance", () => {
  const set = (expectedEpoch: bigint, on: boolean, nodeIds: bigint[], force = false): string => {
    const value = create(SetMaintenanceSchema, { expectedEpoch, on, nodeIds, force });
    return outcome(replica.run({ case: "setMaintenance", value }));
  };
  const acknowledge = (nodeId: bigint, epoch: bigint): string => {
    const value = create(AcknowledgeMaintenanceSchema, { nodeId, epoch });
    return outcome(replica.run({ case: "acknowledgeMaintenance", value }));
  };
  const state = () => MaintenanceState[replica.state.read(MAINTENANCE_KEY, MaintenanceRowSchema)?.state ?? 0];

  test("goes off, entering, quiesced, exiting, off as the nodes follow", async () => {
    expect(set(0n, true, [1n, 2n])).toBe("done");
    expect(state()).toBe("ENTERING");
    expect(acknowledge(1n, 1n)).toBe("done");
    expect(acknowledge(1n, 1n)).toBe("done");
    expect(state()).toBe("ENTERING");
    expect(await replica.violations()).toEqual([]);
    expect(acknowledge(2n, 1n)).toBe("done");
    expect(state()).toBe("QUIESCED");
    expect(set(1n, false, [1n, 2n])).toBe("done");
    expect(state()).toBe("EXITING");
    expect(acknowledge(1n, 1n)).toBe("MAINTENANCE_CHANGED");
    expect(acknowledge(1n, 2n)).toBe("done");
    expect(acknowledge(2n, 2n)).toBe("done");
    expect(state()).toBe("OFF");
    expect(await replica.violations()).toEqual([]);
  });

  test("who did not see the last change is refused", () => {
    set(0n, true, [1n]);
    expect(set(0n, false, [1n])).toBe("MAINTENANCE_CHANGED");
    expect(acknowledge(1n, 7n)).toBe("MAINTENANCE_CHANGED");
  });

  test("clients change nothing while it is quiesced; what is under way may end before", () => {
    set(0n, true, [1n]);
    expect(outcome(replica.run(createBucket("entering")))).toBe("bucketCreated");
    acknowledge(1n, 1n);
    expect(outcome(replica.run(createBucket("quiesced")))).toBe("MAINTENANCE");
    expect(outcome(replica.run(commitObject("k", id(1), [inlineBlob(id(2), 3)])))).toBe("MAINTENANCE");
    expect(change(put("a"))).toBe("done");
    set(1n, false, []);
    expect(outcome(replica.run(createBucket("quiesced")))).toBe("bucketCreated");
  });

  test("the time is that of the state, and not of an acknowledgement", () => {
    set(0n, true, [1n, 2n]);
    const since = () => replica.state.read(MAINTENANCE_KEY, MaintenanceRowSchema)?.sinceMs;
    const begun = since();
    replica.timeMs += 5_000;
    acknowledge(1n, 1n);
    expect(since()).toBe(begun);
    acknowledge(2n, 1n);
    expect(since()).toBe((begun ?? 0n) + 5_000n);
  });

  test("with force nobody is waited for", () => {
    set(0n, true, [1n, 2n], true);
    expect(state()).toBe("QUIESCED");
    set(1n, false, [1n, 2n], true);
    expect(state()).toBe("OFF");
  });
});
