/** What a `TransientSet` holds. */
export interface Transient {
  /** Where it stands in the set that holds it, which alone writes it; -1: in none. */
  place: number;
}

/**
 * A set of things that come and go all the time, such as the requests under way. Not in the order in which they came.
 *
 * A `Set` or `Map` of the language will not do for them. V8 makes a new table whenever enough has been deleted, and the old one keeps what it held and
 * points to the new one. Once such a table has grown old enough for the old generation, nothing but a full collection frees it, and until then it keeps all
 * tables after it, with everything that ever was in them, from the collections of the young generation: they copy what has long been over.
 */
export class TransientSet<T extends Transient> implements Iterable<T> {
  readonly #members: T[] = [];

  get size(): number {
    return this.#members.length;
  }

  has(member: T): boolean {
    return this.#members[member.place] === member;
  }

  /** It must not be in another set. */
  add(member: T): void {
    if (this.has(member)) return;
    member.place = this.#members.length;
    this.#members.push(member);
  }

  /** Whether it was there. */
  delete(member: T): boolean {
    if (!this.has(member)) return false;
    const last = this.#members.pop() as T;
    if (last !== member) {
      this.#members[member.place] = last;
      last.place = member.place;
    }
    member.place = -1;
    return true;
  }

  clear(): void {
    for (const member of this.#members) member.place = -1;
    this.#members.length = 0;
  }

  /** Those that are there now: the set may change meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    return [...this.#members][Symbol.iterator]();
  }
}
