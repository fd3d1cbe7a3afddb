import type { TextHit } from "./ports.ts";

/** The best `k` rows that were offered, in a heap whose root is the worst of them. Of equal scores the smaller row is better. */
export class BestRows {
  readonly #k: number;
  readonly #scores: number[] = [];
  readonly #rows: number[] = [];
  readonly #least: number;

  /** Only scores above `least` count. */
  constructor(k: number, least: number) {
    this.#k = k;
    this.#least = least;
  }

  /** A row that comes after all rows offered so far must have a score above this to be kept. */
  get threshold(): number {
    return this.#scores.length < this.#k ? this.#least : Math.max(this.#least, this.#scores[0] ?? 0);
  }

  /** Rows are offered in ascending order. */
  offer(row: number, score: number): void {
    if (score <= this.threshold) return;
    if (this.#scores.length < this.#k) {
      this.#scores.push(score);
      this.#rows.push(row);
      this.#siftUp(this.#scores.length - 1);
    } else {
      this.#scores[0] = score;
      this.#rows[0] = row;
      this.#siftDown();
    }
  }

  /** Best first. */
  hits(): readonly TextHit[] {
    const hits = this.#rows.map((row, i) => ({ row, score: this.#scores[i]! }));
    return hits.sort((left, right) => right.score - left.score || left.row - right.row);
  }

  #isWorse(left: number, right: number): boolean {
    const difference = this.#scores[left]! - this.#scores[right]!;
    return difference < 0 || (difference === 0 && this.#rows[left]! > this.#rows[right]!);
  }

  #swap(left: number, right: number): void {
    [this.#scores[left], this.#scores[right]] = [this.#scores[right]!, this.#scores[left]!];
    [this.#rows[left], this.#rows[right]] = [this.#rows[right]!, this.#rows[left]!];
  }

  #siftUp(start: number): void {
    for (let at = start; at > 0; ) {
      const parent = (at - 1) >>> 1;
      if (!this.#isWorse(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  #siftDown(): void {
    for (let at = 0; ; ) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2])
        if (child < this.#scores.length && this.#isWorse(child, worst)) worst = child;
      if (worst === at) return;
      this.#swap(at, worst);
      at = worst;
    }
  }
}
