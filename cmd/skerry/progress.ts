/** What a command that waits shows: one line that is written over on a terminal, and a line for each change elsewhere. On standard error. */
export class ProgressLine {
  readonly #isSilent: boolean;
  #last = "";

  constructor(options: { readonly isSilent: boolean }) {
    this.#isSilent = options.isSilent;
  }

  show(text: string): void {
    if (this.#isSilent || text === this.#last) return;
    const { isTTY } = process.stderr;
    process.stderr.write(isTTY ? `\r${text.padEnd(this.#last.length)}` : `${text}\n`);
    this.#last = text;
  }

  /** What is shown stays. */
  end(): void {
    if (!this.#isSilent && process.stderr.isTTY && this.#last !== "") process.stderr.write("\n");
    this.#last = "";
  }
}
