import { create as createMessage, fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { createPrng, type Prng, toHex } from "../base/index.ts";
import { AcknowledgeUnlinkSchema, BeginBlobDeleteSchema } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  BlobRowSchema,
  BlobState,
  ManifestKind,
  type ManifestRow,
  ManifestRowSchema,
  NamespaceRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import { namespaceKey, tableRange } from "./keys.ts";
import type { CommandBody } from "./ports.ts";
import { chunkedBlob, id, readyReplica } from "./testing/commands.ts";
import { outcome, Replica } from "./testing/harness.ts";
import {
  branchNamespace,
  commitBatch,
  commitIndex,
  createNamespace,
  deleteNamespace,
  leaseWork,
  outsideBlob,
  setSearchStore,
  TOKEN,
  trimNamespace,
} from "./testing/namespaces.ts";

/** What a namespace looked like at each revision that it has had: "kind number blob" of every row. */
interface ModelNamespace {
  readonly id: number;
  readonly name: string;
  version: number;
  revision: number;
  history: Map<number, { readonly version: number; readonly rows: readonly string[] }>;
  readonly times: Map<number, number>;
  isDeleted: boolean;
}

const SEEDS = Array.from({ length: 6 }, (_, at) => `namespaces-${at}`);
const STEPS = 160;
const NAMES = ["a", "b", "c"];

class World {
  readonly replica = readyReplica(new Replica());
  readonly prng: Prng;
  readonly model = new Map<number, ModelNamespace>();
  nextBlob = 1000;
  nextId = 1;

  constructor(seed: string) {
    this.prng = createPrng(seed);
    for (const path of ["/one", "/two", undefined]) this.run(setSearchStore(path));
  }

  run(body: CommandBody): string {
    return outcome(this.replica.run(body));
  }

  live(): ModelNamespace[] {
    return [...this.model.values()].filter(({ isDeleted }) => !isDeleted);
  }

  rowsOf(namespaceId: number): ManifestRow[] {
    const prefix = `${tableRange("manifest").gte}${namespaceId.toString(16).padStart(16, "0")}/`;
    return this.replica.store
      .all()
      .filter(({ key }) => key.startsWith(prefix))
      .map(({ value }) => fromBinary(ManifestRowSchema, value));
  }

  visible(namespaceId: number, revision: number): ManifestRow[] {
    const at = BigInt(revision);
    return this.rowsOf(namespaceId).filter(
      ({ addedRevision, removedRevision }) =>
        addedRevision <= at && (removedRevision === 0n || removedRevision > at),
    );
  }

  change(namespace: ModelNamespace, rows: readonly string[]): void {
    namespace.revision++;
    namespace.times.set(namespace.revision, this.replica.timeMs);
    namespace.history.set(namespace.revision, { version: namespace.version, rows: [...rows].sort() });
  }

  /** In the cluster, or in one of two stores outside. */
  blob() {
    const [blobId, sizeBytes, store] = [id(this.nextBlob++), this.prng.between(1, 50), this.prng.below(3)];
    return store === 0 ? chunkedBlob(blobId, sizeBytes) : outsideBlob(blobId, sizeBytes, store);
  }

  /** What the workers of deletion do, each in its time. */
  collect(): void {
    const blobIds = this.blobs().map(({ blobId }) => blobId);
    this.run({ case: "beginBlobDelete", value: createMessage(BeginBlobDeleteSchema, { blobIds }) });
    const some = blobIds.filter(() => this.prng.chance(0.5));
    const value = createMessage(AcknowledgeUnlinkSchema, { nodeId: 0n, blobIds: some });
    this.run({ case: "acknowledgeUnlink", value });
  }

  blobs() {
    const { gte } = tableRange("blob");
    const rows = this.replica.store.all().filter(({ key }) => key.startsWith(gte));
    return rows.map(({ value }) => fromBinary(BlobRowSchema, value));
  }
}

const describeRow = ({ kind, number, blobId }: ManifestRow) => `${kind} ${number} ${toHex(blobId).slice(24)}`;
const hexBlob = (blob: number) =>
  id(blob)
    .reduce((text, byte) => text + byte.toString(16).padStart(2, "0"), "")
    .slice(24);

function create(world: World): void {
  const name = world.prng.pick(NAMES);
  const exists = world.live().some((namespace) => namespace.name === name);
  expect(world.run(createNamespace(name))).toBe(exists ? "NAMESPACE_EXISTS" : "namespaceCreated");
  if (!exists) added(world, name, 0, []);
}

function added(world: World, name: string, version: number, rows: readonly string[]): void {
  const namespace: ModelNamespace = {
    id: world.nextId++,
    name,
    version,
    revision: 0,
    history: new Map(),
    times: new Map(),
    isDeleted: false,
  };
  world.model.set(namespace.id, namespace);
  world.change(namespace, rows);
}

function write(world: World, namespace: ModelNamespace): void {
  const blob = world.nextBlob++;
  const expected = world.prng.pick([undefined, namespace.version, namespace.version + 7]);
  const frames = [
    { upserts: 2n },
    { upserts: 1n, ...(expected !== undefined && { expectedVersion: BigInt(expected) }) },
  ];
  const ordered = world.prng.chance(0.5) ? frames : frames.toReversed();
  expect(world.run(commitBatch(namespace.id, blob, ordered))).toBe("batchCommitted");
  // The frame with an expectation counts when nothing came before it in the blob and it names the version.
  const counts = expected === undefined || (ordered[0] === frames[1] && expected === namespace.version);
  const before = namespace.history.get(namespace.revision)!.rows;
  namespace.version += counts ? 2 : 1;
  world.change(namespace, [...before, `1 ${namespace.version} ${hexBlob(blob)}`]);
}

function flush(world: World, namespace: ModelNamespace): void {
  world.run(leaseWork(namespace.id));
  const rows = world.visible(namespace.id, namespace.revision);
  const batches = rows.filter(({ kind }) => kind === ManifestKind.BATCH);
  const taken = batches.slice(0, world.prng.between(1, 3));
  if (taken.length === 0) return;
  const segments = rows.filter(({ kind }) => kind === ManifestKind.SEGMENT);
  const target = segments.length > 0 && world.prng.chance(0.7) ? world.prng.pick(segments) : undefined;
  const old = rows.find(
    ({ detail }) => detail.case === "deletes" && detail.value.segmentNumber === target?.number,
  );
  const blobs = [world.blob(), world.blob()] as const;
  const first = taken[0]!.detail.case === "batch" ? taken[0]!.detail.value.firstVersion : 0n;
  const command = commitIndex(namespace.id, {
    segments: [
      { blob: blobs[0], level: 0, rows: 3n, firstVersion: first, lastVersion: taken.at(-1)!.number },
    ],
    ...(target !== undefined && {
      deletes: [
        { blob: blobs[1], rows: 2n, segment: { case: "segmentNumber" as const, value: target.number } },
      ],
    }),
    removed: [...taken, ...(old === undefined ? [] : [old])].map(({ kind, number }) => ({ kind, number })),
  });
  const next = Number(row(world, namespace).nextNumber);
  expect(world.run(command)).toBe("indexCommitted");
  const gone = [...taken, ...(old === undefined ? [] : [old])].map(describeRow);
  const kept = namespace.history.get(namespace.revision)!.rows.filter((text) => !gone.includes(text));
  const text = (blob: { blobId: Uint8Array }) => toHex(blob.blobId).slice(24);
  const extra = target === undefined ? [] : [`3 ${next + 1} ${text(blobs[1])}`];
  world.change(namespace, [...kept, `2 ${next} ${text(blobs[0])}`, ...extra]);
  // The same again, as a worker that comes late would: what it read is not live any more.
  expect(world.run(command)).toBe("MANIFEST_CHANGED");
}

function merge(world: World, namespace: ModelNamespace): void {
  world.run(leaseWork(namespace.id));
  const rows = world.visible(namespace.id, namespace.revision);
  const segments = rows.filter(({ kind }) => kind === ManifestKind.SEGMENT).slice(0, 3);
  if (segments.length < 2) return;
  const numbers = segments.map(({ number }) => number);
  const deletes = rows.filter(
    ({ detail }) => detail.case === "deletes" && numbers.includes(detail.value.segmentNumber),
  );
  const blob = world.blob();
  const segment = { blob, level: 1, rows: 5n, firstVersion: 1n, lastVersion: 2n };
  const removed = [...segments, ...deletes].map(({ kind, number }) => ({ kind, number }));
  if (deletes.length > 0) {
    const without = commitIndex(namespace.id, {
      segments: [segment],
      removed: removed.slice(0, segments.length),
    });
    expect(world.run(without)).toBe("MANIFEST_CHANGED");
  }
  const next = Number(row(world, namespace).nextNumber);
  expect(world.run(commitIndex(namespace.id, { segments: [segment], removed }))).toBe("indexCommitted");
  const gone = [...segments, ...deletes].map(describeRow);
  const kept = namespace.history.get(namespace.revision)!.rows.filter((text) => !gone.includes(text));
  world.change(namespace, [...kept, `2 ${next} ${toHex(blob.blobId).slice(24)}`]);
}

function branch(world: World, namespace: ModelNamespace): void {
  const name = world.prng.pick(NAMES);
  const revision = world.prng.pick([...namespace.history.keys()]);
  const moment = namespace.history.get(revision)!;
  const rows = world.visible(namespace.id, revision);
  const named = rows.map(({ kind, number, removedRevision }) => ({ kind, number, removedRevision }));
  const command = branchNamespace(namespace.id, name, {
    revision: BigInt(revision),
    version: BigInt(moment.version),
    rows: named,
  });
  const exists = world.live().some((other) => other.name === name);
  expect(world.run(command)).toBe(exists ? "NAMESPACE_EXISTS" : "namespaceCreated");
  if (!exists) added(world, name, moment.version, moment.rows);
}

function trim(world: World, namespace: ModelNamespace): void {
  const rows = world.rowsOf(namespace.id);
  const named = rows.map(({ kind, number, removedRevision }) => ({ kind, number, removedRevision }));
  const isGone = row(world, namespace) === undefined;
  expect(world.run(trimNamespace(namespace.id, { rows: named }))).toBe(isGone ? "NAMESPACE_UNKNOWN" : "done");
  if (namespace.isDeleted) {
    expect(row(world, namespace)).toBeUndefined();
    return;
  }
  // A revision can be read as long as the one after it is younger than the retention.
  const trimmed = Number(row(world, namespace).trimmedRevision);
  for (const [revision] of namespace.history) {
    if (revision < trimmed) namespace.history.delete(revision);
    const replacedMs = namespace.times.get(revision + 1);
    const isKept = replacedMs === undefined || replacedMs + 120_000 > world.replica.timeMs;
    expect(!isKept || namespace.history.has(revision)).toBe(true);
  }
}

function row(world: World, { id: namespaceId }: ModelNamespace) {
  const bytes = world.replica.store.get(namespaceKey(BigInt(namespaceId)));
  return bytes === undefined ? (undefined as never) : fromBinary(NamespaceRowSchema, bytes);
}

/** Every state that can still be read is what it was, and each blob has a reference for each row that names it. */
function compare(world: World): void {
  const references = new Map<string, number>();
  for (const namespace of world.model.values()) {
    for (const { blobId } of world.rowsOf(namespace.id)) {
      references.set(toHex(blobId), (references.get(toHex(blobId)) ?? 0) + 1);
    }
    if (namespace.isDeleted) continue;
    expect(Number(row(world, namespace).version)).toBe(namespace.version);
    for (const [revision, { rows }] of namespace.history) {
      expect(world.visible(namespace.id, revision).map(describeRow).sort()).toEqual(rows);
    }
  }
  for (const blob of world.blobs()) {
    expect(Number(blob.referenceCount)).toBe(references.get(toHex(blob.blobId)) ?? 0);
    references.delete(toHex(blob.blobId));
  }
  expect(references).toEqual(new Map());
}

describe.each(SEEDS)("seed %s", { timeout: 120_000 }, (seed) => {
  test("namespaces, their past and their branches are what the model says", async () => {
    const world = new World(seed);
    for (let step = 0; step < STEPS; step++) {
      if (world.prng.chance(0.3)) world.replica.timeMs += world.prng.below(90_000);
      const known = world.live();
      const namespace = known.length === 0 ? undefined : world.prng.pick(known);
      const kind = world.prng.pick([
        "create",
        "write",
        "write",
        "write",
        "flush",
        "flush",
        "merge",
        "branch",
        "trim",
        "collect",
        "delete",
      ]);
      if (namespace === undefined || kind === "create") create(world);
      else if (kind === "write") write(world, namespace);
      else if (kind === "flush") flush(world, namespace);
      else if (kind === "merge") merge(world, namespace);
      else if (kind === "branch") branch(world, namespace);
      else if (kind === "collect") world.collect();
      else if (kind === "trim") trim(world, world.prng.pick([...world.model.values()]));
      else if (world.prng.chance(0.3)) {
        expect(world.run(deleteNamespace(namespace.id))).toBe("done");
        namespace.isDeleted = true;
      }
      compare(world);
      expect(await world.replica.violations()).toEqual([]);
    }
    // Nothing of it stays once all of it is deleted.
    for (const namespace of world.live()) {
      world.run(deleteNamespace(namespace.id));
      namespace.isDeleted = true;
    }
    for (const namespace of world.model.values()) trim(world, namespace);
    compare(world);
    expect(await world.replica.violations()).toEqual([]);
    const letters = new Set(world.replica.store.all().map(({ key }) => key.charAt(4)));
    expect([..."WXYZzACD"].filter((letter) => letters.has(letter))).toEqual([]);
    // Nor does anything outside, once the grace is over and whoever deletes has said so.
    world.replica.timeMs += 48 * 60 * 60 * 1000;
    for (let round = 0; round < 40; round++) world.collect();
    const outside = world.blobs().filter(({ searchStoreId }) => searchStoreId !== 0n);
    expect(outside).toEqual([]);
    expect(world.blobs().every(({ state }) => state === BlobState.DELETING)).toBe(true);
    expect(await world.replica.violations()).toEqual([]);
  });
});

describe("refusals", () => {
  function begin(): Replica {
    const replica = readyReplica(new Replica());
    replica.run(createNamespace("a"));
    return replica;
  }

  test("a repeated batch has the first one's answer, another one with its key is refused, and a day later it is new", () => {
    const replica = begin();
    const frame = (request: number) => ({
      upserts: 3n,
      idempotencyHash: new Uint8Array(32).fill(1),
      requestHash: new Uint8Array(32).fill(request),
    });
    const write = (blob: number, request: number) => {
      const { result } = replica.run(commitBatch(1, blob, [frame(request)]));
      return result.case === "batchCommitted" ? result.value.outcomes[0] : undefined;
    };
    expect(write(1000, 1)).toMatchObject({ version: 1n, upserted: 3n, repeated: false });
    expect(write(1001, 1)).toMatchObject({ version: 1n, upserted: 3n, repeated: true });
    expect(write(1002, 2)?.refusal).toBeDefined();
    replica.timeMs += 24 * 60 * 60 * 1000;
    expect(write(1003, 2)).toMatchObject({ version: 2n, repeated: false });
  });

  test("an idempotency key is forgotten before its time only while there are more than the trim allows", () => {
    const replica = begin();
    const hash = (key: number) => new Uint8Array(32).fill(key);
    const write = (key: number) => {
      const frame = { upserts: 1n, idempotencyHash: hash(key), requestHash: hash(key) };
      const { result } = replica.run(commitBatch(1, replica.state.appliedIndex + 1000, [frame]));
      return result.case === "batchCommitted" && result.value.outcomes[0]?.repeated === true;
    };
    for (const key of [1, 2, 3, 4]) write(key);
    const idempotencyHashes = [1, 2, 3].map(hash);
    replica.run(trimNamespace(1, { idempotencyHashes }));
    expect([1, 2, 3, 4].map(write)).toEqual([true, true, true, true]);
    replica.run(trimNamespace(1, { idempotencyHashes, rememberedAtMost: 2n }));
    expect([3, 4, 1, 2].map(write)).toEqual([true, true, false, false]);
  });

  test("work is done by whoever has the lease, until it is over", () => {
    const replica = begin();
    const other = { token: id(8), nodeId: 2n };
    expect(outcome(replica.run(leaseWork(1)))).toBe("namespaceWorkLeased");
    expect(outcome(replica.run(leaseWork(1, other)))).toBe("NAMESPACE_LEASED");
    expect(outcome(replica.run(commitIndex(1, { leaseToken: other.token })))).toBe("NAMESPACE_LEASED");
    replica.timeMs += 60_000;
    expect(outcome(replica.run(commitIndex(1, { leaseToken: TOKEN })))).toBe("NAMESPACE_LEASED");
    expect(outcome(replica.run(leaseWork(1, other)))).toBe("namespaceWorkLeased");
    expect(outcome(replica.run(leaseWork(1, { ...other, durationMs: 0n })))).toBe("namespaceWorkLeased");
    expect(outcome(replica.run(leaseWork(1)))).toBe("namespaceWorkLeased");
  });

  test("batches are indexed in their order, and a branch of the present has all of its rows", () => {
    const replica = begin();
    replica.run(commitBatch(1, 1000));
    replica.run(commitBatch(1, 1001));
    replica.run(leaseWork(1));
    const second = commitIndex(1, { removed: [{ kind: ManifestKind.BATCH, number: 2n }] });
    expect(outcome(replica.run(second))).toBe("MANIFEST_CHANGED");
    const rows = [{ kind: ManifestKind.BATCH, number: 2n }];
    const part = branchNamespace(1, "b", { revision: 3n, version: 2n, rows });
    expect(outcome(replica.run(part))).toBe("MANIFEST_CHANGED");
  });

  test("a quota stops what would go beyond it", () => {
    const replica = begin();
    const quota = { org: "org", project: "", maxNamespaces: 1n, maxBytes: 0n, maxDocuments: 2n };
    replica.run({ case: "setSearchQuota", value: { $typeName: "skerry.meta.v1.SetSearchQuota", ...quota } });
    expect(outcome(replica.run(createNamespace("b")))).toBe("SEARCH_QUOTA");
    expect(outcome(replica.run(commitBatch(1, 1000, [{ upserts: 3n }])))).toBe("SEARCH_QUOTA");
    expect(outcome(replica.run(commitBatch(1, 1001, [{ upserts: 2n }])))).toBe("batchCommitted");
  });

  test.each(["", "A", "a/b", "-a", "a.b", "x".repeat(64)])("a namespace is not called %j", (name) => {
    expect(outcome(begin().run(createNamespace(name)))).toBe("INVALID");
  });
});
