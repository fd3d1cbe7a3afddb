/**
 * Tells destinations of what changes in buckets, on the leader, from the log of changes: at least once each, in order, over restarts and changes of
 * leader. Each destination has a position of its own, so that one which does not answer keeps nobody else waiting. A rule is told of what came
 * after it.
 */

import { create } from "@bufbuild/protobuf";
import type { Worker, WorkerProgress } from "../../background/index.ts";
import { PutWorkerCursorSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import {
  BucketConfigurationKind,
  type OplogRow,
  WorkerCursorRow_Worker,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Metadata } from "../../meta/index.ts";
import type { Clock, Timers } from "../../platform/index.ts";
import { decodePositions, encodePositions, type NotificationPositions } from "./cursor.ts";
import { encodeEvents, type NotifiedEvent } from "./message.ts";
import { beginningOf, destinationOf, eventOf, readNotifications, ruleMatches } from "./rules.ts";

export interface NotificationOptions {
  readonly metadata: Pick<Metadata, "submit" | "barrier" | "view">;
  readonly isLeader: () => boolean;
  readonly clock: Pick<Clock, "wallMs">;
  readonly timers: Pick<Timers, "sleep">;
  readonly region: string;
  /** Names of the destinations that the operator has declared. */
  readonly destinations: readonly string[];
  /** Resolves when the destination has taken the message; rejects when it has not. */
  readonly send: (destination: string, message: Uint8Array, signal: AbortSignal) => Promise<void>;
  /** How long a destination may fail to take an event before the event is given up. */
  readonly giveUpAfterMs: number;
  readonly onEvents: (
    outcome: "delivered" | "given-up" | "lost",
    destination: string,
    count: number,
    error?: unknown,
  ) => void;
}

const IDLE_MS = 1_000;
/** Changes that one unit looks at for each destination. */
const PAGE_ROWS = 500;
/** Events of one message. */
export const MAX_EVENTS_PER_MESSAGE = 100;
/** Changes that were for nobody, and are looked at once more after a change of leader. */
const SAVE_AFTER_CHANGES = 10_000n;
/** Destinations that this node does not know and whose positions are kept: the cursor has a limit. */
const MAX_OTHER_DESTINATIONS = 64;
const FIRST_BACKOFF_MS = 1_000;
const GREATEST_BACKOFF_MS = 5 * 60_000;
const SUBMIT_TIMEOUT_MS = 30_000;

/** A worker for the runtime of `background`, on every node: it acts where the Raft leader is. */
export function notificationWorker(options: NotificationOptions): Worker {
  return new NotificationWorker(options);
}

interface Standing {
  /** Everything up to it is done with. */
  after: bigint;
  saved: bigint;
  /** The last change that it was told of. */
  told: bigint;
  /** A message that is under way; it never rejects. */
  sending: Promise<void> | undefined;
  failures: number;
  notBeforeMs: number;
}

class NotificationWorker implements Worker {
  readonly name = "notifications";
  readonly idleMs = IDLE_MS;
  readonly #options: NotificationOptions;
  /** Undefined: to be read. */
  #revision: bigint | undefined;
  #standings = new Map<string, Standing>();
  /** Positions of destinations that the cursor has and this node's configuration has not: other nodes may have been restarted with them. */
  #others: NotificationPositions = new Map();
  /** Ends what is under way for standings that count no more. */
  #term = new AbortController();
  #delivered = 0;

  constructor(options: NotificationOptions) {
    this.#options = options;
  }

  progress(): WorkerProgress {
    return { done: this.#delivered, total: undefined, unit: "events" };
  }

  async runUnit(signal: AbortSignal): Promise<"more" | "idle"> {
    if (!this.#options.isLeader()) {
      this.#term.abort();
      this.#revision = undefined;
      return "idle";
    }
    if (this.#revision === undefined) await this.#load(signal);
    const looks = [...this.#standings].map(([name, standing]) => this.#look(name, standing, signal));
    const hasMore = (await Promise.all(looks)).includes(true);
    const hasEnded = !hasMore && (await this.#anyEnds(signal));
    signal.throwIfAborted();
    const isWorthIt = [...this.#standings.values()].some(
      ({ after, saved, told }) => told > saved || after - saved >= SAVE_AFTER_CHANGES,
    );
    if (isWorthIt) await this.#save(signal);
    return hasMore || hasEnded ? "more" : "idle";
  }

  /** Waits for the first message that is taken or refused, and not for long: whoever has none under way may have something new. */
  async #anyEnds(signal: AbortSignal): Promise<boolean> {
    const sending = [...this.#standings.values()].flatMap((standing) => standing.sending ?? []);
    if (sending.length === 0) return false;
    const isOver = new AbortController();
    const ended = Promise.race(sending).then(() => true);
    const asleep = this.#options.timers.sleep(IDLE_MS, AbortSignal.any([signal, isOver.signal])).then(
      () => false,
      () => false,
    );
    const hasEnded = await Promise.race([ended, asleep]);
    isOver.abort();
    return hasEnded;
  }

  /** Behind a barrier: what the last leader wrote counts. A destination that is new is told of what comes from now on. */
  async #load(signal: AbortSignal): Promise<void> {
    const { metadata, destinations } = this.#options;
    await metadata.barrier();
    const row = metadata.view.workerCursor(WorkerCursorRow_Worker.NOTIFICATIONS);
    const known = row === undefined ? new Map<string, bigint>() : decodePositions(row.cursor);
    const newest = metadata.view.oplogBounds().next - 1n;
    this.#term.abort();
    this.#term = new AbortController();
    this.#standings = new Map(
      destinations.map((name) => {
        const after = known.get(name) ?? newest;
        return [name, { after, saved: after, told: 0n, sending: undefined, failures: 0, notBeforeMs: 0 }];
      }),
    );
    this.#others = new Map([...known].filter(([name]) => !destinations.includes(name)));
    this.#revision = row?.revision ?? 0n;
    // From where it is told must not depend on who leads next.
    if (destinations.some((name) => !known.has(name))) await this.#save(signal);
  }

  /** Reads what comes next for a destination that has no message under way, and sends it. True: there was none in it, and there may be more. */
  async #look(name: string, standing: Standing, signal: AbortSignal): Promise<boolean> {
    const { metadata, clock } = this.#options;
    if (standing.sending !== undefined || clock.wallMs() < standing.notBeforeMs) return false;
    this.#skipWhatIsGone(name, standing);
    const rows = await metadata.view.oplog(standing.after, PAGE_ROWS);
    const last = rows.at(-1);
    if (last === undefined) return false;
    const events: NotifiedEvent[] = [];
    let upTo = last.sequence;
    for (const row of rows) {
      const found = this.#eventsOf(name, row);
      if (events.length > 0 && events.length + found.length > MAX_EVENTS_PER_MESSAGE) {
        upTo = row.sequence - 1n;
        break;
      }
      events.push(...found);
    }
    if (events.length > 0) this.#begin(name, standing, { events, upTo }, signal);
    else standing.after = upTo;
    return events.length === 0;
  }

  /** Each destination takes the time that it takes; nobody waits for another one. */
  #begin(
    name: string,
    standing: Standing,
    { events, upTo }: { readonly events: readonly NotifiedEvent[]; readonly upTo: bigint },
    signal: AbortSignal,
  ): void {
    const ending = AbortSignal.any([signal, this.#term.signal]);
    standing.sending = this.#send(name, standing, events, ending).then((isDone) => {
      standing.sending = undefined;
      if (!isDone) return;
      standing.after = upTo;
      standing.told = upTo;
    });
  }

  /** The log of changes has an end: whoever is further behind than that has missed something. */
  #skipWhatIsGone(name: string, standing: Standing): void {
    const { first } = this.#options.metadata.view.oplogBounds();
    if (standing.after + 1n >= first) return;
    this.#options.onEvents("lost", name, Number(first - standing.after - 1n));
    standing.after = first - 1n;
  }

  /** True: the events are done with. Never rejects. */
  async #send(
    name: string,
    standing: Standing,
    events: readonly NotifiedEvent[],
    signal: AbortSignal,
  ): Promise<boolean> {
    const { send, onEvents, clock, giveUpAfterMs } = this.#options;
    try {
      await send(name, encodeEvents(events), signal);
      onEvents("delivered", name, events.length);
      this.#delivered += events.length;
    } catch (error) {
      if (signal.aborted) return false;
      const newest = events.at(-1);
      const isOver = newest !== undefined && clock.wallMs() - newest.timeMs >= giveUpAfterMs;
      if (!isOver) {
        standing.failures += 1;
        const backoffMs = FIRST_BACKOFF_MS * 2 ** Math.min(standing.failures - 1, 20);
        standing.notBeforeMs = clock.wallMs() + Math.min(backoffMs, GREATEST_BACKOFF_MS);
        return false;
      }
      onEvents("given-up", name, events.length, error);
    }
    standing.failures = 0;
    return true;
  }

  #eventsOf(destination: string, { change, sequence, timeMs }: OplogRow): readonly NotifiedEvent[] {
    if (change.case !== "object") return [];
    const { view } = this.#options.metadata;
    const bucket = view.bucket(change.value.bucket);
    if (bucket?.bucketId !== change.value.bucketId) return [];
    const configuration = view.bucketConfiguration(bucket, BucketConfigurationKind.NOTIFICATION);
    if (configuration === undefined) return [];
    const name = eventOf(change.value);
    if (name === undefined) return [];
    return readNotifications(configuration)
      .rules.filter(
        (rule) =>
          destinationOf(rule) === destination &&
          beginningOf(rule, configuration) < sequence &&
          ruleMatches(rule, name, change.value.key),
      )
      .map((rule) => ({
        name,
        timeMs: Number(timeMs),
        sequence,
        change: change.value,
        ruleId: rule.id,
        bucketOwnerId: bucket.ownerId,
        region: this.#options.region,
      }));
  }

  async #save(signal: AbortSignal): Promise<void> {
    const revision = this.#revision ?? 0n;
    const own = [...this.#standings].map(([name, { after }]): [string, bigint] => [name, after]);
    const positions = new Map([...own, ...this.#othersWorthKeeping()]);
    const value = create(PutWorkerCursorSchema, {
      worker: WorkerCursorRow_Worker.NOTIFICATIONS,
      expectedRevision: revision,
      cursor: encodePositions(positions),
    });
    const { result } = await this.#options.metadata.submit(
      { case: "putWorkerCursor", value },
      { timeoutMs: SUBMIT_TIMEOUT_MS, signal },
    );
    // Another one leads, or led: what it wrote counts.
    this.#revision = result.case === "done" ? revision + 1n : undefined;
    // What was told meanwhile is not in it.
    for (const [name, after] of own) {
      const standing = this.#standings.get(name);
      if (standing !== undefined) standing.saved = after;
    }
  }

  /** Not those that the log of changes has left behind: for them there is nothing to tell. Of too many the foremost. */
  #othersWorthKeeping(): readonly (readonly [string, bigint])[] {
    const { first } = this.#options.metadata.view.oplogBounds();
    return [...this.#others]
      .filter(([, after]) => after + 1n >= first)
      .sort(([, a], [, b]) => Number(b - a))
      .slice(0, MAX_OTHER_DESTINATIONS);
  }
}
