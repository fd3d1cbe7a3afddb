/**
 * Whether peers are there: a state machine fed with sightings and time. Pure.
 *
 *              first beat                    silence > suspectAfter            silence > deadAfter
 *   unknown ───────────────> alive ─────────────────────────────> suspect ─────────────────────> dead
 *      │                       ^   recoveryBeats in a row           │  ^         first beat        │ ^
 *      │                       └────────────────────────────────────┘  └──────────────────────────┘ │
 *      └──────────────────────────────── never seen for deadAfter ──────────────────────────────────┘
 *
 * Hysteresis: what has been silent is trusted again only after several beats in a row, so that a flapping peer does not flap what is decided
 * from its state. And a pause of this very process is no silence of the others: when the time between two evaluations was too long, nobody is
 * judged by it.
 */

import { assert } from "../base/index.ts";
import type { PeerHealth } from "./ports.ts";

export interface FailureDetectorOptions {
  readonly suspectAfterMs: number;
  readonly deadAfterMs: number;
  /** Beats in a row, none later than `suspectAfterMs` after the one before, until a suspect is alive again. */
  readonly recoveryBeats: number;
  /** A longer time between two evaluations is taken for a pause of this process. */
  readonly pauseMs: number;
}

export const DEFAULT_FAILURE_DETECTOR: FailureDetectorOptions = {
  suspectAfterMs: 2_000,
  deadAfterMs: 10_000,
  recoveryBeats: 3,
  pauseMs: 2_000,
};

export type PeerState = PeerHealth["state"];

export interface PeerTransition {
  readonly nodeId: number;
  readonly from: PeerState;
  readonly to: PeerState;
}

interface Peer {
  state: PeerState;
  lastSeenMs: number | undefined;
  /** Silence is counted from here: the last sighting, the beginning, or the end of a pause of ours. */
  quietSinceMs: number;
  beatsInARow: number;
}

export class FailureDetector {
  readonly #options: FailureDetectorOptions;
  readonly #peers = new Map<number, Peer>();
  #evaluatedMs: number | undefined;

  constructor(options: FailureDetectorOptions = DEFAULT_FAILURE_DETECTOR) {
    assert(
      options.suspectAfterMs > 0 && options.deadAfterMs > options.suspectAfterMs,
      "a peer is suspected before it is dead",
    );
    assert(options.recoveryBeats >= 1, "a peer recovers after some beats");
    this.#options = options;
  }

  /** Begins to watch a peer; one that is watched already stays as it is. */
  track(nodeId: number, nowMs: number): void {
    if (this.#peers.has(nodeId)) return;
    this.#peers.set(nodeId, { state: "unknown", lastSeenMs: undefined, quietSinceMs: nowMs, beatsInARow: 0 });
  }

  forget(nodeId: number): void {
    this.#peers.delete(nodeId);
  }

  /** A beat of a peer has arrived; one that is not watched is ignored. Returns what that changed. */
  observed(nodeId: number, nowMs: number): readonly PeerTransition[] {
    const peer = this.#peers.get(nodeId);
    if (peer === undefined) return [];
    const inTime = nowMs - peer.quietSinceMs <= this.#options.suspectAfterMs;
    peer.beatsInARow = inTime ? peer.beatsInARow + 1 : 1;
    peer.lastSeenMs = nowMs;
    peer.quietSinceMs = nowMs;
    return this.#enter(nodeId, peer, this.#afterBeat(peer));
  }

  /** To be called several times within `suspectAfterMs`. Returns what the time has changed. */
  evaluate(nowMs: number): readonly PeerTransition[] {
    const pausedMs = nowMs - (this.#evaluatedMs ?? nowMs);
    this.#evaluatedMs = nowMs;
    if (pausedMs > this.#options.pauseMs) {
      for (const peer of this.#peers.values()) peer.quietSinceMs = nowMs;
    }
    const changes: PeerTransition[] = [];
    for (const [nodeId, peer] of this.#peers) {
      changes.push(...this.#enter(nodeId, peer, this.#afterSilence(peer, nowMs - peer.quietSinceMs)));
    }
    return changes;
  }

  /** "unknown" for a peer that is not watched. */
  state(nodeId: number): PeerState {
    return this.#peers.get(nodeId)?.state ?? "unknown";
  }

  lastSeenMs(nodeId: number): number | undefined {
    return this.#peers.get(nodeId)?.lastSeenMs;
  }

  #afterBeat(peer: Peer): PeerState {
    if (peer.state === "unknown" || peer.state === "alive") return "alive";
    return peer.beatsInARow >= this.#options.recoveryBeats ? "alive" : "suspect";
  }

  #afterSilence(peer: Peer, silenceMs: number): PeerState {
    if (silenceMs > this.#options.deadAfterMs) return "dead";
    return peer.state === "alive" && silenceMs > this.#options.suspectAfterMs ? "suspect" : peer.state;
  }

  #enter(nodeId: number, peer: Peer, to: PeerState): readonly PeerTransition[] {
    const from = peer.state;
    if (from === to) return [];
    peer.state = to;
    return [{ nodeId, from, to }];
  }
}
