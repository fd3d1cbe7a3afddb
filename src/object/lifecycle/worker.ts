/**
 * The lifecycle of the buckets, on the leader: passes over the buckets that have rules, one page of rows a unit. What is due is proposed; the apply
 * decides on the rows as they are then. Rules count in days that end at midnight (UTC), so a pass begins when a day has begun; between two midnights
 * only buckets whose rules have changed are walked, within the hour.
 */

import { create } from "@bufbuild/protobuf";
import type { Worker, WorkerProgress } from "../../background/index.ts";
import {
  type CommandResult,
  type ExpirationTarget,
  ExpireObjectsSchema,
  PutWorkerCursorSchema,
  RefusalCode,
} from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  BucketConfigurationKind,
  type BucketConfigurationRow,
  type BucketRow,
  WorkerCursorRow_Worker,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Metadata } from "../../meta/index.ts";
import type { Clock } from "../../platform/index.ts";
import { inSteps, type Releasing } from "../released-references.ts";
import {
  decodeState,
  encodeState,
  type LifecycleCounts,
  type LifecyclePass,
  type LifecyclePosition,
  type LifecycleState,
  NO_COUNTS,
} from "./cursor.ts";
import { DAY_MS } from "./due.ts";
import type { LifecycleNow } from "./plan.ts";
import { readLifecycle } from "./rules.ts";
import { beginningOf, stepInside } from "./walk.ts";

export interface LifecycleOptions {
  readonly metadata: Pick<Metadata, "submit" | "barrier" | "view">;
  readonly isLeader: () => boolean;
  readonly clock: Pick<Clock, "wallMs">;
  /** A new id of 16 bytes in order of time: of delete markers. */
  readonly newId: () => Uint8Array;
  /** DAY_MS, or less to see rules act in a test. */
  readonly dayMs: number;
  /** Told after every step. */
  readonly onStep?: (counts: LifecycleCounts) => void;
}

const HOUR_MS = 60 * 60 * 1000;
/** Of a shortened day: how many passes it has. */
const PASSES_PER_SHORT_DAY = 10;
const IDLE_MS = 10_000;
const LEAST_IDLE_MS = 200;
/** Buckets of which one unit looks whether they have rules. */
const BUCKET_PAGE_ROWS = 1_000;
/** Targets of one command, where they let go of few references: as many as the state machine takes. */
const TARGETS_PER_COMMAND = 100;
/** Units after which the cursor is written. What was done since is looked at once more after a change of leader, and found done. */
const UNITS_PER_SAVE = 50;
const SUBMIT_TIMEOUT_MS = 30_000;

/** The bucket or its rules are others now: the next pass looks again. */
const HAS_CHANGED: ReadonlySet<RefusalCode> = new Set([
  RefusalCode.BUCKET_UNKNOWN,
  RefusalCode.BUCKET_CHANGED,
  RefusalCode.CONFIGURATION_CHANGED,
]);

function nameOf(result: CommandResult["result"]): string {
  return result.case === "refusal" ? RefusalCode[result.value.code] : String(result.case);
}

/** A worker for the runtime of `background`, on every node: it acts where the Raft leader is. */
export function lifecycleWorker(options: LifecycleOptions): Worker {
  return new LifecycleWorker(options);
}

class LifecycleWorker implements Worker {
  readonly name = "lifecycle";
  readonly #options: LifecycleOptions;
  /** What the cursor's row says; undefined: to be read. */
  #saved: { readonly revision: bigint } | undefined;
  #state: LifecycleState = { pass: undefined, last: undefined };
  #unitsSinceSave = 0;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  get idleMs(): number {
    return Math.min(IDLE_MS, Math.max(LEAST_IDLE_MS, this.#passEveryMs / 2));
  }

  get #passEveryMs(): number {
    const { dayMs } = this.#options;
    return dayMs === DAY_MS ? HOUR_MS : dayMs / PASSES_PER_SHORT_DAY;
  }

  /** Of the pass under way, or else of the last one. */
  progress(): WorkerProgress {
    const { examined } = (this.#state.pass ?? this.#state.last)?.counts ?? NO_COUNTS;
    return { done: examined, total: undefined, unit: "versions and uploads" };
  }

  async runUnit(signal: AbortSignal): Promise<"more" | "idle"> {
    if (!this.#options.isLeader()) {
      this.#saved = undefined;
      return "idle";
    }
    if (this.#saved === undefined) await this.#load();
    const pass = this.#state.pass ?? this.#begin();
    if (pass === undefined) return "idle";
    return await this.#step(pass, signal);
  }

  /** Behind a barrier: what the last leader wrote counts. */
  async #load(): Promise<void> {
    const { metadata } = this.#options;
    await metadata.barrier();
    const row = metadata.view.workerCursor(WorkerCursorRow_Worker.LIFECYCLE);
    this.#state = row === undefined ? { pass: undefined, last: undefined } : decodeState(row.cursor);
    this.#saved = { revision: row?.revision ?? 0n };
    this.#unitsSinceSave = 0;
  }

  /** A new pass, if it is time for one. */
  #begin(): LifecyclePass | undefined {
    const nowMs = this.#options.clock.wallMs();
    const { last } = this.#state;
    const everyMs = this.#passEveryMs;
    // One that seems to come from the future was begun by a clock that was wrong: it holds up nothing.
    if (last !== undefined && Math.floor(nowMs / everyMs) === Math.floor(last.startedMs / everyMs)) {
      return undefined;
    }
    return { startedMs: nowMs, position: { kind: "behind", bucket: "" }, counts: NO_COUNTS };
  }

  async #step(pass: LifecyclePass, signal: AbortSignal): Promise<"more" | "idle"> {
    const { position } = pass;
    if (position.kind === "behind") return await this.#findBucket(pass, position.bucket, signal);
    const bucket = this.#options.metadata.view.bucket(position.bucket);
    const rules = bucket && this.#rulesOf(bucket);
    if (bucket === undefined || rules === undefined || String(bucket.bucketId) !== position.bucketId) {
      return await this.#goOn(pass, { kind: "behind", bucket: position.bucket }, NO_COUNTS, signal);
    }
    const now = this.#now(rules);
    const step = await stepInside(this.#options.metadata.view, bucket, position, now);
    const counts = { ...(await this.#expire(bucket, rules, step.targets, signal)), examined: step.examined };
    return await this.#goOn(pass, step.next, counts, signal);
  }

  async #findBucket(pass: LifecyclePass, after: string, signal: AbortSignal): Promise<"more" | "idle"> {
    const { view } = this.#options.metadata;
    const buckets = await view.buckets({ prefix: "", after, limit: BUCKET_PAGE_ROWS });
    for (const bucket of buckets) {
      const rules = this.#rulesOf(bucket);
      if (rules === undefined || !this.#isToBeWalked(rules, pass)) continue;
      return await this.#goOn(pass, beginningOf(bucket, this.#now(rules)), NO_COUNTS, signal);
    }
    const last = buckets.at(-1);
    if (last !== undefined && buckets.length === BUCKET_PAGE_ROWS) {
      return await this.#goOn(pass, { kind: "behind", bucket: last.name }, NO_COUNTS, signal);
    }
    return await this.#end(pass, signal);
  }

  #rulesOf(bucket: BucketRow): BucketConfigurationRow | undefined {
    return this.#options.metadata.view.bucketConfiguration(bucket, BucketConfigurationKind.LIFECYCLE);
  }

  /** Nothing new is due until a day has begun, unless the rules are new. */
  #isToBeWalked(rules: BucketConfigurationRow, pass: LifecyclePass): boolean {
    const { last } = this.#state;
    const { dayMs } = this.#options;
    if (last === undefined || dayMs !== DAY_MS) return true;
    const isNewDay = Math.floor(pass.startedMs / DAY_MS) > Math.floor(last.startedMs / DAY_MS);
    const isClockBack = pass.startedMs < last.startedMs;
    return isNewDay || isClockBack || Number(rules.modifiedAtMs) >= last.startedMs;
  }

  #now(rules: BucketConfigurationRow): LifecycleNow {
    const { clock, dayMs } = this.#options;
    return { lifecycle: readLifecycle(rules), nowMs: clock.wallMs(), dayMs };
  }

  async #expire(
    bucket: BucketRow,
    rules: BucketConfigurationRow,
    targets: readonly Releasing<ExpirationTarget>[],
    signal: AbortSignal,
  ): Promise<{ readonly expired: number; readonly kept: number }> {
    let expired = 0;
    let kept = 0;
    let done = 0;
    for await (const step of inSteps(targets, TARGETS_PER_COMMAND)) {
      const value = create(ExpireObjectsSchema, {
        bucket: bucket.name,
        bucketId: bucket.bucketId,
        rulesRevision: rules.revision,
        targets: [...step],
        markerId: this.#options.newId(),
      });
      const { result } = await this.#submit({ case: "expireObjects", value }, signal);
      if (result.case === "refusal" && HAS_CHANGED.has(result.value.code)) {
        return { expired, kept: kept + targets.length - done };
      }
      if (result.case !== "objectsDeleted")
        throw new Error(`expiration is not possible now: ${nameOf(result)}`);
      for (const { existed, refusal } of result.value.outcomes) {
        if (refusal !== undefined) kept += 1;
        else if (existed) expired += 1;
      }
      done += step.length;
    }
    return { expired, kept };
  }

  async #goOn(
    pass: LifecyclePass,
    position: LifecyclePosition,
    added: LifecycleCounts,
    signal: AbortSignal,
  ): Promise<"more"> {
    const { counts } = pass;
    this.#options.onStep?.(added);
    this.#state = {
      ...this.#state,
      pass: {
        ...pass,
        position,
        counts: {
          examined: counts.examined + added.examined,
          expired: counts.expired + added.expired,
          kept: counts.kept + added.kept,
        },
      },
    };
    this.#unitsSinceSave += 1;
    if (this.#unitsSinceSave >= UNITS_PER_SAVE) await this.#save(signal);
    return "more";
  }

  async #end(pass: LifecyclePass, signal: AbortSignal): Promise<"idle"> {
    const { startedMs, counts } = pass;
    const last = { startedMs, endedMs: this.#options.clock.wallMs(), counts };
    const isWorthIt = counts.examined > 0 || this.#unitsSinceSave >= UNITS_PER_SAVE;
    this.#state = { pass: undefined, last };
    // A pass that met nothing costs the next leader nothing either.
    if (isWorthIt) await this.#save(signal);
    return "idle";
  }

  async #save(signal: AbortSignal): Promise<void> {
    const revision = this.#saved?.revision ?? 0n;
    const value = create(PutWorkerCursorSchema, {
      worker: WorkerCursorRow_Worker.LIFECYCLE,
      expectedRevision: revision,
      cursor: encodeState(this.#state),
    });
    const { result } = await this.#submit({ case: "putWorkerCursor", value }, signal);
    // Another one leads, or led: what it wrote counts.
    this.#saved = result.case === "done" ? { revision: revision + 1n } : undefined;
    this.#unitsSinceSave = 0;
  }

  #submit(body: Parameters<Metadata["submit"]>[0], signal: AbortSignal): ReturnType<Metadata["submit"]> {
    return this.#options.metadata.submit(body, { timeoutMs: SUBMIT_TIMEOUT_MS, signal });
  }
}
