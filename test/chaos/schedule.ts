/** What is done to the cluster, and when: drawn from a seed, so that a run can be repeated as far as a real machine can repeat anything. */
import type { Prng } from "../../src/base/index.ts";

/** The leader is looked for when the fault begins. */
export type Victim = number | "leader";

export type Fault =
  /** SIGKILL; started again when the fault ends. */
  | { readonly kind: "kill"; readonly victims: readonly Victim[] }
  /** SIGTERM; started again when the fault ends. */
  | { readonly kind: "terminate"; readonly victims: readonly Victim[] }
  /** SIGTERM and start of every node, one after the other, as for a new release. */
  | { readonly kind: "rolling" }
  /** SIGSTOP, then SIGCONT. */
  | { readonly kind: "pause"; readonly victims: readonly Victim[] }
  /** Nothing leaves the node, nothing reaches it, or both. Clients still reach it. */
  | { readonly kind: "isolate"; readonly victim: Victim; readonly direction: "out" | "in" | "both" }
  /** Two nodes do not hear each other; both hear everybody else. */
  | { readonly kind: "partial"; readonly one: Victim; readonly other: number }
  /** These nodes and the rest do not hear each other, but for the bridge, which hears everybody. Clients reach both sides. */
  | { readonly kind: "split"; readonly side: readonly number[]; readonly bridge: number | undefined }
  /** Clients are heard by the node and do not hear it: their requests have unknown outcomes. */
  | { readonly kind: "mute"; readonly victim: Victim }
  | {
      readonly kind: "slow";
      readonly victim: Victim;
      readonly delayMs: number;
      readonly jitterMs: number;
      readonly lossPermille: number;
    }
  /** The wall clock jumps, and jumps back when the fault ends. */
  | { readonly kind: "clock"; readonly victim: Victim; readonly offsetMs: number }
  | { readonly kind: "disk-full"; readonly victim: Victim }
  /** Syncs or writes of the files in this part of the data directory fail with EIO. */
  | { readonly kind: "sync-error"; readonly victim: Victim; readonly part: DataPart }
  | { readonly kind: "write-error"; readonly victim: Victim; readonly part: DataPart };

export type DataPart = "raft" | "segments" | "state";
export type FaultKind = Fault["kind"];

/** All that act at once for `holdMs`; then everything is healed, and nothing is done for `restMs`. */
export interface Step {
  readonly faults: readonly Fault[];
  readonly holdMs: number;
  readonly restMs: number;
}

export const FAULT_KINDS: readonly FaultKind[] = [
  "kill",
  "terminate",
  "rolling",
  "pause",
  "isolate",
  "partial",
  "split",
  "mute",
  "slow",
  "clock",
  "disk-full",
  "sync-error",
  "write-error",
];

const DATA_PARTS: readonly DataPart[] = ["raft", "segments", "state"];
const SECOND_FAULT = 0.3;
/** Far enough that requests are refused, certificates look like tomorrow's, and leases long over. */
const LARGEST_CLOCK_OFFSET_MS = 2 * 3600 * 1000;

/**
 * Steps for as long as their holds and rests stay within `durationMs`. Kinds come from a shuffled deck, so that a run that is long enough has
 * every one. Two faults at once never hit the disks of two nodes, and a rolling restart comes alone.
 */
export function drawSteps(
  prng: Prng,
  options: { readonly nodes: number; readonly durationMs: number; readonly kinds: readonly FaultKind[] },
): readonly Step[] {
  const deck: FaultKind[] = [];
  const next = () => {
    if (deck.length === 0) deck.push(...prng.shuffle(options.kinds));
    return drawFault(prng, deck.pop() ?? prng.pick(options.kinds), options.nodes);
  };
  const steps: Step[] = [];
  for (let leftMs = options.durationMs; leftMs > 0; ) {
    const first = next();
    const second = prng.chance(SECOND_FAULT) ? next() : undefined;
    const together = second !== undefined && mayMeet(first, second);
    const step: Step = {
      faults: together ? [first, second] : [first],
      holdMs: prng.between(1500, 6000),
      restMs: prng.between(500, 3000),
    };
    steps.push(step);
    leftMs -= step.holdMs + step.restMs;
  }
  return steps;
}

/** A node that is waited for must be able to come back. */
function mayMeet(one: Fault, other: Fault): boolean {
  if (one.kind === "rolling" || other.kind === "rolling") return false;
  return !(touchesDisk(one) && touchesDisk(other));
}

function touchesDisk({ kind }: Fault): boolean {
  return kind === "disk-full" || kind === "sync-error" || kind === "write-error";
}

function drawFault(prng: Prng, kind: FaultKind, nodes: number): Fault {
  const victim = drawVictim(prng, nodes);
  switch (kind) {
    case "kill":
    case "pause":
      return { kind, victims: drawVictims(prng, nodes) };
    case "terminate":
      return { kind, victims: [victim] };
    case "rolling":
      return { kind };
    case "split":
      return drawSplit(prng, nodes);
    case "isolate":
      return { kind, victim, direction: prng.pick(["out", "in", "both"]) };
    case "partial":
      return { kind, one: victim, other: prng.between(1, nodes) };
    case "mute":
      return { kind, victim };
    case "slow":
      return {
        kind,
        victim,
        delayMs: prng.between(0, 150),
        jitterMs: prng.between(0, 100),
        lossPermille: prng.pick([0, 10, 50, 150]),
      };
    case "clock":
      return { kind, victim, offsetMs: prng.between(-LARGEST_CLOCK_OFFSET_MS, LARGEST_CLOCK_OFFSET_MS) };
    case "disk-full":
      return { kind, victim };
    case "sync-error":
    case "write-error":
      return { kind, victim, part: prng.pick(DATA_PARTS) };
  }
}

function drawVictim(prng: Prng, nodes: number): Victim {
  return prng.chance(0.4) ? "leader" : prng.between(1, nodes);
}

/** Mostly one; now and then some more, and all of them. */
function drawVictims(prng: Prng, nodes: number): readonly Victim[] {
  if (prng.chance(0.6)) return [drawVictim(prng, nodes)];
  const numbers = prng.shuffle(numbersTo(nodes));
  return numbers.slice(0, prng.between(2, nodes));
}

/** One side is always a majority, alone or with the bridge. */
function drawSplit(prng: Prng, nodes: number): Fault {
  const numbers = prng.shuffle(numbersTo(nodes));
  const side = numbers.slice(0, prng.between(1, Math.max(1, Math.floor((nodes - 1) / 2))));
  return { kind: "split", side, bridge: prng.chance(0.4) ? numbers.at(-1) : undefined };
}

function numbersTo(nodes: number): number[] {
  return Array.from({ length: nodes }, (_, index) => index + 1);
}

export function describeFault(fault: Fault): string {
  const { kind, ...what } = fault;
  const words = Object.entries(what).map(
    ([name, value]) => `${name} ${Array.isArray(value) ? value.join("+") : (value ?? "none")}`,
  );
  return [kind, words.join(", ")].join(" ").trimEnd();
}
