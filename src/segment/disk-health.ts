import { SegmentError } from "./errors.ts";

/** Whether the disk takes writes. A failure of one disk degrades that disk only: its reads go on. */
export class DiskHealth {
  #problem: SegmentError | undefined;
  #final = false;
  readonly #onDegraded: () => void;

  constructor(onDegraded: () => void) {
    this.#onDegraded = onDegraded;
  }

  get problem(): SegmentError | undefined {
    return this.#problem;
  }

  /** True when only opening the store again can help. */
  get isFinal(): boolean {
    return this.#final;
  }

  /** Codes that do not speak of the disk (a lock, a closed file) count as "io". */
  degrade(error: SegmentError, isFinal = false): void {
    const known = error.code === "no-space" || error.code === "read-only" || error.code === "io";
    this.#problem = known ? error : new SegmentError("io", error.message, { cause: error });
    this.#final ||= isFinal;
    this.#onDegraded();
  }

  restore(): void {
    if (!this.#final) this.#problem = undefined;
  }

  /** Throws why no chunk can be appended. */
  checkAppend(): void {
    if (this.#problem !== undefined) throw rejection(this.#problem);
  }

  /** Whether tombstones, and moves of what is alive, are tried: on a full disk too, for they make room again. */
  get takesUnlinks(): boolean {
    return this.#problem === undefined || (this.#problem.code === "no-space" && !this.#final);
  }

  /** Throws why nothing can be unlinked or moved. */
  checkUnlink(): void {
    if (this.#problem !== undefined && !this.takesUnlinks) throw rejection(this.#problem);
  }
}

/** A new error for each caller, so that stacks and causes do not grow together. */
function rejection(problem: SegmentError): SegmentError {
  return new SegmentError(problem.code, problem.message, { cause: problem });
}
