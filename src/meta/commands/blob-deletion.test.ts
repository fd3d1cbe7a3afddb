import { create, fromBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { toHex } from "../../base/index.ts";
import { AcknowledgeUnlinkSchema, BeginBlobDeleteSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { BlobRowSchema, BlobState, NodeState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { blobKey } from "../keys.ts";
import { LiveStore } from "../live-store.ts";
import type { CommandBody } from "../ports.ts";
import {
  chunkedBlob,
  commitObject,
  commitPart,
  createUpload,
  deleteObjects,
  id,
  readyReplica,
  setNodeState,
  slice,
} from "../testing/commands.ts";
import { outcome, Replica } from "../testing/harness.ts";
import { StateView } from "../view.ts";

const GRACE_MS = 60_000;
let replica: Replica;

beforeEach(() => {
  replica = readyReplica(new Replica());
  replica.run(commitObject("a", id(1), [chunkedBlob(id(101), 5)]));
  replica.run(deleteObjects("a"));
});

const begin = (...numbers: readonly number[]): CommandBody => ({
  case: "beginBlobDelete",
  value: create(BeginBlobDeleteSchema, { blobIds: numbers.map(id) }),
});
const acknowledge = (nodeId: number, ...numbers: readonly number[]): CommandBody => ({
  case: "acknowledgeUnlink",
  value: create(AcknowledgeUnlinkSchema, { nodeId: BigInt(nodeId), blobIds: numbers.map(id) }),
});
const state = (): BlobState | undefined => {
  const bytes = replica.store.get(blobKey(toHex(id(101))));
  return bytes && fromBinary(BlobRowSchema, bytes).state;
};
const view = () => new StateView(new LiveStore(replica.store), { index: () => 0, timeMs: () => 0 });

async function expectSound(): Promise<void> {
  expect(await replica.violations()).toEqual([]);
}

describe("a blob without a reference", () => {
  test("is pending until the grace is over, then ordered to be unlinked, then gone when all holders have done so", async () => {
    expect(await view().pendingDeletes(replica.timeMs + 1, 10)).toEqual([id(101)]);
    expect(await view().pendingDeletes(replica.timeMs, 10)).toEqual([]);
    replica.timeMs += GRACE_MS - 1;
    expect(outcome(replica.run(begin(101)))).toBe("done");
    expect(state()).toBe(BlobState.PENDING_DELETE);
    replica.timeMs += 1;
    replica.run(begin(101));
    expect(state()).toBe(BlobState.DELETING);
    await expectSound();
    for (const nodeId of [1, 2, 3]) {
      expect(await view().unlinkOrders(nodeId, 10)).toEqual([id(101)]);
      expect(await view().unlinkOrders(nodeId, 10, id(100))).toEqual([id(101)]);
      expect(await view().unlinkOrders(nodeId, 10, id(101))).toEqual([]);
      replica.run(acknowledge(nodeId, 101));
      replica.run(acknowledge(nodeId, 101));
      expect(await view().unlinkOrders(nodeId, 10)).toEqual([]);
      await expectSound();
    }
    expect(state()).toBeUndefined();
  });

  test("keeps its grace when a leader's clock goes back", () => {
    replica.timeMs = 0;
    replica.run(begin(101));
    expect(state()).toBe(BlobState.PENDING_DELETE);
  });

  test("is not deleted while it is referred to, however late the command comes", async () => {
    replica.run(commitObject("b", id(2), [chunkedBlob(id(102), 5)]));
    replica.timeMs += 10 * GRACE_MS;
    replica.run(begin(102, 77));
    const bytes = replica.store.get(blobKey(toHex(id(102))));
    expect(fromBinary(BlobRowSchema, bytes!).state).toBe(BlobState.LIVE);
    await expectSound();
  });

  test("leaves out nodes that were removed", async () => {
    setNodeState(replica, 2, NodeState.REMOVED);
    replica.timeMs += GRACE_MS;
    replica.run(begin(101));
    expect(await view().unlinkOrders(2, 10)).toEqual([]);
    replica.run(acknowledge(1, 101));
    replica.run(acknowledge(3, 101));
    expect(state()).toBeUndefined();
    await expectSound();
  });

  test("goes at once when all holders were removed", async () => {
    for (const nodeId of [1, 2, 3]) setNodeState(replica, nodeId, NodeState.REMOVED);
    replica.timeMs += GRACE_MS;
    replica.run(begin(101));
    expect(state()).toBeUndefined();
    await expectSound();
  });

  test("an acknowledgement without an order does nothing", async () => {
    replica.run(acknowledge(1, 101));
    expect(state()).toBe(BlobState.PENDING_DELETE);
    await expectSound();
  });
});

describe("a new reference", () => {
  const source = { sourceBucket: "bucket", sourceKey: "s", sourceVersionId: id(5) };

  /** An object whose blob is also a part's: the part outlives the object, and the blob's only reference is the part's. */
  test("keeps a blob alive whose first reference went away", async () => {
    replica.run(commitObject("s", id(5), [chunkedBlob(id(105), 5)]));
    replica.run(createUpload("u", id(50)));
    replica.run(
      commitPart({ key: "u", uploadId: id(50) }, 1, [], {
        ...source,
        slices: [slice(id(105), 0, 5)],
        size: 5n,
      }),
    );
    replica.run(deleteObjects("s"));
    replica.timeMs += 2 * GRACE_MS;
    replica.run(begin(105));
    expect(fromBinary(BlobRowSchema, replica.store.get(blobKey(toHex(id(105))))!).state).toBe(BlobState.LIVE);
    await expectSound();
  });
});
