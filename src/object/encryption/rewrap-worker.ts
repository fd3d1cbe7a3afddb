/**
 * After a key of the ring was rotated, the data keys that older versions wrap are wrapped by the newest, on the leader: passes over all buckets, one page of rows
 * a unit, at a rate. The apply compares each wrapping with the one that was opened, so nothing that clients do meanwhile is undone. A pass begins when an older
 * version is counted to wrap something, and ends when none is: what moved past the walk (a rename, a completed upload) is found by the next one.
 */

import { create } from "@bufbuild/protobuf";
import { AccessError } from "../../access/index.ts";
import type { Worker, WorkerProgress } from "../../background/index.ts";
import {
  type CommandResult,
  PutWorkerCursorSchema,
  RefusalCode,
  RewrapDataKeysSchema,
  type RewrappedDataKey,
  RewrappedDataKeySchema,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import { type BucketRow, WorkerCursorRow_Worker } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Metadata } from "../../meta/index.ts";
import type { Clock, Timers } from "../../platform/index.ts";
import { ObjectError } from "../errors.ts";
import { inSteps } from "../released-references.ts";
import { KeyRing, type KeyRingOptions } from "./key-ring.ts";
import { ObjectKeys } from "./object-keys.ts";
import { retiredUses } from "./retired-uses.ts";
import {
  decodeState,
  encodeState,
  NO_COUNTS,
  type RewrapCounts,
  type RewrapPass,
  type RewrapPosition,
  type RewrapState,
  type RewrapWork,
} from "./rewrap-cursor.ts";
import { beginningOf, REWRAP_PAGE_ROWS, type StoredDataKey, stepInside } from "./rewrap-walk.ts";

export interface RewrapOptions extends KeyRingOptions {
  readonly metadata: Metadata;
  readonly isLeader: () => boolean;
  readonly clock: Pick<Clock, "wallMs" | "monotonicMs">;
  readonly timers: Pick<Timers, "sleep">;
  /** Data keys that are wrapped anew in a second. */
  readonly keysPerSecond: number;
  /** Told after every step. */
  readonly onStep: (counts: RewrapCounts) => void;
}

const IDLE_MS = 5_000;
/** Between a pass that could do nothing but fail and the next one, while there is no more to do than it left. */
const FUTILE_PAUSE_MS = 10 * 60_000;
/** Buckets of which one unit looks whether there is anything in them. */
const BUCKET_PAGE_ROWS = 1_000;
/** Units after which the cursor is written. What was done since is looked at once more after a change of leader, and found done. */
const UNITS_PER_SAVE = 50;
const SUBMIT_TIMEOUT_MS = 30_000;

/** The bucket is another one now: the next pass looks again. */
const HAS_CHANGED: ReadonlySet<RefusalCode> = new Set([
  RefusalCode.BUCKET_UNKNOWN,
  RefusalCode.BUCKET_CHANGED,
]);

/** A worker for the runtime of `background`, on every node: it acts where the Raft leader is. */
export function rewrapWorker(options: RewrapOptions): Worker {
  return new RewrapWorker(options);
}

class RewrapWorker implements Worker {
  readonly name = "key-rewrap";
  readonly idleMs = IDLE_MS;
  readonly #options: RewrapOptions;
  readonly #keys: ObjectKeys;
  /** What the cursor's row says; undefined: to be read. */
  #saved: { readonly revision: bigint } | undefined;
  #state: RewrapState = { pass: undefined, last: undefined };
  #unitsSinceSave = 0;

  constructor(options: RewrapOptions) {
    this.#options = options;
    this.#keys = new ObjectKeys({ ring: new KeyRing(options), random: options.random });
  }

  /** Of the pass under way, or else of the last one. */
  progress(): WorkerProgress {
    const { rewrapped } = (this.#state.pass ?? this.#state.last)?.counts ?? NO_COUNTS;
    return { done: rewrapped, total: undefined, unit: "data keys" };
  }

  async runUnit(signal: AbortSignal): Promise<"more" | "idle"> {
    if (!this.#options.isLeader()) {
      this.#saved = undefined;
      return "idle";
    }
    if (this.#saved === undefined) await this.#load();
    const pass = this.#state.pass ?? (await this.#begin());
    if (pass === undefined) return "idle";
    const begunMs = this.#options.clock.monotonicMs();
    const outcome = await this.#step(pass, signal);
    await this.#rest(outcome.rewrapped, begunMs, signal);
    return outcome.kind;
  }

  /** Behind a barrier: what the last leader wrote counts. */
  async #load(): Promise<void> {
    const { metadata } = this.#options;
    await metadata.barrier();
    const row = metadata.view.workerCursor(WorkerCursorRow_Worker.REWRAP);
    this.#state = row === undefined ? { pass: undefined, last: undefined } : decodeState(row.cursor);
    this.#saved = { revision: row?.revision ?? 0n };
    this.#unitsSinceSave = 0;
  }

  /** A new pass, if an older version wraps something. */
  async #begin(): Promise<RewrapPass | undefined> {
    const work = await this.#work();
    if (work.uses === 0 || this.#isPaused(work)) return undefined;
    return { position: { kind: "behind", bucket: "" }, counts: NO_COUNTS, begun: work };
  }

  /** After a pass that could do nothing but fail, unless there is more to do than it left. */
  #isPaused({ uses, rotations }: RewrapWork): boolean {
    const { last } = this.#state;
    if (last?.left === undefined || last.counts.rewrapped > 0 || last.counts.failed === 0) return false;
    if (rotations !== last.left.rotations || uses > last.left.uses) return false;
    const sinceMs = this.#options.clock.wallMs() - last.endedMs;
    // One that seems to have ended in the future ended by a clock that was wrong.
    return sinceMs >= 0 && sinceMs < FUTILE_PAUSE_MS;
  }

  async #work(): Promise<RewrapWork> {
    const { view } = this.#options.metadata;
    const keys = await view.encryptionKeys();
    const retired = await retiredUses(view);
    return {
      uses: retired.reduce((sum, { uses }) => sum + uses, 0),
      rotations: keys.reduce((sum, { versions }) => sum + (versions.at(-1)?.version ?? 0), 0),
    };
  }

  async #step(pass: RewrapPass, signal: AbortSignal): Promise<Stepped> {
    const { position } = pass;
    if (position.kind === "behind") return await this.#findBucket(pass, position.bucket, signal);
    const { view } = this.#options.metadata;
    const bucket = view.bucket(position.bucket);
    if (bucket === undefined || String(bucket.bucketId) !== position.bucketId) {
      return await this.#goOn(pass, { kind: "behind", bucket: position.bucket }, NO_COUNTS, signal);
    }
    const step = await stepInside(view, bucket, position);
    const counts = { ...(await this.#rewrap(bucket, step.found, signal)), examined: step.examined };
    return await this.#goOn(pass, step.next, counts, signal);
  }

  async #findBucket(pass: RewrapPass, after: string, signal: AbortSignal): Promise<Stepped> {
    const { view } = this.#options.metadata;
    const buckets = await view.buckets({ prefix: "", after, limit: BUCKET_PAGE_ROWS });
    const bucket = buckets.find(
      ({ objectCount, versionCount, uploadCount }) => objectCount + versionCount + uploadCount > 0n,
    );
    if (bucket !== undefined) return await this.#goOn(pass, beginningOf(bucket), NO_COUNTS, signal);
    const last = buckets.at(-1);
    if (last !== undefined && buckets.length === BUCKET_PAGE_ROWS) {
      return await this.#goOn(pass, { kind: "behind", bucket: last.name }, NO_COUNTS, signal);
    }
    return await this.#end(pass, signal);
  }

  /** Rows with long manifests a few at a time: each is written again as a whole. */
  async #rewrap(bucket: BucketRow, found: readonly StoredDataKey[], signal: AbortSignal): Promise<Rewrapped> {
    const retired = found
      .filter(({ encryption }) => this.#isRetired(encryption))
      .map((item) => ({ item, references: item.sliceCount }));
    let counts: RewrapCounts = NO_COUNTS;
    for await (const step of inSteps(retired, REWRAP_PAGE_ROWS)) {
      counts = sum(counts, { examined: 0, ...(await this.#rewrapAtOnce(bucket, step, signal)) });
    }
    return counts;
  }

  async #rewrapAtOnce(
    bucket: BucketRow,
    retired: readonly StoredDataKey[],
    signal: AbortSignal,
  ): Promise<Rewrapped> {
    const targets: RewrappedDataKey[] = [];
    let failed = 0;
    for (const stored of retired) {
      const target = await this.#target(stored);
      if (target === undefined) failed++;
      else targets.push(target);
    }
    if (targets.length === 0) return { rewrapped: 0, passedOver: 0, failed };
    const { name, bucketId } = bucket;
    const value = create(RewrapDataKeysSchema, { bucket: name, bucketId, targets });
    const { result } = await this.#submit({ case: "rewrapDataKeys", value }, signal);
    if (result.case === "refusal" && HAS_CHANGED.has(result.value.code)) {
      return { rewrapped: 0, passedOver: targets.length, failed };
    }
    if (result.case !== "dataKeysRewrapped")
      throw new Error(`re-wrapping is not possible now: ${nameOf(result)}`);
    return { ...pick(result.value), failed };
  }

  #isRetired({ keyId, keyVersion }: StoredDataKey["encryption"]): boolean {
    const newest = this.#options.metadata.view.encryptionKey(keyId)?.versions.at(-1);
    return newest !== undefined && keyVersion < newest.version;
  }

  /** Undefined: the data key, or the ring's key, does not open. It stays as it is, and counted, so that its version is not removed. */
  async #target({ key, row, encryption }: StoredDataKey): Promise<RewrappedDataKey | undefined> {
    try {
      const dataKey = await this.#keys.open(encryption, undefined);
      const { keyVersion, wrappedKey } = await this.#keys.renew({ row: encryption, dataKey });
      return create(RewrappedDataKeySchema, {
        key,
        row,
        encryptionKeyId: encryption.keyId,
        expectedWrappedKey: encryption.wrappedKey,
        keyVersion,
        wrappedKey,
      });
    } catch (error) {
      const isDamaged = error instanceof ObjectError && error.code === "data-unavailable";
      // An AccessError: the version of the ring that wraps it does not unseal.
      if (isDamaged || error instanceof AccessError) return undefined;
      throw error;
    }
  }

  async #goOn(
    pass: RewrapPass,
    position: RewrapPosition,
    added: RewrapCounts,
    signal: AbortSignal,
  ): Promise<Stepped> {
    this.#options.onStep(added);
    const next = { ...pass, position, counts: sum(pass.counts, added) };
    this.#state = { ...this.#state, pass: next };
    this.#unitsSinceSave += 1;
    if (this.#unitsSinceSave >= UNITS_PER_SAVE) {
      if ((await this.#work()).uses === 0) return await this.#end(next, signal);
      await this.#save(signal);
    }
    return { kind: "more", rewrapped: added.rewrapped };
  }

  async #end(pass: RewrapPass, signal: AbortSignal): Promise<Stepped> {
    const { counts, begun } = pass;
    const { uses } = await this.#work();
    // What was rotated or came while the pass went on may be behind the walk: as left counts only what was there all the time.
    const left = begun && { rotations: begun.rotations, uses: Math.min(begun.uses, uses) };
    this.#state = { pass: undefined, last: { endedMs: this.#options.clock.wallMs(), counts, left } };
    await this.#save(signal);
    // What moved past the walk is found by another pass, at once where this one got something done.
    return { kind: counts.rewrapped > 0 ? "more" : "idle", rewrapped: 0 };
  }

  async #save(signal: AbortSignal): Promise<void> {
    const revision = this.#saved?.revision ?? 0n;
    const value = create(PutWorkerCursorSchema, {
      worker: WorkerCursorRow_Worker.REWRAP,
      expectedRevision: revision,
      cursor: encodeState(this.#state),
    });
    const { result } = await this.#submit({ case: "putWorkerCursor", value }, signal);
    // Another one leads, or led: what it wrote counts.
    this.#saved = result.case === "done" ? { revision: revision + 1n } : undefined;
    this.#unitsSinceSave = 0;
  }

  async #rest(rewrapped: number, begunMs: number, signal: AbortSignal): Promise<void> {
    const { keysPerSecond, clock, timers } = this.#options;
    const restMs = (rewrapped / keysPerSecond) * 1000 - (clock.monotonicMs() - begunMs);
    if (restMs > 0) await timers.sleep(restMs, signal);
  }

  #submit(body: Parameters<Metadata["submit"]>[0], signal: AbortSignal): ReturnType<Metadata["submit"]> {
    return this.#options.metadata.submit(body, { timeoutMs: SUBMIT_TIMEOUT_MS, signal });
  }
}

type Rewrapped = Omit<RewrapCounts, "examined">;

interface Stepped {
  readonly kind: "more" | "idle";
  readonly rewrapped: number;
}

function pick({ rewrapped, passedOver }: { readonly rewrapped: number; readonly passedOver: number }) {
  return { rewrapped, passedOver };
}

function sum(a: RewrapCounts, b: RewrapCounts): RewrapCounts {
  return {
    examined: a.examined + b.examined,
    rewrapped: a.rewrapped + b.rewrapped,
    passedOver: a.passedOver + b.passedOver,
    failed: a.failed + b.failed,
  };
}

function nameOf(result: CommandResult["result"]): string {
  return result.case === "refusal" ? RefusalCode[result.value.code] : String(result.case);
}
