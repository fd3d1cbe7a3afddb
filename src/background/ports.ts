/** Background work, cut into units. The runtime never runs two units of one worker at a time. */
export interface Worker {
  /** Unique in the runtime: "segment-scrub". */
  readonly name: string;
  /** How long to wait before asking again when there was nothing to do. */
  readonly idleMs: number;
  /**
   * Does one bounded piece of work: seconds at most, and memory within the worker's own limit. "more": there is more to do. "idle": nothing
   * is left for now. A rejection is logged, shown, and tried again after a while. When the signal aborts it ends soon, in any way.
   */
  runUnit(signal: AbortSignal): Promise<"more" | "idle">;
  /** How far it is, when it can tell. */
  progress?(): WorkerProgress;
}

export interface WorkerProgress {
  readonly done: number;
  /** Undefined when the end is not known. */
  readonly total: number | undefined;
  /** What is counted: "bytes", "blobs". */
  readonly unit: string;
}

export interface WorkerStatus {
  readonly name: string;
  readonly state: WorkerState;
  readonly progress: WorkerProgress | undefined;
  /** Units that ended well, since the runtime began. */
  readonly unitsDone: number;
  readonly errors: number;
  readonly consecutiveErrors: number;
  readonly lastError: { readonly message: string; readonly wallMs: number } | undefined;
  /** When the latest unit ended, wall time; undefined: none has. */
  readonly lastRunWallMs: number | undefined;
  /** When the next unit begins; undefined while one runs, or when none will. */
  readonly nextRunWallMs: number | undefined;
}

/** "waiting" for its next turn, for more than a throttle's pause or because it was idle; "failing": waiting after an error. */
export type WorkerState = "running" | "waiting" | "failing" | "paused" | "stopped";
