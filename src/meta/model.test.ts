import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { createPrng } from "../base/index.ts";
import { type CommandResult, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  AppliedRowSchema,
  BlobRowSchema,
  BlobState,
  BucketConfigurationRowSchema,
  BucketRowSchema,
  EncryptionUseRowSchema,
  IdentityRowSchema,
  MaintenanceRowSchema,
  MaintenanceState,
  NodeState,
  type ObjectAttributes,
  ObjectRowSchema,
  PartRowSchema,
  UploadRowSchema,
  WorkerCursorRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { applyEntry } from "./apply.ts";
import { ApplyState } from "./apply-state.ts";
import { APPLIED_KEY, bucketKey, leadingNodeId, tableRange, trailingBlobId } from "./keys.ts";
import type { CommittedEntry } from "./ports.ts";
import { addNode, initCluster, numberOfId, putCopysets, setNodeState } from "./testing/commands.ts";
import { encodeCommand, outcome, Replica, testHasher } from "./testing/harness.ts";
import { MemoryStore } from "./testing/memory-store.ts";
import { DRAINING_NODE } from "./testing/model/blobs.ts";
import { Model } from "./testing/model/model.ts";
import { currentOf, type ModelVersion, sizeOf } from "./testing/model/rows.ts";
import { CommandDrawer } from "./testing/random/commands.ts";

const GRACE_MS = 60_000;
const STEPS = 300;
const SEEDS = Array.from({ length: 5 }, (_, at) => `meta-model-${at}`);

function begin(): Replica {
  const replica = new Replica();
  replica.run(initCluster({ deleteGraceSeconds: GRACE_MS / 1000 }));
  for (const nodeId of [2, 3, 4, 5]) addNode(replica, nodeId);
  replica.run(putCopysets(0, { nodes: [1, 2, 3] }, { nodes: [2, 3, 5] }));
  setNodeState(replica, DRAINING_NODE, NodeState.DRAINING);
  return replica;
}

const number = numberOfId;

/** What the rows say, in the model's words. */
function describeRows(store: MemoryStore) {
  const table = (name: Parameters<typeof tableRange>[0]) => {
    const { gte } = tableRange(name);
    return store.all().filter(({ key }) => key.startsWith(gte));
  };
  const slices = (row: { slices: readonly { blobId: Uint8Array; offset: bigint; length: bigint }[] }) =>
    row.slices.map(({ blobId, offset, length }) => ({
      blob: number(blobId),
      offset: Number(offset),
      length: Number(length),
    }));
  return {
    objects: table("object").map(({ value }) => {
      const row = fromBinary(ObjectRowSchema, value);
      return [
        row.key,
        number(row.versionId),
        row.etag,
        Number(row.modifiedAtMs),
        Number(row.size),
        slices(row),
        saidOf(row.attributes),
      ];
    }),
    versions: table("version").map(({ value }) => {
      const row = fromBinary(ObjectRowSchema, value);
      const { key, versioned, deleteMarker } = row;
      const since = Number(row.noncurrentSinceMs);
      return [
        key,
        number(row.versionId),
        versioned,
        deleteMarker,
        since,
        row.etag,
        Number(row.size),
        slices(row),
        saidOf(row.attributes),
      ];
    }),
    configurations: table("bucketConfiguration").map(({ value }) => {
      const row = fromBinary(BucketConfigurationRowSchema, value);
      return [Number(row.bucketId), row.kind, new TextDecoder().decode(row.document)];
    }),
    uploads: table("upload").map(({ value }) => {
      const row = fromBinary(UploadRowSchema, value);
      return [number(row.uploadId), row.bucket, row.key, wrapOf(row.attributes)];
    }),
    parts: table("part").map(({ value }) => {
      const row = fromBinary(PartRowSchema, value);
      return [row.partNumber, row.etag, slices(row)];
    }),
    blobs: table("blob").map(({ value }) => {
      const row = fromBinary(BlobRowSchema, value);
      const state = {
        [BlobState.LIVE]: "live",
        [BlobState.PENDING_DELETE]: "pending",
        [BlobState.DELETING]: "deleting",
      };
      const name = state[row.state as keyof typeof state];
      const copies = { holders: row.chunks[0]?.nodeIds.map(Number) ?? [], home: Number(row.copysetId) };
      return [number(row.blobId), name, Number(row.stateSinceMs), Number(row.referenceCount), copies];
    }),
    underReplicated: table("underReplicated")
      .map(({ key }) => number(trailingBlobId(key)))
      .sort((a, b) => a - b),
    discards: table("discardOrder").map(({ key }) => `${leadingNodeId(key)}/${number(trailingBlobId(key))}`),
    completed: table("completedUpload").length,
    identities: table("identity").map(({ value }) => {
      const row = fromBinary(IdentityRowSchema, value);
      return [row.name, Number(row.revision)];
    }),
    cursors: table("workerCursor").map(({ value }) => {
      const row = fromBinary(WorkerCursorRowSchema, value);
      return { revision: Number(row.revision), cursor: number(row.cursor) };
    }),
    uses: table("encryptionUse").map(({ value }) => {
      const row = fromBinary(EncryptionUseRowSchema, value);
      return [row.version, Number(row.uses)];
    }),
    maintenance: table("maintenance").map(({ value }) => {
      const row = fromBinary(MaintenanceRowSchema, value);
      return [MaintenanceState[row.state].toLowerCase(), Number(row.epoch), row.waitingNodeIds.map(Number)];
    }),
    oplog: Number(fromBinary(AppliedRowSchema, store.get(APPLIED_KEY)!).nextOplogSequence) - 1,
  };
}

function describeModel(model: Model, store: MemoryStore) {
  // The order of the rows: by bucket id, then key; uploads by id.
  const buckets = [...model.buckets].sort(([, a], [, b]) => a.id - b.id);
  const encoder = new TextEncoder();
  const byBytes = ([a]: [string, unknown], [b]: [string, unknown]) =>
    Buffer.compare(encoder.encode(a), encoder.encode(b));
  const uploads = buckets
    .flatMap(([bucket, { uploads: open }]) => Array.from(open.values(), (upload) => ({ bucket, ...upload })))
    .sort((a, b) => a.id - b.id);
  const counts = model.references();
  for (const [name, bucket] of buckets) {
    const { id, uploads: open } = bucket;
    const heads = [...bucket.keys].flatMap(([key]) => currentOf(bucket, key) ?? []);
    const others = [...bucket.keys.values()].flat().filter((version) => !heads.includes(version));
    const bytes = (versions: readonly ModelVersion[]) =>
      BigInt(versions.reduce((sum, version) => sum + sizeOf(version), 0));
    expect(fromBinary(BucketRowSchema, store.get(bucketKey(name))!)).toMatchObject({
      bucketId: BigInt(id),
      objectCount: BigInt(heads.length),
      objectBytes: bytes(heads),
      versionCount: BigInt(others.length),
      versionBytes: bytes(others),
      uploadCount: BigInt(open.size),
      closed: bucket.closed,
    });
  }
  return {
    objects: buckets.flatMap(([, bucket]) =>
      [...bucket.keys].sort(byBytes).flatMap(([key]) => {
        const object = currentOf(bucket, key);
        if (object === undefined) return [];
        const { version, etag, modifiedMs, slices } = object;
        return [[key, version, etag, modifiedMs, sizeOf(object), slices, said(object)]];
      }),
    ),
    versions: buckets.flatMap(([, bucket]) =>
      [...bucket.keys].sort(byBytes).flatMap(([key, versions]) =>
        versions
          .filter((version) => version !== currentOf(bucket, key))
          .map((object) => {
            const { version, named, marker, noncurrentSinceMs, etag, slices } = object;
            const manifest = [etag, sizeOf(object), slices, said(object)];
            return [key, version, named, marker, noncurrentSinceMs, ...manifest];
          }),
      ),
    ),
    configurations: buckets.flatMap(([, { id, configurations }]) =>
      [...configurations].sort(([a], [b]) => a - b).map(([kind, document]) => [id, kind, document]),
    ),
    uploads: uploads.map(({ id, bucket, key, wrap }) => [id, bucket, key, wrap]),
    parts: uploads.flatMap(({ parts }) =>
      [...parts]
        .sort(([a], [b]) => a - b)
        .map(([partNumber, { etag, slices }]) => [partNumber, etag, slices]),
    ),
    blobs: [...model.blobs.rows]
      .sort(([a], [b]) => a - b)
      .map(([id, { state, sinceMs, holders, home, isInline }]) => [
        id,
        state,
        sinceMs,
        counts.get(id) ?? 0,
        { holders, home: isInline ? 0 : home },
      ]),
    underReplicated: model.blobs.underReplicated().sort((a, b) => a - b),
    discards: [...model.blobs.discards].sort(byNodeAndBlob),
    completed: model.uploads.completed.size,
    identities: [...model.cluster.identities].sort(([a], [b]) => (a < b ? -1 : 1)),
    cursors: model.cluster.cursor === undefined ? [] : [model.cluster.cursor],
    uses: [...model.uses()],
    maintenance:
      model.cluster.maintenance.epoch === 0
        ? []
        : [
            [
              model.cluster.maintenance.state,
              model.cluster.maintenance.epoch,
              model.cluster.maintenance.waiting,
            ],
          ],
    oplog: model.oplogLength,
  };
}

function said({ wrap, tag, acl }: ModelVersion) {
  return { wrap, tag, acl };
}

function saidOf(attributes: ObjectAttributes | undefined) {
  const [tag] = attributes?.tags ?? [];
  return { wrap: wrapOf(attributes), tag: tag?.value, acl: attributes?.acl[0] };
}

function wrapOf(attributes: ObjectAttributes | undefined) {
  const encryption = attributes?.encryption;
  return encryption && { version: encryption.keyVersion, wrapped: number(encryption.wrappedKey) };
}

function byNodeAndBlob(a: string, b: string): number {
  const [left, right] = [a.split("/").map(Number), b.split("/").map(Number)];
  return left[0]! - right[0]! || left[1]! - right[1]!;
}

/** What came of a command, with what it passed over. */
function fullOutcome(result: CommandResult): string {
  const { result: value } = result;
  if (value.case === "dataKeysRewrapped") {
    const { rewrapped, passedOver } = value.value;
    return `dataKeysRewrapped ${rewrapped} of ${rewrapped + passedOver}`;
  }
  if (value.case !== "copiesChanged") return outcome(result);
  const skipped = value.value.skipped.map(({ blobId, code }) => `${number(blobId)} ${RefusalCode[code]}`);
  return `copiesChanged, but ${skipped.join(", ") || "nothing"}`;
}

/** A busy machine takes its time over every check of every row. */
const TIMEOUT_MS = 180_000;

/** Of all seeds together, how often each command came to what. */
const outcomes = new Map<string, number>();

describe.each(SEEDS)("seed %s", { timeout: TIMEOUT_MS }, (seed) => {
  test("the state machine does what the model says, and its rows are sound after every command", async () => {
    const prng = createPrng(seed);
    const replica = begin();
    const model = new Model(GRACE_MS);
    const drawer = new CommandDrawer(prng, model);
    for (let step = 0; step < STEPS; step++) {
      if (prng.chance(0.3)) replica.timeMs += prng.below(GRACE_MS);
      model.nowMs = replica.timeMs;
      const { body, expected } = drawer.draw();
      const result = fullOutcome(replica.run(body));
      const name = `${body.case} ${result}`;
      outcomes.set(name, (outcomes.get(name) ?? 0) + 1);
      expect(`${step}: ${name}`).toBe(`${step}: ${body.case} ${expected()}`);
      expect(describeRows(replica.store)).toEqual(describeModel(model, replica.store));
      expect(await replica.violations()).toEqual([]);
    }
  });

  test("replicas agree whatever the batches, after crashes too", () => {
    const prng = createPrng(`${seed}-replicas`);
    const first = begin();
    const model = new Model(GRACE_MS);
    const drawer = new CommandDrawer(prng, model);
    const sessionId = 1n;
    first.run({ case: "openSession", value: { $typeName: "skerry.meta.v1.OpenSession", nodeId: 1n } });
    let sequence = 0;
    let previous: Uint8Array | undefined;
    for (let step = 0; step < STEPS; step++) {
      if (prng.chance(0.3)) first.timeMs += prng.below(GRACE_MS);
      model.nowMs = first.timeMs;
      const { body, expected } = drawer.draw();
      expected();
      const session = {
        sessionId,
        sequence: ++sequence,
        acknowledgedBelow: Math.max(0, sequence - prng.below(20)),
      };
      const data = encodeCommand(body, { session });
      first.stage({ data });
      // Now and then a proposal is in the log twice.
      if (previous !== undefined && prng.chance(0.2)) first.stage({ data: previous });
      previous = data;
      first.flush();
    }
    for (let attempt = 0; attempt < 5; attempt++) {
      const other = replay(first.log, prng.fork(`batches-${attempt}`));
      expect(other.hash).toEqual(first.state.stateHash);
      expect(other.store.all()).toEqual(first.store.all());
    }
  });
});

/** Applies a log in random batches to a store that loses its process, and its newest writes, now and then. */
function replay(log: readonly CommittedEntry[], prng: ReturnType<typeof createPrng>) {
  let store = new MemoryStore();
  let state = new ApplyState(store, testHasher);
  /** Stores as they were after earlier writes: what a crash may go back to. */
  const earlier: MemoryStore[] = [store.copy()];
  while (state.appliedIndex < log.length) {
    const end = Math.min(log.length, state.appliedIndex + prng.between(1, 30));
    for (let at = state.appliedIndex; at < end; at++) applyEntry(state, log[at]!);
    const batch = state.takeBatch();
    if (!prng.chance(0.15)) {
      store.applyNow(batch.changes);
      earlier.push(store.copy());
      if (!prng.chance(0.15)) continue;
    }
    // A crash: before the write, or after it with some of the newest writes lost.
    store = earlier[Math.max(0, earlier.length - 1 - prng.below(3))]!.copy();
    state = new ApplyState(store, testHasher);
  }
  return { store, hash: state.stateHash };
}

test("the runs get things done: those that do not protect nothing", () => {
  for (const name of [
    "commitObject objectCommitted",
    "copyObject objectCommitted",
    "commitPart partCommitted",
    "acknowledgeDiscard done",
    "acknowledgeMaintenance done",
    "expireObjects objectsDeleted",
    "putWorkerCursor done",
    "changeObject objectChanged",
    "changeObject VERSION_CHANGED",
    "rotateEncryptionKey done",
    "removeEncryptionKeyVersion done",
    "removeEncryptionKeyVersion ENCRYPTION_KEY_IN_USE",
    "commitObject ENCRYPTION_KEY_RETIRED",
  ]) {
    expect([name, outcomes.get(name) ?? 0]).not.toEqual([name, 0]);
  }
  const rewrapped = [...outcomes.keys()].filter((name) => /dataKeysRewrapped [1-9]/.test(name));
  expect(rewrapped.length).toBeGreaterThan(0);
  const refusedInMaintenance = [...outcomes.keys()].filter((name) => name.endsWith(" MAINTENANCE"));
  expect(refusedInMaintenance.length).toBeGreaterThan(0);
});
