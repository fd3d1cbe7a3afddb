/** A row and how good it is: higher is better. */
export interface VectorHit {
  readonly row: number;
  readonly score: number;
}

/** The best `k` of what was offered, ties by the smaller row: a heap with the worst that is kept on top. Order of the offers does not matter. */
export class TopHits {
  readonly #k: number;
  readonly #heap: VectorHit[] = [];

  constructor(k: number) {
    this.#k = k;
  }

  /** What an offer must reach: -Infinity while there is room. */
  get threshold(): number {
    return this.#heap.length < this.#k ? -Infinity : (this.#heap[0]?.score ?? Infinity);
  }

  offer(row: number, score: number): void {
    if (score < this.threshold || this.#k === 0) return;
    const hit = { row, score };
    if (this.#heap.length < this.#k) {
      this.#heap.push(hit);
      this.#rise(this.#heap.length - 1);
    } else if (isWorse(this.#heap[0]!, hit)) {
      this.#heap[0] = hit;
      this.#sink(0);
    }
  }

  /** Best first. */
  toSorted(): VectorHit[] {
    return this.#heap.toSorted((a, b) => (isWorse(a, b) ? 1 : -1));
  }

  #rise(from: number): void {
    const heap = this.#heap;
    for (let at = from; at > 0; ) {
      const parent = (at - 1) >>> 1;
      if (!isWorse(heap[at]!, heap[parent]!)) return;
      [heap[at], heap[parent]] = [heap[parent]!, heap[at]!];
      at = parent;
    }
  }

  #sink(from: number): void {
    const heap = this.#heap;
    for (let at = from; ; ) {
      let worst = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < heap.length && isWorse(heap[child]!, heap[worst]!)) worst = child;
      }
      if (worst === at) return;
      [heap[at], heap[worst]] = [heap[worst]!, heap[at]!];
      at = worst;
    }
  }
}

function isWorse(a: VectorHit, b: VectorHit): boolean {
  return a.score < b.score || (a.score === b.score && a.row > b.row);
}
