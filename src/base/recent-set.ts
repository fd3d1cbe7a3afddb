/** Remembers the latest `limit` things that were added to it; older ones are forgotten. */
export class RecentSet<T> {
  readonly #limit: number;
  readonly #values = new Set<T>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  has(value: T): boolean {
    return this.#values.has(value);
  }

  add(value: T): void {
    this.#values.add(value);
    if (this.#values.size <= this.#limit) return;
    // A set is walked in the order in which it was filled.
    for (const oldest of this.#values) {
      this.#values.delete(oldest);
      return;
    }
  }

  delete(value: T): void {
    this.#values.delete(value);
  }
}
