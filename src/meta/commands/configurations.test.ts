import { create, fromBinary } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "vitest";
import {
  CreateBucketSchema,
  DeleteBucketConfigurationSchema,
  DeleteBucketSchema,
  PutBucketConfigurationSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  BucketChange_Kind,
  BucketConfigurationKind,
  BucketRowSchema,
  OplogRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import { bucketKey, oplogKey, tableRange } from "../keys.ts";
import { MAX_CONFIGURATION_BYTES } from "../limits.ts";
import { LiveStore } from "../live-store.ts";
import type { CommandBody } from "../ports.ts";
import { RowVersions } from "../row-versions.ts";
import { createBucket, readyReplica } from "../testing/commands.ts";
import { encodeCommand, expectCase, outcome, Replica } from "../testing/harness.ts";
import { StateView } from "../view.ts";

const { CORS, POLICY, TAGGING } = BucketConfigurationKind;

let replica: Replica;

beforeEach(() => {
  replica = readyReplica(new Replica());
});

function put(
  kind: number,
  document: Uint8Array,
  more: { bucketId?: bigint; format?: number } = {},
): CommandBody {
  const { bucketId = 0n, format = 1 } = more;
  const configuration = { kind, format, document };
  const value = create(PutBucketConfigurationSchema, { bucket: "bucket", bucketId, configuration });
  return { case: "putBucketConfiguration", value };
}

function remove(kind: number): CommandBody {
  const value = create(DeleteBucketConfigurationSchema, { bucket: "bucket", kind });
  return { case: "deleteBucketConfiguration", value };
}

const bytes = (text: string) => new TextEncoder().encode(text);
const bucket = () => fromBinary(BucketRowSchema, replica.store.get(bucketKey("bucket"))!);
const rowsOfConfigurations = () => {
  const { gte } = tableRange("bucketConfiguration");
  return replica.store.all().filter(({ key }) => key.startsWith(gte)).length;
};

describe("the configurations of a bucket", () => {
  test("are written over, taken away, and each change is in the oplog", async () => {
    expectCase(replica.run(put(CORS, bytes("one"))), "done");
    expectCase(replica.run(put(POLICY, bytes("two"))), "done");
    expectCase(replica.run(put(CORS, bytes("three"))), "done");
    expect(bucket().configuredKinds).toBe((1n << 1n) | (1n << 2n));
    expectCase(replica.run(remove(CORS)), "done");
    const sequence = replica.state.nextOplogSequence;
    expectCase(replica.run(remove(CORS)), "done");
    expect(replica.state.nextOplogSequence).toBe(sequence);
    expect(bucket().configuredKinds).toBe(1n << 2n);
    const last = fromBinary(OplogRowSchema, replica.store.get(oplogKey(sequence - 1n))!);
    expect(last.change.value).toMatchObject({
      kind: BucketChange_Kind.CONFIGURATION_REMOVED,
      bucket: "bucket",
      configuration: CORS,
    });
    expect(await replica.violations()).toEqual([]);
  });

  test("come with a bucket and go with it, also where the name is given again", async () => {
    const configurations = [
      { kind: CORS, format: 1, document: bytes("c") },
      { kind: TAGGING, format: 1, document: bytes("t") },
    ];
    const value = create(CreateBucketSchema, { name: "other", configurations });
    expectCase(replica.run({ case: "createBucket", value }), "bucketCreated");
    expect(rowsOfConfigurations()).toBe(2);
    expect(await replica.violations()).toEqual([]);
    const deletion = create(DeleteBucketSchema, { name: "other" });
    expectCase(replica.run({ case: "deleteBucket", value: deletion }), "done");
    expectCase(replica.run(createBucket("other")), "bucketCreated");
    expect(rowsOfConfigurations()).toBe(0);
    expect(await replica.violations()).toEqual([]);
  });

  test.each<[string, CommandBody, string]>([
    ["a kind that has no bit", put(64, bytes("x")), "INVALID"],
    ["no kind", put(0, bytes("x")), "INVALID"],
    ["no format", put(CORS, bytes("x"), { format: 0 }), "INVALID"],
    ["too many bytes", put(CORS, new Uint8Array(MAX_CONFIGURATION_BYTES + 1)), "CONFIGURATION_TOO_LARGE"],
    ["a bucket that was made again", put(CORS, bytes("x"), { bucketId: 99n }), "BUCKET_CHANGED"],
    [
      "two documents of a kind with a new bucket",
      {
        case: "createBucket",
        value: create(CreateBucketSchema, {
          name: "twice",
          configurations: [
            { kind: CORS, format: 1 },
            { kind: CORS, format: 1 },
          ],
        }),
      },
      "INVALID",
    ],
  ])("are refused: %s", (_, body, expected) => {
    const before = replica.store.all().length;
    expect(outcome(replica.run(body))).toBe(expected);
    expect(replica.store.all().length).toBe(before);
  });

  test("of the greatest size are stored", () => {
    expectCase(replica.run(put(CORS, new Uint8Array(MAX_CONFIGURATION_BYTES))), "done");
  });
});

describe("reading them", () => {
  test("gives the same object until that very document changes", () => {
    replica.run(put(CORS, bytes("one")));
    replica.run(put(POLICY, bytes("two")));
    const versions = new RowVersions();
    const view = new StateView(
      new LiveStore(replica.store),
      { index: () => 1, timeMs: () => 2 },
      { versions },
    );
    const change = (body: CommandBody) => {
      replica.stage({ data: encodeCommand(body) });
      const batch = replica.state.takeBatch();
      versions.beginWrite(batch.rows.keys(), batch.tables);
      replica.store.applyNow(batch.changes);
      versions.endWrite();
    };
    const cors = () => view.bucketConfiguration(view.bucket("bucket")!, CORS);
    const first = cors();
    expect(new TextDecoder().decode(first?.document)).toBe("one");
    change(put(POLICY, bytes("three")));
    expect(cors()).toBe(first);
    change(put(CORS, bytes("four")));
    expect(new TextDecoder().decode(cors()?.document)).toBe("four");
    change(remove(CORS));
    expect(cors()).toBeUndefined();
  });

  test("asks the store nothing about a kind that the bucket does not have", () => {
    const asked: string[] = [];
    const live = new LiveStore(replica.store);
    const get = live.get.bind(live);
    live.get = (key) => {
      asked.push(key);
      return get(key);
    };
    const view = new StateView(live, { index: () => 1, timeMs: () => 2 });
    const row = view.bucket("bucket")!;
    asked.length = 0;
    expect(view.bucketConfiguration(row, CORS)).toBeUndefined();
    expect(asked).toEqual([]);
  });
});
