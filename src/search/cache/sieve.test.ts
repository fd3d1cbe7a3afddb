import { describe, expect, test } from "vitest";
import { createPrng } from "../../base/index.ts";
import { Sieve } from "./sieve.ts";

/** The same, written down as a list. */
class PlainSieve {
  /** The oldest first. */
  readonly members: { readonly id: number; isUsed: boolean }[] = [];
  #hand = 0;

  add(id: number): void {
    this.members.push({ id, isUsed: false });
  }

  use(id: number): void {
    for (const member of this.members) if (member.id === id) member.isUsed = true;
  }

  remove(id: number): void {
    const at = this.members.findIndex((member) => member.id === id);
    this.members.splice(at, 1);
    if (at < this.#hand) this.#hand--;
    // Behind the newest it begins anew, also when another one came meanwhile.
    if (this.#hand >= this.members.length) this.#hand = 0;
  }

  evict(): number | undefined {
    if (this.members.length === 0) return undefined;
    for (;;) {
      const member = this.members[this.#hand]!;
      if (!member.isUsed) {
        this.remove(member.id);
        return member.id;
      }
      member.isUsed = false;
      this.#hand = (this.#hand + 1) % this.members.length;
    }
  }
}

describe.each(Array.from({ length: 20 }, (_, at) => `sieve-${at}`))("seed %s", (seed) => {
  test("evicts in the order of its definition", () => {
    const prng = createPrng(seed);
    const capacity = prng.between(1, 12);
    const sieve = new Sieve(capacity);
    const plain = new PlainSieve();
    const free = Array.from({ length: capacity }, (_, id) => id);
    for (let step = 0; step < 500; step++) {
      const ids = plain.members.map(({ id }) => id);
      const one = ids.length === 0 ? undefined : prng.pick(ids);
      const chance = prng.below(10);
      if (chance < 4 && free.length > 0) {
        const id = free.shift()!;
        sieve.add(id);
        plain.add(id);
      } else if (chance < 7 && one !== undefined) {
        sieve.use(one);
        plain.use(one);
      } else if (chance < 8 && one !== undefined) {
        sieve.remove(one);
        plain.remove(one);
        free.push(one);
      } else {
        const evicted = plain.evict();
        expect(sieve.evict()).toBe(evicted);
        if (evicted !== undefined) free.push(evicted);
      }
      expect([sieve.size, plain.members.every(({ id }) => sieve.has(id))]).toEqual([
        plain.members.length,
        true,
      ]);
    }
  });
});

test("a scan does not push out what is asked for again", () => {
  const sieve = new Sieve(100);
  for (let id = 0; id < 50; id++) sieve.add(id);
  for (let id = 0; id < 25; id++) sieve.use(id);
  const evicted: number[] = [];
  for (let id = 50; id < 100; id++) {
    const out = sieve.evict();
    if (out !== undefined) evicted.push(out);
    sieve.add(id);
  }
  expect(evicted.every((id) => id >= 25)).toBe(true);
});
