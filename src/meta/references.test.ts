import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import { toHex } from "../base/index.ts";
import { RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import { BlobRowSchema, BlobState, CopysetRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { ApplyState } from "./apply-state.ts";
import { blobKey, copysetKey, pendingDeleteKey, referenceKey } from "./keys.ts";
import { ReferenceChanges } from "./references.ts";
import { id, slice } from "./testing/commands.ts";
import { testHasher } from "./testing/harness.ts";
import { MemoryStore } from "./testing/memory-store.ts";

const hex = toHex(id(1));
let store: MemoryStore;
let state: ApplyState;

function putBlob(row: { referenceCount: bigint; state: BlobState }): void {
  const blob = create(BlobRowSchema, { blobId: id(1), size: 10n, copysetId: 1n, stateSinceMs: 5n, ...row });
  store.applyNow([{ kind: "put", key: blobKey(hex), value: toBinary(BlobRowSchema, blob) }]);
  if (row.state === BlobState.PENDING_DELETE) {
    store.applyNow([{ kind: "put", key: pendingDeleteKey(5n, hex), value: new Uint8Array(0) }]);
  }
}

function settle(changes: ReferenceChanges): void {
  changes.settle();
  store.applyNow(state.takeBatch().changes);
}

const blob = () => fromBinary(BlobRowSchema, store.get(blobKey(hex))!);
const whole = [slice(id(1), 0, 10)];

beforeEach(() => {
  store = new MemoryStore();
  const home = create(CopysetRowSchema, { copysetId: 1n, nodeIds: [1n] });
  store.applyNow([{ kind: "put", key: copysetKey(1n), value: toBinary(CopysetRowSchema, home) }]);
  state = new ApplyState(store, testHasher);
  state.nowMs = 100n;
});

describe("a new reference", () => {
  test("revives a blob that is pending deletion", () => {
    putBlob({ referenceCount: 0n, state: BlobState.PENDING_DELETE });
    const changes = new ReferenceChanges(state);
    changes.add(whole, "o1");
    expect(changes.check()).toBeUndefined();
    settle(changes);
    expect(blob()).toMatchObject({ referenceCount: 1n, state: BlobState.LIVE, stateSinceMs: 100n });
    expect(store.get(pendingDeleteKey(5n, hex))).toBeUndefined();
    expect(store.get(referenceKey(hex, "o1"))).toBeDefined();
  });

  test.each([
    ["that is being deleted", () => putBlob({ referenceCount: 0n, state: BlobState.DELETING })],
    ["that is gone", () => {}],
  ])("to a blob %s is refused", (_, prepare) => {
    prepare();
    const changes = new ReferenceChanges(state);
    changes.add(whole, "o1");
    expect(changes.check()?.code).toBe(RefusalCode.BLOB_GONE);
    expect(() => changes.settle()).toThrow("invariant violated");
  });

  test("counts once however many slices name the blob", () => {
    putBlob({ referenceCount: 1n, state: BlobState.LIVE });
    const changes = new ReferenceChanges(state);
    changes.add([slice(id(1), 0, 3), slice(id(1), 3, 3)], "o1");
    settle(changes);
    expect(blob().referenceCount).toBe(2n);
  });
});

describe("a reference that moves", () => {
  test("does not touch the blob", () => {
    putBlob({ referenceCount: 1n, state: BlobState.LIVE });
    const changes = new ReferenceChanges(state);
    changes.drop(whole, "p1");
    changes.add(whole, "o1");
    changes.settle();
    const { changes: written } = state.takeBatch();
    expect(written.map(({ key }) => key)).not.toContain(blobKey(hex));
    expect(written).toContainEqual({ kind: "delete", key: referenceKey(hex, "p1") });
  });

  test("to the same referrer stays", () => {
    putBlob({ referenceCount: 1n, state: BlobState.LIVE });
    const changes = new ReferenceChanges(state);
    changes.drop(whole, "p1");
    changes.add(whole, "p1");
    changes.settle();
    expect(state.takeBatch().changes.map(({ key }) => key)).toEqual(["0000a"]);
  });
});

test("a count below zero is a bug", () => {
  putBlob({ referenceCount: 0n, state: BlobState.LIVE });
  const changes = new ReferenceChanges(state);
  changes.drop(whole, "o1");
  expect(() => changes.settle()).toThrow("reference count is not negative");
});
