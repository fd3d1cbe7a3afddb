import type { Prng } from "../../base/index.ts";
import type { ScenarioSettings } from "../scenario/settings.ts";
import { DamageBudget } from "./atlas.ts";

/** Something that goes wrong. Nodes are counted from 0, in the order in which they came; times are milliseconds of virtual time. */
export type Fault =
  /** Power loss: what was not synced is lost, kept or torn. */
  | { readonly kind: "crash"; readonly node: number; readonly downMs: number }
  /** kill -9. */
  | { readonly kind: "kill"; readonly node: number; readonly downMs: number }
  /** SIGTERM, and started again. */
  | { readonly kind: "restart"; readonly node: number; readonly downMs: number }
  /** All nodes lose power at once. */
  | { readonly kind: "blackout"; readonly downMs: number }
  /** SIGSTOP. */
  | { readonly kind: "pause"; readonly node: number; readonly durationMs: number }
  /** Nothing passes between the nodes inside and those outside. */
  | { readonly kind: "partition"; readonly inside: readonly number[]; readonly durationMs: number }
  /** Nothing passes in this direction. */
  | { readonly kind: "one-way"; readonly from: number; readonly to: number; readonly durationMs: number }
  | { readonly kind: "clog"; readonly from: number; readonly to: number; readonly durationMs: number }
  /** A bad link: delays, and connections that break. */
  | { readonly kind: "bad-link"; readonly from: number; readonly to: number; readonly durationMs: number }
  /** All connections of a node break. */
  | { readonly kind: "reset"; readonly node: number }
  | {
      readonly kind: "disk-errors";
      readonly node: number;
      readonly operation: "read" | "write" | "sync";
      readonly probability: number;
      readonly durationMs: number;
    }
  | { readonly kind: "disk-full"; readonly node: number; readonly durationMs: number }
  | { readonly kind: "disk-read-only"; readonly node: number; readonly durationMs: number }
  | {
      readonly kind: "disk-slow";
      readonly node: number;
      readonly latencyMs: number;
      readonly durationMs: number;
    }
  /** A bit flips at rest; `position` is a part of the area. */
  | {
      readonly kind: "bit-rot";
      readonly node: number;
      readonly area: "segments" | "log" | "state";
      readonly position: number;
    }
  /** Power loss, and of what was not synced some lands elsewhere in the same file. */
  | { readonly kind: "misdirect"; readonly node: number; readonly downMs: number }
  | { readonly kind: "clock-jump"; readonly node: number; readonly byMs: number }
  /** The disk is replaced by an empty one; the node comes back as another one. */
  | { readonly kind: "wipe"; readonly node: number; readonly downMs: number }
  /** The disk is put back as it was `durationMs` before, or as long after that as it takes until all other nodes have heard that this one was started since. */
  | {
      readonly kind: "restore";
      readonly node: number;
      readonly downMs: number;
      readonly durationMs: number;
    }
  | { readonly kind: "transfer"; readonly to: number }
  /** Not a fault: a node is added by an operator. */
  | { readonly kind: "add" }
  /** Not a fault: a node is added, and this one drained and removed. */
  | { readonly kind: "replace"; readonly node: number };

export type FaultKind = Fault["kind"];
export type PlannedFault = Fault & { readonly id: number; readonly atMs: number };

/** Relative frequencies; each run draws which kinds it has at all. */
const WEIGHTS: Readonly<Record<Exclude<FaultKind, "restore">, number>> = {
  crash: 5,
  kill: 3,
  restart: 2,
  blackout: 1,
  pause: 3,
  partition: 4,
  "one-way": 3,
  clog: 3,
  "bad-link": 2,
  reset: 2,
  "disk-errors": 3,
  "disk-full": 2,
  "disk-read-only": 1,
  "disk-slow": 2,
  "bit-rot": 3,
  misdirect: 1,
  "clock-jump": 2,
  wipe: 1,
  transfer: 2,
  add: 1,
  replace: 2,
};

const KINDS = Object.keys(WEIGHTS) as readonly (keyof typeof WEIGHTS)[];
/** That a run means to put an older disk back, if its damage budget allows it: see `drawRestore`. */
const RESTORE_PROBABILITY = 0.6;
/** Where something may go wrong only with a peer. */
const NEEDS_PEERS: ReadonlySet<FaultKind> = new Set([
  "partition",
  "one-way",
  "clog",
  "bad-link",
  "reset",
  "wipe",
  "transfer",
]);

export function drawFaults(prng: Prng, settings: ScenarioSettings): readonly PlannedFault[] {
  const budget = new DamageBudget(prng.fork("damage"), settings);
  const keep = prng.pick([0.15, 0.35, 0.6, 1]);
  const kinds = KINDS.filter(() => prng.chance(keep)).filter(
    (kind) => settings.nodes > 1 || !NEEDS_PEERS.has(kind),
  );
  if (kinds.length === 0) return [];
  const meanGapMs = prng.pick([300, 1000, 3000]);
  const faults: PlannedFault[] = [];
  let atMs = 0;
  for (;;) {
    atMs += prng.unit() * 2 * meanGapMs;
    if (atMs >= settings.safetyMs) break;
    const fault = drawFault(prng, pickKind(prng, kinds), settings);
    if (budget.allows(fault)) faults.push({ ...fault, id: faults.length, atMs: Math.round(atMs) });
  }
  const restore = drawRestore(prng.fork("restore"), settings);
  if (restore !== undefined && budget.allows(restore)) faults.push({ ...restore, id: faults.length });
  return faults;
}

/** At most one, and early: it takes three starts of a node. From a generator of its own, so that the other faults of a seed do not depend on it. */
function drawRestore(
  prng: Prng,
  { nodes, safetyMs }: ScenarioSettings,
): Omit<Extract<PlannedFault, { kind: "restore" }>, "id"> | undefined {
  if (!prng.chance(RESTORE_PROBABILITY)) return undefined;
  const node = prng.below(nodes);
  const atMs = Math.round((prng.unit() * safetyMs) / 2);
  return {
    kind: "restore",
    node,
    downMs: prng.pick([0, 500, 2000]),
    durationMs: prng.pick([1000, 3000]),
    atMs,
  };
}

function pickKind(prng: Prng, kinds: typeof KINDS): keyof typeof WEIGHTS {
  const total = kinds.reduce((sum, kind) => sum + WEIGHTS[kind], 0);
  let left = prng.below(total);
  for (const kind of kinds) {
    left -= WEIGHTS[kind];
    if (left < 0) return kind;
  }
  return kinds[0]!;
}

function drawFault(prng: Prng, kind: keyof typeof WEIGHTS, { nodes }: ScenarioSettings): Fault {
  const node = prng.below(nodes);
  const other = (node + 1 + prng.below(Math.max(1, nodes - 1))) % nodes;
  const downMs = prng.pick([0, 500, 2000, 5000]);
  const durationMs = prng.pick([200, 1000, 3000, 6000]);
  switch (kind) {
    case "crash":
    case "kill":
    case "restart":
    case "misdirect":
    case "wipe":
      return { kind, node, downMs };
    case "blackout":
      return { kind, downMs };
    case "pause":
    case "disk-full":
    case "disk-read-only":
      return { kind, node, durationMs };
    case "partition":
      return { kind, inside: drawInside(prng, nodes), durationMs };
    case "one-way":
    case "clog":
    case "bad-link":
      return { kind, from: node, to: other, durationMs };
    case "reset":
      return { kind, node };
    case "disk-errors": {
      const operation = prng.pick(["read", "write", "sync"] as const);
      return { kind, node, operation, probability: prng.pick([0.01, 0.1, 1]), durationMs };
    }
    case "disk-slow":
      return { kind, node, latencyMs: prng.pick([20, 100, 400]), durationMs };
    case "bit-rot":
      return {
        kind,
        node,
        area: prng.pick(["segments", "segments", "log", "state"] as const),
        position: prng.unit(),
      };
    case "clock-jump":
      return { kind, node, byMs: prng.pick([-3_600_000, -60_000, -500, 500, 60_000, 3_600_000]) };
    case "transfer":
      return { kind, to: node };
    case "add":
      return { kind };
    case "replace":
      return { kind, node };
  }
}

/** A minority, a majority or any set: at least one node on each side. */
function drawInside(prng: Prng, nodes: number): number[] {
  const all = Array.from({ length: nodes }, (_, index) => index);
  return prng.shuffle(all).slice(0, prng.between(1, Math.max(1, nodes - 1)));
}
