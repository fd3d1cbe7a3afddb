/**
 * A whole cluster in one thread, on virtual time, from one seed: the assembly of `server`, with Raft on the same loop, on simulated machines, disks and
 * networks. docs/internals/sim.md is the manual.
 *
 *   scenario/   what a seed gives: settings, faults, operations, all of it data
 *   cluster/    machines, and nodes that live, die and are replaced on them
 *   faults/     what goes wrong; `atlas` keeps every datum repairable
 *   workload/   clients of the object layer, and what they write
 *   namespaces/ clients of namespaces, and what explains what they see
 *   checkers/   what must hold: after every event, at the end, and of what clients saw
 *   phases      forming, acting under faults, recovering, settling
 */
export type { CoverageMark } from "./coverage.ts";
export { type Minimized, minimize } from "./minimize.ts";
export { type RunFailure, type RunOptions, type RunReport, runSeed } from "./run.ts";
export type { Narrowing, Scenario } from "./scenario/scenario.ts";
export { Totals } from "./totals.ts";
