import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { compareKeys, toHex } from "../base/index.ts";
import { DeleteObjectsSchema, SetBucketVersioningSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import { VersioningState } from "../gen/skerry/meta/v1/rows_pb.js";
import { commitObject, id, inlineBlob, readyReplica } from "./testing/commands.ts";
import { expectCase, Replica } from "./testing/harness.ts";

test("an id is given once, also where clocks differ and the version that had it was removed", () => {
  const replica = readyReplica(new Replica());
  const value = create(SetBucketVersioningSchema, { bucket: "bucket", versioning: VersioningState.ENABLED });
  expectCase(replica.run({ case: "setBucketVersioning", value }), "done");
  const put = (proposed: number): Uint8Array => {
    const blob = inlineBlob(id(1000 + proposed), 3);
    return expectCase(replica.run(commitObject("key", id(proposed), [blob])), "objectCommitted").versionId;
  };
  const remove = (versionId: Uint8Array): void => {
    const target = { key: "key", version: { version: { case: "versionId" as const, value: versionId } } };
    const command = create(DeleteObjectsSchema, { bucket: "bucket", targets: [target] });
    expectCase(replica.run({ case: "deleteObjects", value: command }), "objectsDeleted");
  };
  const given = [put(90)];
  for (const late of [1, 2, 3]) {
    const versionId = put(late);
    expect(compareKeys(toHex(versionId), toHex(given[0]!))).toBeGreaterThan(0);
    given.push(versionId);
    remove(versionId);
  }
  expect(new Set(given.map(toHex)).size).toBe(given.length);
});
