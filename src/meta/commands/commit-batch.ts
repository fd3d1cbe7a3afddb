import { create } from "@bufbuild/protobuf";
import { equalBytes } from "../../base/index.ts";
import {
  type BatchFrame,
  type CommandResult,
  CommandResultSchema,
  type CommitBatch,
  type FrameOutcome,
  FrameOutcomeSchema,
  type Refusal,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  ManifestKind,
  type ManifestRow,
  ManifestRowSchema,
  type NamespaceRow,
  type RememberedBatchRow,
  RememberedBatchRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "../apply-state.ts";
import { isRefusal } from "../heads.ts";
import { rememberedBatchKey } from "../keys.ts";
import {
  BLAKE3_BYTES,
  MAX_BATCH_FRAMES,
  MAX_LIVE_BATCHES,
  MAX_REMEMBERED_BATCHES,
  REMEMBER_BATCH_MS,
} from "../limits.ts";
import { acceptManifest } from "../manifest.ts";
import { ManifestChanges } from "../namespace-manifest.ts";
import { checkQuota, findNamespace, replaceNamespace, totalsOf } from "../namespaces.ts";
import { refusal, refusedWith } from "../result.ts";

/**
 * Frames of one blob, each a batch of a writer. A frame whose version is not as expected, or that was committed before, does not count; the others
 * get the next versions. When none counts, nothing is written and the blob is nobody's.
 */
export function commitBatch(state: ApplyState, command: CommitBatch): CommandResult {
  const namespace = findNamespace(state, command.namespaceId);
  if (isRefusal(namespace)) return refusedWith(namespace);
  const problem = checkBatch(state, namespace, command);
  if (problem !== undefined) return refusedWith(problem);
  const { blob } = command;
  if (blob === undefined) return refusedWith(refusal(RefusalCode.BLOB_INVALID, "a batch has a blob"));
  const slices = [
    { $typeName: "skerry.meta.v1.BlobSlice" as const, blobId: blob.blobId, offset: 0n, length: blob.size },
  ];
  const accepted = acceptManifest(state, { blobs: [blob], slices, size: blob.size });
  if (accepted.kind === "refused") return refusedWith(accepted.refusal);

  const decided = new DecidedFrames(state, namespace, command.frames);
  if (decided.version > namespace.version) {
    const row = rowOf(state, namespace, command, decided.outcomes);
    const changes = new ManifestChanges(state, namespace);
    changes.addNew(row, accepted.blobs);
    const next = {
      ...namespace,
      version: decided.version,
      revision: namespace.revision + 1n,
      updatedAtMs: state.nowMs,
      remembered: namespace.remembered + decided.remember(),
      totals: changes.settle(),
      unindexedSinceMs: namespace.unindexedSinceMs === 0n ? state.nowMs : namespace.unindexedSinceMs,
    };
    replaceNamespace(state, namespace, next);
  }
  return create(CommandResultSchema, {
    result: {
      case: "batchCommitted",
      value: { outcomes: decided.outcomes, version: decided.version, committedAtMs: state.nowMs },
    },
  });
}

function checkBatch(state: ApplyState, namespace: NamespaceRow, command: CommitBatch): Refusal | undefined {
  const { frames, blob } = command;
  if (frames.length === 0 || frames.length > MAX_BATCH_FRAMES)
    return refusal(RefusalCode.INVALID, "the number of frames");
  for (const { idempotencyHash, requestHash } of frames) {
    const isHash = idempotencyHash.length === BLAKE3_BYTES && requestHash.length === BLAKE3_BYTES;
    if (idempotencyHash.length > 0 && !isHash) return refusal(RefusalCode.INVALID, "a hash has 32 bytes");
  }
  if (totalsOf(namespace).batches >= MAX_LIVE_BATCHES)
    return refusal(RefusalCode.MANIFEST_FULL, "batches that are not indexed");
  const keyed = BigInt(frames.filter(({ idempotencyHash }) => idempotencyHash.length > 0).length);
  if (keyed > 0n && namespace.remembered + keyed > MAX_REMEMBERED_BATCHES)
    return refusal(RefusalCode.MANIFEST_FULL, "idempotency keys");
  const documents = frames.reduce((sum, frame) => sum + frame.upserts, 0n);
  return checkQuota(state, namespace, { namespaces: 0n, bytes: blob?.size ?? 0n, documents });
}

class DecidedFrames {
  readonly outcomes: FrameOutcome[] = [];
  /** Of the namespace, behind all frames. */
  version: bigint;
  readonly #state: ApplyState;
  readonly #namespace: NamespaceRow;
  /** Rows to write, by their keys. */
  readonly #remembered = new Map<string, RememberedBatchRow>();

  constructor(state: ApplyState, namespace: NamespaceRow, frames: readonly BatchFrame[]) {
    this.#state = state;
    this.#namespace = namespace;
    this.version = namespace.version;
    for (const frame of frames) this.outcomes.push(this.#decide(frame));
  }

  /** Writes what is remembered; gives how many rows there are more. */
  remember(): bigint {
    let added = 0n;
    for (const [key, row] of this.#remembered) {
      if (!this.#state.has(key)) added++;
      this.#state.write(key, RememberedBatchRowSchema, row);
    }
    return added;
  }

  #decide(frame: BatchFrame): FrameOutcome {
    const { idempotencyHash, expectedVersion } = frame;
    const key =
      idempotencyHash.length === 0
        ? undefined
        : rememberedBatchKey(this.#namespace.namespaceId, idempotencyHash);
    const known = key === undefined ? undefined : this.#known(key);
    if (known !== undefined) return repeatedOutcome(known, frame);
    if (expectedVersion !== undefined && expectedVersion !== this.version) {
      return create(FrameOutcomeSchema, {
        refusal: refusal(RefusalCode.NAMESPACE_VERSION, `it is at ${this.version}`),
      });
    }
    this.version++;
    const { upserts: upserted, patches: patched, deletes: deleted } = frame;
    const answer = { version: this.version, upserted, patched, deleted };
    if (key !== undefined) {
      this.#remembered.set(
        key,
        create(RememberedBatchRowSchema, {
          ...answer,
          requestHash: frame.requestHash,
          committedAtMs: this.#state.nowMs,
        }),
      );
    }
    return create(FrameOutcomeSchema, answer);
  }

  #known(key: string): RememberedBatchRow | undefined {
    const row = this.#remembered.get(key) ?? this.#state.read(key, RememberedBatchRowSchema);
    return row !== undefined && row.committedAtMs + REMEMBER_BATCH_MS > this.#state.nowMs ? row : undefined;
  }
}

function repeatedOutcome(known: RememberedBatchRow, frame: BatchFrame): FrameOutcome {
  if (!equalBytes(known.requestHash, frame.requestHash)) {
    const detail = `by the batch of version ${known.version}`;
    return create(FrameOutcomeSchema, { refusal: refusal(RefusalCode.IDEMPOTENCY_CONFLICT, detail) });
  }
  const { version, upserted, patched, deleted } = known;
  return create(FrameOutcomeSchema, { version, upserted, patched, deleted, repeated: true });
}

function rowOf(
  state: ApplyState,
  namespace: NamespaceRow,
  command: CommitBatch,
  outcomes: readonly FrameOutcome[],
): ManifestRow {
  const counts = outcomes.map(({ refusal: refused, repeated }) => refused === undefined && !repeated);
  const frames = command.frames.filter((_, at) => counts[at]);
  const frameVersions = outcomes.map(({ version }, at) => (counts[at] === true ? version : 0n));
  return create(ManifestRowSchema, {
    kind: ManifestKind.BATCH,
    number: frameVersions.reduce((last, version) => (version > last ? version : last), 0n),
    addedRevision: namespace.revision + 1n,
    addedAtMs: state.nowMs,
    blobId: command.blob!.blobId,
    size: command.blob!.size,
    detail: {
      case: "batch",
      value: {
        firstVersion: namespace.version + 1n,
        frameVersions,
        upserts: frames.reduce((sum, { upserts, patches }) => sum + upserts + patches, 0n),
        deletes: frames.reduce((sum, { deletes }) => sum + deletes, 0n),
      },
    },
  });
}
