import { assert } from "../../base/index.ts";

const NONE = -1;

/**
 * Which of the members 0..capacity-1 goes next: SIEVE (Zhang et al., NSDI 2024). Members stand in the order in which they came. A hand goes from the
 * oldest to the newest and round again; it passes over who was used since it came by last, and takes the first who was not. So what a scan brings goes
 * before what is asked for again, and a hit moves nothing.
 */
export class Sieve {
  readonly #newer: Int32Array;
  readonly #older: Int32Array;
  readonly #isMember: Uint8Array;
  readonly #isUsed: Uint8Array;
  #oldest = NONE;
  #newest = NONE;
  #hand = NONE;
  #size = 0;

  constructor(capacity: number) {
    this.#newer = new Int32Array(capacity).fill(NONE);
    this.#older = new Int32Array(capacity).fill(NONE);
    this.#isMember = new Uint8Array(capacity);
    this.#isUsed = new Uint8Array(capacity);
  }

  get size(): number {
    return this.#size;
  }

  has(member: number): boolean {
    return this.#isMember[member] === 1;
  }

  /** As the newest. */
  add(member: number): void {
    assert(this.#isMember[member] === 0, "search.sieve-new");
    this.#isMember[member] = 1;
    this.#isUsed[member] = 0;
    this.#older[member] = this.#newest;
    this.#newer[member] = NONE;
    if (this.#newest === NONE) this.#oldest = member;
    else this.#newer[this.#newest] = member;
    this.#newest = member;
    this.#size++;
  }

  use(member: number): void {
    this.#isUsed[member] = 1;
  }

  remove(member: number): void {
    assert(this.#isMember[member] === 1, "search.sieve-known");
    const [newer, older] = [this.#newer[member]!, this.#older[member]!];
    if (this.#hand === member) this.#hand = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    this.#isMember[member] = 0;
    this.#size--;
  }

  /** Takes out who goes next; undefined: there is nobody. */
  evict(): number | undefined {
    if (this.#size === 0) return undefined;
    let at = this.#hand === NONE ? this.#oldest : this.#hand;
    // It ends: the first round leaves nobody used.
    while (this.#isUsed[at] === 1) {
      this.#isUsed[at] = 0;
      const next = this.#newer[at]!;
      at = next === NONE ? this.#oldest : next;
    }
    this.#hand = at;
    this.remove(at);
    return at;
  }
}
