import { readFileSync, writeFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { concatBytes, fromHex, sealedLength, toHex } from "../base/index.ts";
import {
  BeginBlobDeleteSchema,
  ChangeIdentitiesSchema,
  CommitBatchSchema,
  CommitIndexSchema,
  CompleteUploadSchema,
  CreateNamespaceSchema,
  DeleteObjectsSchema,
  DropCopiesSchema,
  LeaseNamespaceWorkSchema,
  OpenSessionSchema,
  PutBucketConfigurationSchema,
  PutEncryptionKeySchema,
  PutJoinTokenSchema,
  PutKeySchema,
  PutWorkerCursorSchema,
  SetBucketVersioningSchema,
  SetMaintenanceSchema,
  SetSearchStoreSchema,
} from "../gen/skerry/meta/v1/commands_pb.js";
import {
  EncryptionKind,
  KeyKind,
  KeyRole,
  ManifestKind,
  NamespaceWork,
  VersioningState,
  WorkerCursorRow_Worker,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { TABLES, tableLetter } from "./keys.ts";
import {
  chunkedBlob,
  commitObject,
  commitPart,
  createBucket,
  createUpload,
  deleteObjects,
  etag,
  id,
  inlineBlob,
  readyReplica,
} from "./testing/commands.ts";
import { Replica, testHasher } from "./testing/harness.ts";

/**
 * Keys, rows and hash of format version 1, as they lie on the disks of released versions. When this test fails, disks and snapshots of
 * other versions do not fit any more: that takes a new version of the format, not a new file. `UPDATE_GOLDEN=1` writes it.
 */
const GOLDEN = new URL("testdata/rows-v1.json", import.meta.url);

/** One of everything: every table has a row in the end. */
function everything(): Replica {
  const replica = readyReplica(new Replica());
  replica.timeMs = 100_000_123;
  const token = { tokenId: "token", tokenHash: new Uint8Array(32).fill(1), expiresAtMs: 10n ** 15n };
  replica.run({ case: "putJoinToken", value: create(PutJoinTokenSchema, { token }) });
  const key = {
    keyId: "AKIA",
    kind: KeyKind.S3,
    role: KeyRole.WRITER,
    secretSealed: new Uint8Array([1, 2]),
    buckets: ["bucket"],
  };
  replica.run({ case: "putKey", value: create(PutKeySchema, { key }) });
  const record = { case: "reference" as const, value: "i/1" };
  const identity = {
    name: "i/1",
    record: { case: "account" as const, value: { canonicalId: "c", accountId: "1" } },
  };
  const changes = [identity, { name: "n/x", record }].map((row) => ({ name: row.name, row }));
  replica.run({ case: "changeIdentities", value: create(ChangeIdentitiesSchema, { changes }) });
  const maintenance = create(SetMaintenanceSchema, { on: true, nodeIds: [1n, 2n] });
  replica.run({ case: "setMaintenance", value: maintenance });
  const encryptionKey = create(PutEncryptionKeySchema, {
    keyId: "ring",
    secretSealed: new Uint8Array([5, 6]),
  });
  replica.run({ case: "putEncryptionKey", value: encryptionKey });
  const cursor = create(PutWorkerCursorSchema, { worker: WorkerCursorRow_Worker.LIFECYCLE, cursor: id(9) });
  replica.run({ case: "putWorkerCursor", value: cursor });
  replica.run({ case: "openSession", value: create(OpenSessionSchema, { nodeId: 1n }) });
  const configuration = { kind: 4, format: 1, document: new Uint8Array([3, 4]) };
  const configure = create(PutBucketConfigurationSchema, { bucket: "bucket", configuration });
  replica.run({ case: "putBucketConfiguration", value: configure });
  const session = { sessionId: 1n, sequence: 1, acknowledgedBelow: 1 };
  replica.run(commitObject("a\u0000b/\u{10000}", id(1), [inlineBlob(id(101), 3)]), { session });
  replica.run(commitObject("gone", id(2), [chunkedBlob(id(102), 5)]));
  replica.run(commitObject("going", id(3), [chunkedBlob(id(103), 5)]));
  replica.run(deleteObjects("gone"));
  replica.timeMs += 60_000;
  replica.run({ case: "beginBlobDelete", value: create(BeginBlobDeleteSchema, { blobIds: [id(102)] }) });
  replica.run(deleteObjects("going"));
  const versioning = { bucket: "versioned", versioning: VersioningState.ENABLED };
  replica.run(createBucket("versioned"));
  replica.run({ case: "setBucketVersioning", value: create(SetBucketVersioningSchema, versioning) });
  replica.run(commitObject("v", id(20), [inlineBlob(id(120), 2)], { bucket: "versioned" }));
  const marked = { bucket: "versioned", markerId: id(21), targets: [{ key: "v" }] };
  replica.run({ case: "deleteObjects", value: create(DeleteObjectsSchema, marked) });
  for (const [upload, key] of [
    [50, "up"],
    [51, "open"],
  ] as const) {
    replica.run(createUpload(key, id(upload)));
    replica.run(
      commitPart({ key, uploadId: id(upload) }, 9, [chunkedBlob(id(100 + upload), 4 * 1024 * 1024 + 1)]),
    );
  }
  const whole = `${toHex(testHasher.md5(concatBytes([fromHex(etag(9))!])))}-1`;
  const complete = create(CompleteUploadSchema, {
    bucket: "bucket",
    key: "up",
    uploadId: id(50),
    parts: [{ partNumber: 9, etag: etag(9) }],
    versionId: id(4),
    etag: whole,
  });
  replica.run({ case: "completeUpload", value: complete });
  replica.run(commitObject("few", id(5), [chunkedBlob(id(105), 5, { holders: [1, 2] })]));
  replica.run(commitObject("many", id(6), [chunkedBlob(id(106), 5, { holders: [1, 2, 3, 4] })]));
  const encryption = {
    version: 1,
    kind: EncryptionKind.SSE_S3,
    keyId: "ring",
    keyVersion: 1,
    wrappedKey: new Uint8Array([7, 8]),
    salt: new Uint8Array(16).fill(1),
  };
  const sealed = inlineBlob(id(107), sealedLength(5));
  replica.run(commitObject("sealed", id(7), [sealed], { size: 5n, attributes: { encryption } }));
  const copies = [{ blobId: id(106), nodeId: 4n }];
  replica.run({ case: "dropCopies", value: create(DropCopiesSchema, { copies }) });
  namespaces(replica);
  replica.stage({ data: new Uint8Array([1]), type: "EntryConfChangeV2" });
  replica.state.configuration = {
    voters: [1, 2],
    learners: [3],
    votersOutgoing: [1],
    learnersNext: [4],
    autoLeave: true,
  };
  replica.flush();
  return replica;
}

/** A row of every table that search has, and one of each kind of a manifest. */
function namespaces(replica: Replica): void {
  const namespaceId = 1n;
  const work = NamespaceWork.FLUSH;
  const token = id(70);
  const settings = { defaultTtlSeconds: 5n, retentionSeconds: 60n, pinned: true };
  const name = { org: "org", project: "project", name: "name" };
  const space = create(CreateNamespaceSchema, { ...name, schema: id(9), schemaFormat: 1, settings });
  replica.run({ case: "createNamespace", value: space });
  const batch = (blob: number) =>
    replica.run({
      case: "commitBatch",
      value: create(CommitBatchSchema, {
        namespaceId,
        blob: inlineBlob(id(blob), 9),
        frames: [
          {
            upserts: 2n,
            deletes: 1n,
            idempotencyHash: new Uint8Array(32).fill(blob),
            requestHash: new Uint8Array(32),
          },
        ],
      }),
    });
  batch(201);
  const lease = create(LeaseNamespaceWorkSchema, { namespaceId, work, nodeId: 2n, token, durationMs: 1000n });
  replica.run({ case: "leaseNamespaceWork", value: lease });
  const index = create(CommitIndexSchema, {
    namespaceId,
    work,
    leaseToken: token,
    segments: [{ blob: inlineBlob(id(202), 8), level: 0, rows: 2n, firstVersion: 1n, lastVersion: 1n }],
    deletes: [{ blob: inlineBlob(id(203), 7), rows: 1n, segment: { case: "newSegment", value: 0 } }],
    removed: [{ kind: ManifestKind.BATCH, number: 1n }],
  });
  replica.run({ case: "commitIndex", value: index });
  batch(204);
  const location = {
    case: "s3" as const,
    value: {
      endpoint: "https://s3.example.com",
      region: "region",
      bucket: "bucket",
      prefix: "prefix/",
      accessKeyId: "key",
      secretSealed: id(8),
    },
  };
  replica.run({ case: "setSearchStore", value: create(SetSearchStoreSchema, { location }) });
  const outside = create(CommitIndexSchema, {
    namespaceId,
    work,
    leaseToken: token,
    segments: [
      { blob: { blobId: id(205), size: 9n, searchStoreId: 1n }, rows: 1n, firstVersion: 2n, lastVersion: 2n },
    ],
    removed: [{ kind: ManifestKind.BATCH, number: 2n }],
  });
  replica.run({ case: "commitIndex", value: outside });
  batch(206);
}

test("keys, rows and state hash are those of format version 1", async () => {
  const replica = everything();
  expect(await replica.violations()).toEqual([]);
  const rows = replica.store.all();
  expect(new Set(rows.map(({ key }) => tableLetter(key)))).toEqual(new Set(Object.values(TABLES)));
  const written = {
    stateHash: toHex(replica.state.stateHash),
    rows: Object.fromEntries(rows.map(({ key, value }) => [key, toHex(value)])),
  };
  if (process.env.UPDATE_GOLDEN === "1") writeFileSync(GOLDEN, `${JSON.stringify(written, undefined, 1)}\n`);
  expect(written).toEqual(JSON.parse(readFileSync(GOLDEN, "utf8")));
});
