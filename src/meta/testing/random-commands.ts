/** Draws commands for the model test: each with what the model says about it. */

import { create } from "@bufbuild/protobuf";
import { concatBytes, fromHex, type Prng, toHex } from "../../base/index.ts";
import {
  AbortUploadSchema,
  AcknowledgeDiscardSchema,
  AcknowledgeMaintenanceSchema,
  AcknowledgeUnlinkSchema,
  BeginBlobDeleteSchema,
  ChangeIdentitiesSchema,
  CommitObjectSchema,
  CommitPartSchema,
  CompleteUploadSchema,
  CopyObjectSchema,
  CreateUploadSchema,
  DeleteBucketConfigurationSchema,
  DeleteBucketSchema,
  DeleteObjectsSchema,
  DropCopiesSchema,
  ExpirationTarget_Kind,
  ExpireObjectsSchema,
  type NewBlob,
  PutBucketConfigurationSchema,
  PutWorkerCursorSchema,
  RecordCopiesSchema,
  RehomeBlobsSchema,
  RenameObjectSchema,
  ReportLostSchema,
  SetBucketVersioningSchema,
  SetMaintenanceSchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { VersioningState, WorkerCursorRow_Worker } from "../../gen/skerry/meta/v1/rows_pb.js";
import { isClientWrite } from "../client-writes.ts";
import type { CommandBody } from "../ports.ts";
import { chunkedBlob, createBucket, etag, id, inlineBlob, slice } from "./commands.ts";
import { testHasher } from "./harness.ts";
import {
  currentOf,
  type Model,
  type ModelBlob,
  type ModelBucket,
  type ModelConditions,
  type ModelExpiration,
  type ModelSlice,
  type ModelSource,
  type ModelTarget,
  type ModelUpload,
  type ModelVersion,
  type ModelWrap,
  TAGGED,
} from "./model.ts";
import { changeObject, tagsOf } from "./random-changes.ts";
import {
  drawWrap,
  encryptionOf,
  FRAME_TAG_BYTES,
  type RingDraws,
  removeRingVersion,
  rewrap,
  rotateRing,
  saltOf,
} from "./random-rings.ts";

export interface DrawnCommand {
  readonly body: CommandBody;
  /** Applies the command to the model and gives the outcome that it expects. */
  expected(): string;
}

const BUCKETS = ["bucket-a", "bucket-b"];
const IDENTITIES = ["i/a", "i/b", "i/c"];
const EXPIRATION_KINDS = {
  current: ExpirationTarget_Kind.CURRENT,
  noncurrent: ExpirationTarget_Kind.NONCURRENT,
  marker: ExpirationTarget_Kind.MARKER,
  upload: ExpirationTarget_Kind.UPLOAD,
} as const;
const KEYS = ["a", "a/b", "a\u0000b", "\u{10000}", "\uffff", "z"];

/** Of what is written, how much is encrypted. */
const ENCRYPTED = 0.5;

export class CommandDrawer {
  readonly #prng: Prng;
  readonly #model: Model;
  #nextId = 1;

  readonly #rings: RingDraws;

  constructor(prng: Prng, model: Model) {
    this.#prng = prng;
    this.#model = model;
    this.#rings = { prng, model, nextId: () => this.#nextId++ };
  }

  /** While the cluster is quiesced, whatever a client wants to change is refused. */
  draw(): DrawnCommand {
    const { body, expected } = this.#draw();
    const isRefused = () => this.#model.maintenance.state === "quiesced" && isClientWrite(body.case);
    return { body, expected: () => (isRefused() ? "MAINTENANCE" : expected()) };
  }

  #draw(): DrawnCommand {
    if (this.#model.maintenance.state === "quiesced" && this.#prng.chance(0.15))
      return this.#setMaintenance();
    const draws: readonly [number, () => DrawnCommand][] = [
      [3, () => this.#createBucket()],
      [1, () => this.#deleteBucket()],
      [3, () => this.#configure()],
      [1, () => this.#setVersioning()],
      [12, () => this.#commit()],
      [6, () => this.#delete()],
      [6, () => this.#expire()],
      [8, () => this.#change()],
      [3, () => this.#putCursor()],
      [6, () => this.#copy()],
      [5, () => this.#rename()],
      [4, () => this.#createUpload()],
      [8, () => this.#commitPart()],
      [4, () => this.#copyPart()],
      [5, () => this.#complete()],
      [1, () => this.#abort()],
      [5, () => this.#beginDelete()],
      [6, () => this.#acknowledge()],
      [5, () => this.#recordCopies()],
      [4, () => this.#reportLost()],
      [3, () => this.#rehome()],
      [5, () => this.#dropCopies()],
      [5, () => this.#acknowledgeDiscard()],
      [4, () => this.#changeIdentities()],
      [4, () => this.#setMaintenance()],
      [3, () => this.#acknowledgeMaintenance()],
      [5, () => rotateRing(this.#rings)],
      [3, () => removeRingVersion(this.#rings)],
      [6, () => rewrap(this.#rings, this.#prng.pick(BUCKETS))],
    ];
    let at = this.#prng.below(draws.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, draw] of draws) {
      if (at < weight) return draw();
      at -= weight;
    }
    throw new Error("the weights add up");
  }

  #createBucket(): DrawnCommand {
    const name = this.#prng.pick(BUCKETS);
    return { body: createBucket(name), expected: () => this.#model.createBucket(name) };
  }

  /** Mostly off, and not for long on, so that most of a run changes something. */
  #setMaintenance(): DrawnCommand {
    const on = this.#prng.chance(this.#model.maintenance.state === "off" ? 0.5 : 0.1);
    const epoch = this.#model.maintenance.epoch + (this.#prng.chance(0.1) ? 1 : 0);
    const nodes = this.#prng.shuffle([1, 2]).slice(0, this.#prng.between(0, 2));
    const force = this.#prng.chance(0.2);
    const value = create(SetMaintenanceSchema, {
      expectedEpoch: BigInt(epoch),
      on,
      force,
      nodeIds: nodes.map(BigInt),
    });
    return {
      body: { case: "setMaintenance", value },
      expected: () => this.#model.setMaintenance(epoch, on, force ? [] : nodes),
    };
  }

  #acknowledgeMaintenance(): DrawnCommand {
    const nodeId = this.#prng.between(1, 2);
    const epoch = this.#model.maintenance.epoch - (this.#prng.chance(0.1) ? 1 : 0);
    const value = create(AcknowledgeMaintenanceSchema, {
      nodeId: BigInt(nodeId),
      epoch: BigInt(Math.max(0, epoch)),
    });
    return {
      body: { case: "acknowledgeMaintenance", value },
      expected: () => this.#model.acknowledgeMaintenance(nodeId, Math.max(0, epoch)),
    };
  }

  /** Mostly with the revisions that the rows have. */
  #changeIdentities(): DrawnCommand {
    const names = this.#prng.shuffle([...IDENTITIES]).slice(0, this.#prng.between(1, 2));
    const changes = names.map((name) => ({
      name,
      expected: this.#prng.chance(0.1) ? 999_999 : (this.#model.identities.get(name) ?? 0),
      present: this.#prng.chance(0.7),
    }));
    const value = create(ChangeIdentitiesSchema, {
      changes: changes.map(({ name, expected, present }) => ({
        name,
        expectedRevision: BigInt(expected),
        ...(present && { row: { name, record: { case: "policy" as const, value: { name } } } }),
      })),
    });
    return {
      body: { case: "changeIdentities", value },
      expected: () => this.#model.changeIdentities(changes),
    };
  }

  #deleteBucket(): DrawnCommand {
    const name = this.#prng.pick(BUCKETS);
    const body: CommandBody = { case: "deleteBucket", value: create(DeleteBucketSchema, { name }) };
    return { body, expected: () => this.#model.deleteBucket(name) };
  }

  #configure(): DrawnCommand {
    const [bucket, kind] = [this.#prng.pick(BUCKETS), this.#prng.between(1, 3)];
    if (this.#prng.chance(0.4)) {
      const value = create(DeleteBucketConfigurationSchema, { bucket, kind });
      return {
        body: { case: "deleteBucketConfiguration", value },
        expected: () => this.#model.configure(bucket, kind, undefined),
      };
    }
    const document = `document ${this.#nextId++}`;
    const configuration = { kind, format: 1, document: new TextEncoder().encode(document) };
    const value = create(PutBucketConfigurationSchema, { bucket, configuration });
    return {
      body: { case: "putBucketConfiguration", value },
      expected: () => this.#model.configure(bucket, kind, document),
    };
  }

  #commit(): DrawnCommand {
    const [bucket, key] = [this.#prng.pick(BUCKETS), this.#prng.pick(KEYS)];
    // Another node's clock may be behind: its ids are not greater than those that are there.
    const version = this.#prng.chance(0.1) ? this.#prng.between(1, this.#nextId) : this.#nextId++;
    const content = this.#content();
    const conditions = this.#conditions(bucket, key);
    const wrap = this.#prng.chance(ENCRYPTED) ? drawWrap(this.#rings) : undefined;
    const tagBytes = tagBytesOf(wrap, content.size);
    const value = create(CommitObjectSchema, {
      bucket,
      key,
      versionId: id(version),
      size: BigInt(content.size - tagBytes),
      ...encryptionOf(wrap, true),
      etag: etag(version),
      blobs: content.newBlobs,
      slices: content.slices.map(toSlice),
      preconditions: {
        ifMatch: conditions.ifMatch === undefined ? [] : [conditions.ifMatch],
        ifNoneMatch: conditions.ifNoneMatch === undefined ? [] : [conditions.ifNoneMatch],
      },
    });
    return {
      body: { case: "commitObject", value },
      expected: () => {
        const object = {
          version,
          etag: etag(version),
          slices: content.slices,
          modifiedMs: this.#model.nowMs,
          wrap,
          tagBytes,
        };
        return this.#model.commit(bucket, key, object, content.blobs(), conditions);
      },
    };
  }

  #conditions(bucket: string, key: string): ModelConditions {
    const known = this.#model.buckets.get(bucket);
    const current = (known && currentOf(known, key)?.etag) ?? etag(0);
    const candidates: readonly ModelConditions[] = [
      { ifMatch: current },
      { ifMatch: etag(999_999) },
      { ifMatch: "*" },
      { ifNoneMatch: current },
      { ifNoneMatch: "*" },
    ];
    return this.#prng.chance(0.5) ? {} : this.#prng.pick(candidates);
  }

  #setVersioning(): DrawnCommand {
    const [bucket, versioning] = [
      this.#prng.pick(BUCKETS),
      this.#prng.pick(["enabled", "suspended"] as const),
    ];
    const state = versioning === "enabled" ? VersioningState.ENABLED : VersioningState.SUSPENDED;
    const value = create(SetBucketVersioningSchema, { bucket, versioning: state });
    return {
      body: { case: "setBucketVersioning", value },
      expected: () => this.#model.setVersioning(bucket, versioning),
    };
  }

  #delete(): DrawnCommand {
    const [bucket, markerId] = [this.#prng.pick(BUCKETS), this.#nextId++];
    const targets = Array.from({ length: this.#prng.between(1, 3) }, () => this.#target(bucket));
    const value = create(DeleteObjectsSchema, {
      bucket,
      markerId: id(markerId),
      targets: targets.map(({ key, version }) => ({ key, ...selectorOf(version) })),
    });
    return {
      body: { case: "deleteObjects", value },
      expected: () => this.#model.delete(bucket, targets, markerId),
    };
  }

  #change(): DrawnCommand {
    const bucket = this.#prng.pick(BUCKETS);
    return changeObject(this.#prng, this.#model, bucket, this.#target(bucket));
  }

  /** A key as a whole, one of its versions, its null version, or a version that never was. */
  #target(bucket: string): ModelTarget {
    const key = this.#prng.pick(KEYS);
    const known = this.#model.buckets.get(bucket)?.keys.get(key) ?? [];
    const kind = this.#prng.pick(["whole", "version", "version", "null", "unknown"]);
    if (kind === "version" && known.length > 0) return { key, version: this.#prng.pick(known).version };
    return { key, version: kind === "null" ? "null" : kind === "unknown" ? 999_999 : undefined };
  }

  /** Mostly what is there, under the rules that are there, and due. */
  #expire(): DrawnCommand {
    const [bucket, markerId] = [this.#prng.pick(BUCKETS), this.#nextId++];
    const known = this.#model.buckets.get(bucket);
    const rules = this.#prng.chance(0.1) ? 999_999 : (known?.rulesRevision ?? 0);
    const targets = Array.from({ length: this.#prng.between(1, 4) }, () => this.#expiration(known));
    const value = create(ExpireObjectsSchema, {
      bucket,
      rulesRevision: BigInt(rules),
      markerId: id(markerId),
      targets: targets.map((target) => ({
        kind: EXPIRATION_KINDS[target.kind],
        key: target.key,
        versionId: id(target.version),
        dueAtMs: BigInt(target.dueAtMs),
        noncurrentSinceMs: BigInt(target.noncurrentSinceMs),
        newerNoncurrentVersions: target.newer,
        tags: tagsOf(target.tagged ? TAGGED : undefined),
      })),
    });
    return {
      body: { case: "expireObjects", value },
      expected: () => this.#model.expire(bucket, rules, targets, markerId),
    };
  }

  #expiration(bucket: ModelBucket | undefined): ModelExpiration {
    const [kind, key] = [
      this.#prng.pick(["current", "noncurrent", "noncurrent", "marker", "upload"] as const),
      this.#prng.pick(KEYS),
    ];
    const more = {
      dueAtMs: this.#model.nowMs + (this.#prng.chance(0.1) ? 1 : 0),
      newer: this.#prng.pick([0, 0, 1, 2]),
      tagged: this.#prng.chance(0.3),
    };
    if (kind === "upload") {
      const uploads = [...(bucket?.uploads.values() ?? [])];
      const upload = uploads.length === 0 ? { key, id: 999_999 } : this.#prng.pick(uploads);
      return { kind, key: upload.key, version: upload.id, noncurrentSinceMs: 0, ...more };
    }
    const versions = bucket?.keys.get(key) ?? [];
    const version = versions.length === 0 ? undefined : this.#prng.pick(versions);
    const since = (version?.noncurrentSinceMs ?? 0) + (this.#prng.chance(0.1) ? 1 : 0);
    return { kind, key, version: version?.version ?? 999_999, noncurrentSinceMs: since, ...more };
  }

  #putCursor(): DrawnCommand {
    const cursor = this.#nextId++;
    const expectedRevision = this.#prng.chance(0.2) ? 999_999 : (this.#model.cursor?.revision ?? 0);
    const value = create(PutWorkerCursorSchema, {
      worker: WorkerCursorRow_Worker.LIFECYCLE,
      expectedRevision: BigInt(expectedRevision),
      cursor: id(cursor),
    });
    return {
      body: { case: "putWorkerCursor", value },
      expected: () => this.#model.putCursor(expectedRevision, cursor),
    };
  }

  #copy(): DrawnCommand {
    const source = this.#source();
    const [bucket, key, version] = [this.#prng.pick(BUCKETS), this.#prng.pick(KEYS), this.#nextId++];
    const from = this.#versionOf(source);
    const isEncrypted = (from?.wrap !== undefined) !== this.#prng.chance(0.1);
    const wrap = isEncrypted ? drawWrap(this.#rings) : undefined;
    const salted = (from?.multipart === true) === this.#prng.chance(0.1);
    const value = create(CopyObjectSchema, {
      ...encryptionOf(wrap, salted),
      sourceBucket: source.bucket,
      sourceKey: source.key,
      sourceVersionId: id(source.version),
      bucket,
      key,
      versionId: id(version),
    });
    return {
      body: { case: "copyObject", value },
      expected: () => this.#model.copy(source, bucket, key, { version, wrap, salted }),
    };
  }

  /** Mostly a version of something, sometimes one that is not. */
  #source(): ModelSource {
    const [bucket, key] = [this.#prng.pick(BUCKETS), this.#prng.pick(KEYS)];
    const versions = this.#model.buckets.get(bucket)?.keys.get(key) ?? [];
    if (versions.length === 0 || this.#prng.chance(0.1)) return { bucket, key, version: 999_999 };
    return { bucket, key, version: this.#prng.pick(versions).version };
  }

  #versionOf(source: ModelSource): ModelVersion | undefined {
    const versions = this.#model.buckets.get(source.bucket)?.keys.get(source.key) ?? [];
    return versions.find(({ version }) => version === source.version);
  }

  #rename(): DrawnCommand {
    const [bucket, from, to] = [
      this.#prng.pick(BUCKETS),
      this.#prng.pick(KEYS),
      this.#prng.pick(KEYS),
    ] as const;
    const [version, markerId] = [this.#nextId++, this.#nextId++];
    const value = create(RenameObjectSchema, {
      bucket,
      sourceKey: from,
      key: to,
      versionId: id(version),
      markerId: id(markerId),
    });
    return {
      body: { case: "renameObject", value },
      expected: () => this.#model.rename(bucket, from, to, version, markerId),
    };
  }

  #createUpload(): DrawnCommand {
    const [bucket, key, upload] = [this.#prng.pick(BUCKETS), this.#prng.pick(KEYS), this.#nextId++];
    const wrap = this.#prng.chance(ENCRYPTED) ? drawWrap(this.#rings) : undefined;
    const value = create(CreateUploadSchema, {
      bucket,
      key,
      uploadId: id(upload),
      ...encryptionOf(wrap, false),
    });
    return {
      body: { case: "createUpload", value },
      expected: () => this.#model.createUpload(bucket, key, upload, wrap),
    };
  }

  #commitPart(): DrawnCommand {
    const address = this.#upload();
    const [partNumber, digest, content] = [this.#prng.between(1, 20), etag(this.#nextId++), this.#content()];
    const wrap = this.#openUpload(address.upload)?.wrap;
    const tagBytes = tagBytesOf(wrap, content.size);
    const value = create(CommitPartSchema, {
      bucket: address.bucket,
      key: address.key,
      uploadId: id(address.upload),
      partNumber,
      size: BigInt(content.size - tagBytes),
      ...saltOf(wrap),
      etag: digest,
      blobs: content.newBlobs,
      slices: content.slices.map(toSlice),
    });
    return {
      body: { case: "commitPart", value },
      expected: () =>
        this.#model.commitPart(
          address,
          partNumber,
          { etag: digest, slices: content.slices, tagBytes },
          content.blobs(),
        ),
    };
  }

  #copyPart(): DrawnCommand {
    const [address, source] = [this.#upload(), this.#source()];
    const from = this.#versionOf(source)?.slices ?? [];
    // Every slice of the source, each without its first byte where it has more than one.
    const slices = from.map(({ blob, offset, length }) =>
      length > 1 ? { blob, offset: offset + 1, length: length - 1 } : { blob, offset, length },
    );
    const [partNumber, digest] = [this.#prng.between(1, 20), etag(this.#nextId++)];
    const value = create(CommitPartSchema, {
      bucket: address.bucket,
      key: address.key,
      uploadId: id(address.upload),
      partNumber,
      size: BigInt(slices.reduce((sum, { length }) => sum + length, 0)),
      etag: digest,
      slices: slices.map(toSlice),
      sourceBucket: source.bucket,
      sourceKey: source.key,
      sourceVersionId: id(source.version),
    });
    return {
      body: { case: "commitPart", value },
      expected: () => this.#model.copyPart(address, partNumber, { etag: digest, slices }, source),
    };
  }

  #complete(): DrawnCommand {
    const address = this.#upload();
    const known = this.#openUpload(address.upload)?.parts ?? new Map();
    const partNumbers = [...known.keys()].sort((a, b) => a - b).filter(() => this.#prng.chance(0.8));
    if (this.#prng.chance(0.1)) partNumbers.push(21);
    const digests = partNumbers.map((partNumber) => known.get(partNumber)?.etag ?? etag(0));
    const md5 = testHasher.md5(concatBytes(digests.map((digest) => fromHex(digest)!)));
    const [version, whole] = [this.#nextId++, `${toHex(md5)}-${digests.length}`];
    // A repeated completion comes with the ETag of the first one.
    const wanted = this.#model.completed.get(address.upload)?.etag ?? whole;
    const value = create(CompleteUploadSchema, {
      bucket: address.bucket,
      key: address.key,
      uploadId: id(address.upload),
      parts: partNumbers.map((partNumber, at) => ({ partNumber, etag: digests[at]! })),
      versionId: id(version),
      etag: wanted,
    });
    return {
      body: { case: "completeUpload", value },
      expected: () => this.#model.complete(address, partNumbers, version, wanted),
    };
  }

  #abort(): DrawnCommand {
    const address = this.#upload();
    const value = create(AbortUploadSchema, {
      bucket: address.bucket,
      key: address.key,
      uploadId: id(address.upload),
    });
    return { body: { case: "abortUpload", value }, expected: () => this.#model.abort(address) };
  }

  #beginDelete(): DrawnCommand {
    const ids = this.#blobIds();
    const value = create(BeginBlobDeleteSchema, { blobIds: ids.map(id) });
    return { body: { case: "beginBlobDelete", value }, expected: () => this.#model.beginDelete(ids) };
  }

  #acknowledge(): DrawnCommand {
    const [nodeId, ids] = [this.#nodeId(), this.#blobIds()];
    const value = create(AcknowledgeUnlinkSchema, { nodeId: BigInt(nodeId), blobIds: ids.map(id) });
    return {
      body: { case: "acknowledgeUnlink", value },
      expected: () => this.#model.acknowledge(nodeId, ids),
    };
  }

  #recordCopies(): DrawnCommand {
    const [nodeId, ids] = [this.#nodeId(), this.#blobIds()];
    const chunks = [{ index: 0, blake3: new Uint8Array(32).fill(9) }];
    const seen = this.#prng.pick([0, 0, 1]);
    const blobs = ids.map((blob) => ({ blobId: id(blob), chunks, seenDiscards: BigInt(seen) }));
    const value = create(RecordCopiesSchema, { nodeId: BigInt(nodeId), blobs });
    return {
      body: { case: "recordCopies", value },
      expected: () => this.#model.recordCopies(nodeId, ids, seen),
    };
  }

  #reportLost(): DrawnCommand {
    const [nodeId, ids] = [this.#nodeId(), this.#blobIds()];
    const chunkIndexes = this.#prng.chance(0.5) ? [0] : [];
    const blobs = ids.map((blob) => ({ blobId: id(blob), chunkIndexes }));
    const value = create(ReportLostSchema, { nodeId: BigInt(nodeId), blobs });
    return { body: { case: "reportLost", value }, expected: () => this.#model.reportLost(nodeId, ids) };
  }

  #rehome(): DrawnCommand {
    const [ids, from, to] = [this.#blobIds(), this.#prng.between(1, 2), this.#prng.between(1, 3)];
    const blobs = ids.map((blob) => ({
      blobId: id(blob),
      fromCopysetId: BigInt(from),
      toCopysetId: BigInt(to),
    }));
    const value = create(RehomeBlobsSchema, { blobs });
    return { body: { case: "rehomeBlobs", value }, expected: () => this.#model.rehome(ids, from, to) };
  }

  #dropCopies(): DrawnCommand {
    const [nodeId, ids] = [this.#nodeId(), this.#blobIds()];
    const copies = ids.map((blob) => ({ blobId: id(blob), nodeId: BigInt(nodeId) }));
    const value = create(DropCopiesSchema, { copies });
    return { body: { case: "dropCopies", value }, expected: () => this.#model.dropCopies(nodeId, ids) };
  }

  #acknowledgeDiscard(): DrawnCommand {
    const [nodeId, ids] = [this.#nodeId(), this.#blobIds()];
    const value = create(AcknowledgeDiscardSchema, { nodeId: BigInt(nodeId), blobIds: ids.map(id) });
    return {
      body: { case: "acknowledgeDiscard", value },
      expected: () => this.#model.acknowledgeDiscard(nodeId, ids),
    };
  }

  #nodeId(): number {
    return this.#prng.between(1, 5);
  }

  /** Some of the blobs there are, in whatever state, and one that never was. */
  #blobIds(): number[] {
    return [...this.#prng.shuffle([...this.#model.blobs.keys()]).slice(0, 5), 999_999];
  }

  /** Mostly an upload that is open or was completed, sometimes one that never was. */
  #upload(): { bucket: string; key: string; upload: number } {
    const open = [...this.#model.buckets].flatMap(([bucket, { uploads }]) =>
      Array.from(uploads.values(), ({ id: upload, key }) => ({ bucket, key, upload })),
    );
    const done = Array.from(this.#model.completed, ([upload, { bucket, key }]) => ({
      bucket,
      key,
      upload,
    })).slice(-2);
    const all = [...open, ...open, ...open, ...done, { bucket: "bucket-a", key: "a", upload: 999_999 }];
    return this.#prng.pick(all);
  }

  #openUpload(upload: number): ModelUpload | undefined {
    for (const { uploads } of this.#model.buckets.values()) {
      const found = uploads.get(upload);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** New bytes: none, inline, or one or two chunked blobs. */
  #content() {
    const kind = this.#prng.pick(["none", "inline", "chunked", "chunked", "two"]);
    const count = kind === "none" ? 0 : kind === "two" ? 2 : 1;
    const drawn = Array.from({ length: count }, () => ({
      blob: this.#nextId++,
      size: this.#prng.between(1 + FRAME_TAG_BYTES, 50),
      isInline: kind === "inline",
      copies: this.#prng.pick([2, 3, 3]),
    }));
    const newBlobs: NewBlob[] = drawn.map(({ blob, size, isInline, copies }) =>
      isInline
        ? inlineBlob(id(blob), size)
        : chunkedBlob(id(blob), size, { holders: [1, 2, 3].slice(0, copies) }),
    );
    const slices: ModelSlice[] = drawn.map(({ blob, size }) => ({ blob, offset: 0, length: size }));
    const size = drawn.reduce((sum, blob) => sum + blob.size, 0);
    const blobs = (): Map<number, ModelBlob> =>
      new Map(
        drawn.map(({ blob, size, isInline, copies }) => [
          blob,
          {
            size,
            isInline,
            state: "live",
            sinceMs: this.#model.nowMs,
            holders: isInline ? [] : [1, 2, 3].slice(0, copies),
            home: 1,
            discards: 0,
          },
        ]),
      );
    return { newBlobs, slices, size, blobs };
  }
}

export function selectorOf(version: ModelTarget["version"]) {
  if (version === undefined) return {};
  if (version === "null") return { version: { version: { case: "nullVersion" as const, value: true } } };
  return { version: { version: { case: "versionId" as const, value: id(version) } } };
}

function tagBytesOf(wrap: ModelWrap | undefined, sizeBytes: number): number {
  return wrap === undefined || sizeBytes === 0 ? 0 : FRAME_TAG_BYTES;
}

function toSlice({ blob, offset, length }: ModelSlice) {
  return slice(id(blob), offset, length);
}
