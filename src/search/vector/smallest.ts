/** The smallest `k` of the numbers of all lists, ascending; all when there are fewer. */
export function smallest(k: number, lists: readonly Float32Array[]): Float32Array {
  const heap = new SmallestNumbers(k);
  for (const list of lists) for (let i = 0; i < list.length; i++) heap.offer(list[i]!);
  return heap.toSorted();
}

/** Keeps the smallest `k` of what it is offered: a heap with the largest of them on top. */
export class SmallestNumbers {
  readonly #heap: Float32Array;
  #count = 0;

  constructor(k: number) {
    this.#heap = new Float32Array(k);
  }

  /** What an offer has to be below: infinity while there is room. */
  get threshold(): number {
    return this.#count < this.#heap.length ? Number.POSITIVE_INFINITY : (this.#heap[0] ?? -Infinity);
  }

  offer(value: number): void {
    const heap = this.#heap;
    if (this.#count < heap.length) {
      this.#rise(value);
    } else if (value < heap[0]!) {
      this.#sink(value);
    }
  }

  toSorted(): Float32Array {
    return this.#heap.slice(0, this.#count).sort();
  }

  #rise(value: number): void {
    const heap = this.#heap;
    let at = this.#count++;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (heap[parent]! >= value) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = value;
  }

  /** In the place of the largest. */
  #sink(value: number): void {
    const heap = this.#heap;
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1]! > heap[child]!) child++;
      if (heap[child]! <= value) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = value;
  }
}
