/**
 * Edit distance with swaps of neighbours (optimal string alignment), over code points. The rows of the table stay while words that share a beginning
 * follow each other, as they do in a dictionary: only what is new of a word is calculated, and a beginning that no ending can save is told.
 */
export class EditDistance {
  readonly #target: readonly string[];
  readonly #most: number;
  /** Row i: distances of the first i characters of the word to every beginning of the target. */
  readonly #rows: Uint8Array[];
  readonly #word: string[] = [];

  /** `most` is at most 254. */
  constructor(target: string, most: number) {
    this.#target = [...target];
    this.#most = most;
    this.#rows = [Uint8Array.from({ length: this.#target.length + 1 }, (_, i) => Math.min(i, most + 1))];
  }

  /** The distance of `word`, or undefined when it is over the most. */
  distanceTo(word: string): number | undefined {
    if (!this.#read([...word])) return undefined;
    const distance = this.#rows[this.#word.length]![this.#target.length]!;
    return distance <= this.#most ? distance : undefined;
  }

  /** Whether some word that begins so can be near enough. */
  canBegin(beginning: string): boolean {
    return this.#read([...beginning]);
  }

  #read(word: readonly string[]): boolean {
    let shared = 0;
    while (shared < word.length && shared < this.#word.length && word[shared] === this.#word[shared])
      shared++;
    this.#word.length = shared;
    for (let i = shared; i < word.length; i++) {
      if (!this.#canGoOn(i)) return false;
      this.#word.push(word[i]!);
      this.#calculate(i + 1);
    }
    return this.#canGoOn(word.length);
  }

  #canGoOn(length: number): boolean {
    // A swap reaches back two rows, but its cost cannot be less than the least of the row between, less one; so both rows are asked.
    const least = this.#leastOf(length);
    return least <= this.#most || (length > 0 && this.#leastOf(length - 1) < this.#most);
  }

  #leastOf(length: number): number {
    let least = this.#most + 1;
    for (const distance of this.#rows[length]!) if (distance < least) least = distance;
    return least;
  }

  #calculate(length: number): void {
    const width = this.#target.length + 1;
    this.#rows[length] ??= new Uint8Array(width);
    const [row, before] = [this.#rows[length], this.#rows[length - 1]!];
    row[0] = Math.min(length, this.#most + 1);
    for (let i = 1; i < width; i++) {
      const differs = this.#word[length - 1] === this.#target[i - 1] ? 0 : 1;
      let distance = Math.min(before[i]! + 1, row[i - 1]! + 1, before[i - 1]! + differs);
      if (this.#isSwap(length, i)) distance = Math.min(distance, this.#rows[length - 2]![i - 2]! + 1);
      row[i] = Math.min(distance, this.#most + 1);
    }
  }

  #isSwap(length: number, i: number): boolean {
    if (length < 2 || i < 2) return false;
    return this.#word[length - 1] === this.#target[i - 2] && this.#word[length - 2] === this.#target[i - 1];
  }
}
