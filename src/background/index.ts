/**
 * All work that nobody waits for: scrub, repair, garbage collection, flush, compaction, renewal of certificates.
 *
 * Each activity is a `Worker`: one bounded unit of work, asked for again and again. The `BackgroundRuntime` gives the turns: it rests in proportion
 * to the work (the throttle), waits `idleMs` when there is nothing to do, backs off with jitter after errors, and shows for each worker what it
 * does, its last error and its next run. Admin, metrics and the console read that.
 *
 * Invariants: a worker never runs twice at once; the promise of every unit is owned here; a violated invariant is passed to `onBug`, never
 * retried; time and chance come in as ports, so that the simulator runs the same code.
 */

export type { Worker, WorkerProgress, WorkerState, WorkerStatus } from "./ports.ts";
export { type BackgroundOptions, BackgroundRuntime, type WorkerSettings } from "./runtime.ts";
