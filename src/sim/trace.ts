/** What happened, line by line, and one hash over all of it: two runs of one seed must have the same. */

/** Lines that a report shows. */
const TAIL_LINES = 200;

export class Trace {
  readonly #lines: string[] = [];
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;
  /** Called with each line: for `--verbose`. */
  readonly #onLine: ((line: string) => void) | undefined;

  constructor(onLine?: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(nowMs: number, text: string): void {
    const line = `${nowMs.toFixed(3)} ${text}`;
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i);
      this.#low = Math.imul(this.#low ^ code, 0x01000193);
      this.#high = Math.imul(this.#high ^ code, 0x85ebca6b) ^ (this.#high >>> 15);
    }
    if (this.#lines.length >= 2 * TAIL_LINES) this.#lines.splice(0, TAIL_LINES);
    this.#lines.push(line);
    this.#onLine?.(line);
  }

  /** The latest lines. */
  tail(): readonly string[] {
    return this.#lines.slice(-TAIL_LINES);
  }

  /** 16 hexadecimal digits over every line so far. */
  get hash(): string {
    return [this.#high, this.#low].map((part) => (part >>> 0).toString(16).padStart(8, "0")).join("");
  }
}
