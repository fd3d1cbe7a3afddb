import { InvariantViolation } from "../base/index.ts";
import { DiskError } from "../platform/index.ts";
import type { RaftEvent } from "../raft/index.ts";
import type { ConsensusChecker } from "./checkers/consensus.ts";
import type { StateChecker } from "./checkers/state.ts";
import type { ClusterObserver } from "./cluster/simulated-cluster.ts";
import type { SimulatedNode } from "./cluster/simulated-node.ts";
import type { Coverage, CoverageMark } from "./coverage.ts";
import { CheckFailure } from "./failure.ts";
import type { Trace } from "./trace.ts";

export interface ObserverOptions {
  readonly now: () => number;
  readonly trace: Trace;
  readonly coverage: Coverage;
  readonly consensus: () => ConsensusChecker;
  readonly states: StateChecker;
  /** The run is over: something is wrong. */
  readonly fail: (error: unknown) => void;
  /** The node's data can no longer be used: it has to come back as another one. */
  readonly lost: (node: SimulatedNode) => void;
}

const EVENT_MARKS: Readonly<Partial<Record<RaftEvent["kind"], CoverageMark>>> = {
  "snapshot-sent": "snapshot sent",
  "snapshot-installed": "snapshot installed",
  "log-compacted": "log compacted",
  "log-torn-tail-cut": "torn log tail cut",
  "log-restarted": "log restarted behind a snapshot",
  fenced: "node fenced",
  "fence-lifted": "fence lifted",
  "configuration-changed": "configuration changed",
  "proposals-dropped": "proposals dropped",
  "messages-dropped": "raft messages dropped",
  stalled: "raft stalled",
};

/** Events that a reader of the trace has no use for. */
const QUIET_EVENTS: ReadonlySet<RaftEvent["kind"]> = new Set([
  "peer-connected",
  "peer-disconnected",
  "messages-dropped",
  "log-compacted",
]);

const DAMAGE_MARKS: Readonly<Record<string, CoverageMark>> = {
  chunk: "chunk quarantined",
  region: "segment region damaged",
  segment: "segment lost",
  index: "chunk index damaged",
};

/** What a node says when its disk no longer holds what a member must have. */
const LOST_CODES: ReadonlySet<unknown> = new Set([
  "identity-missing",
  "missing",
  "damaged",
  "identity-damaged",
  // A misdirected write over the end of the log looks like a torn one: what is cut there is missed against what the node has applied.
  "log-outdated",
]);

/** Turns what the cluster tells into trace lines, coverage marks and checks, and decides whether an error is the fault's or a bug's. */
export function observe(options: ObserverOptions): ClusterObserver {
  const { trace, coverage, now } = options;
  return {
    started: (node, life) => {
      trace.add(now(), `${node.name} started, life ${life.number}`);
      if (life.number > 1) coverage.mark("node restarted");
    },
    failed: (node, error, when) => {
      trace.add(
        now(),
        `${node.name} ${when === "start" ? "could not start" : "stopped itself"}: ${describe(error)}`,
      );
      coverage.mark(when === "start" ? "node could not start" : "node stopped itself");
      if (isLost(node, error)) {
        if (node.isRestored) coverage.mark("older disk refused");
        options.lost(node);
      } else if (node.isLeaving && isRemoved(error)) coverage.mark("removed node stopped");
      else if (!isOfTheWorld(error)) {
        options.fail(
          new CheckFailure("no node stops but for its disk", `${node.name}: ${describe(error)}`, {
            cause: error,
          }),
        );
      }
    },
    raftEvent: (node, event) => {
      const mark = EVENT_MARKS[event.kind];
      if (mark !== undefined) coverage.mark(mark);
      if (!QUIET_EVENTS.has(event.kind)) trace.add(now(), `${node.name} ${JSON.stringify(event)}`);
    },
    logged: (node, level, message, fields) => {
      const { damage, error } = fields as {
        readonly damage?: { readonly kind: string };
        readonly error?: unknown;
      };
      if (damage !== undefined) coverage.mark(DAMAGE_MARKS[damage.kind]!);
      const what = damage?.kind ?? (error === undefined ? "" : describe(error));
      trace.add(now(), `${node.name} ${level}: ${message} ${what}`);
      if (isBug(error))
        options.fail(
          new CheckFailure("no bug is met", `${node.name}: ${message}: ${describe(error)}`, { cause: error }),
        );
    },
    applying: (node, entries) => options.consensus().applying(node, entries),
    stateWritten: (node, changes) => options.states.written(node, changes),
  };
}

function* chainOf(error: unknown): Generator<unknown> {
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 8; depth++) {
    yield at;
    at = at instanceof Error ? at.cause : undefined;
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

/** An error of a disk, wherever in the chain, is one that was injected: simulated disks have no others. */
function isOfTheWorld(error: unknown): boolean {
  const chain = [...chainOf(error)];
  return !isBug(error) && chain.some((one) => one instanceof DiskError || isDiskCode(codeOf(one)));
}

function isDiskCode(code: unknown): boolean {
  return code === "io" || code === "no-space" || code === "read-only";
}

function isBug(error: unknown): boolean {
  return [...chainOf(error)].some(
    (one) =>
      one instanceof InvariantViolation ||
      one instanceof CheckFailure ||
      one instanceof TypeError ||
      one instanceof RangeError ||
      one instanceof ReferenceError,
  );
}

/** Refused for want of what was taken from it: right, and only where that was taken. */
function isLost(node: SimulatedNode, error: unknown): boolean {
  const wasTaken = node.isWiped || node.hasDamagedLog || node.isRestored;
  return wasTaken && [...chainOf(error)].some((one) => LOST_CODES.has(codeOf(one)));
}

/** It was taken out, and says so. */
function isRemoved(error: unknown): boolean {
  return [...chainOf(error)].some((one) => codeOf(one) === "node-removed");
}

function describe(error: unknown): string {
  return [...chainOf(error)]
    .map((one) =>
      one instanceof Error ? `${one.name} ${String(codeOf(one) ?? "")} ${one.message}` : String(one),
    )
    .join(" <- ");
}
