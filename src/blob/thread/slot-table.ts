/** Things under numbers that are used again: the table is never longer than the most things that there were at once. */
export class SlotTable<T> {
  readonly #slots: (T | undefined)[] = [];
  readonly #free: number[] = [];

  get size(): number {
    return this.#slots.length - this.#free.length;
  }

  add<Added extends T>(make: (slot: number) => Added): Added {
    const slot = this.#free.pop() ?? this.#slots.length;
    const thing = make(slot);
    this.#slots[slot] = thing;
    return thing;
  }

  get(slot: number): T | undefined {
    return this.#slots[slot];
  }

  /** One that is there. */
  delete(slot: number): void {
    this.#slots[slot] = undefined;
    this.#free.push(slot);
  }

  /** Those that are there now: the table may change meanwhile. */
  values(): T[] {
    return this.#slots.filter((thing) => thing !== undefined);
  }
}
