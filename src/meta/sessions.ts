/**
 * Client sessions: what makes a retried command apply once. A session remembers the result of every sequence that its client has not yet
 * acknowledged. The rows are held decoded and written once a batch; they are a function of the applied entries alone.
 */

import { fromBinary } from "@bufbuild/protobuf";
import { assert } from "../base/index.ts";
import { type SessionRow, SessionRowSchema } from "../gen/skerry/meta/v1/rows_pb.js";
import { sessionKey } from "./keys.ts";
import { MAX_SESSION_RESULTS } from "./limits.ts";
import type { MessageEncoder } from "./message-encoder.ts";

export interface SessionState {
  readonly sessionId: bigint;
  readonly nodeId: bigint;
  acknowledgedBelow: bigint;
  lastUsedMs: bigint;
  /** Encoded results in order of arrival. */
  readonly results: Map<bigint, Uint8Array>;
}

/** How a sequence stands with its session. */
export type SequenceState =
  | { readonly kind: "new" }
  /** Applied before: this was its result. */
  | { readonly kind: "repeated"; readonly result: Uint8Array }
  /** The client said that it has the answer, or gave up. */
  | { readonly kind: "acknowledged" }
  /** Further ahead than the session may remember. */
  | { readonly kind: "beyond-window" };

export class SessionTable {
  readonly #get: (key: string) => Uint8Array | undefined;
  readonly #encoder: MessageEncoder;
  readonly #loaded = new Map<bigint, SessionState>();
  readonly #dirty = new Set<bigint>();
  readonly #closed = new Set<bigint>();

  constructor(get: (key: string) => Uint8Array | undefined, encoder: MessageEncoder) {
    this.#get = get;
    this.#encoder = encoder;
  }

  find(sessionId: bigint): SessionState | undefined {
    const loaded = this.#loaded.get(sessionId);
    if (loaded !== undefined) return loaded;
    if (this.#closed.has(sessionId)) return undefined;
    const bytes = this.#get(sessionKey(sessionId));
    if (bytes === undefined) return undefined;
    const session = fromRow(fromBinary(SessionRowSchema, bytes));
    this.#loaded.set(sessionId, session);
    return session;
  }

  open(sessionId: bigint, nodeId: bigint, nowMs: bigint): void {
    assert(this.find(sessionId) === undefined, "a session id is used once");
    const session = { sessionId, nodeId, acknowledgedBelow: 0n, lastUsedMs: nowMs, results: new Map() };
    this.#loaded.set(sessionId, session);
    this.#dirty.add(sessionId);
  }

  /** True when there was one. */
  close(sessionId: bigint): boolean {
    if (this.find(sessionId) === undefined) return false;
    this.#loaded.delete(sessionId);
    this.#dirty.delete(sessionId);
    this.#closed.add(sessionId);
    return true;
  }

  /** Takes note of what the client has acknowledged, and says how the sequence stands. */
  use(session: SessionState, sequence: bigint, acknowledgedBelow: bigint, nowMs: bigint): SequenceState {
    session.lastUsedMs = nowMs;
    this.#dirty.add(session.sessionId);
    if (acknowledgedBelow > session.acknowledgedBelow) {
      session.acknowledgedBelow = acknowledgedBelow;
      // Results arrive nearly in order: what is left behind a greater one goes when that one goes.
      for (const known of session.results.keys()) {
        if (known >= acknowledgedBelow) break;
        session.results.delete(known);
      }
    }
    const result = session.results.get(sequence);
    if (result !== undefined) return { kind: "repeated", result };
    if (sequence < session.acknowledgedBelow) return { kind: "acknowledged" };
    if (sequence >= session.acknowledgedBelow + MAX_SESSION_RESULTS) return { kind: "beyond-window" };
    return { kind: "new" };
  }

  remember(session: SessionState, sequence: bigint, result: Uint8Array): void {
    // The command itself may have closed its session.
    if (this.#loaded.get(session.sessionId) !== session) return;
    // A copy: it is kept for long, and what it is a view of is larger.
    session.results.set(sequence, result.slice());
  }

  /** Gives the changed rows to `stage`; undefined: the row goes. */
  flush(stage: (key: string, value: Uint8Array | undefined) => void): void {
    for (const sessionId of this.#closed) stage(sessionKey(sessionId), undefined);
    for (const sessionId of this.#dirty) {
      const session = this.#loaded.get(sessionId);
      assert(session !== undefined, "a changed session is loaded");
      stage(sessionKey(sessionId), this.#encoder.encode(SessionRowSchema, toRow(session)));
    }
    this.#closed.clear();
    this.#dirty.clear();
  }
}

function fromRow(row: SessionRow): SessionState {
  return {
    sessionId: row.sessionId,
    nodeId: row.nodeId,
    acknowledgedBelow: row.acknowledgedBelow,
    lastUsedMs: row.lastUsedMs,
    results: new Map(row.results.map((entry) => [entry.sequence, entry.result])),
  };
}

function toRow(session: SessionState): SessionRow {
  return {
    $typeName: "skerry.meta.v1.SessionRow",
    sessionId: session.sessionId,
    nodeId: session.nodeId,
    acknowledgedBelow: session.acknowledgedBelow,
    lastUsedMs: session.lastUsedMs,
    results: Array.from(session.results, ([sequence, result]) => ({
      $typeName: "skerry.meta.v1.SessionResult" as const,
      sequence,
      result,
    })),
  };
}
