import { describe, expect, test } from "vitest";
import { createPrng } from "./prng.ts";
import { SHARED_TABLE_SEED_BYTES, SharedTable } from "./shared-table.ts";

const shape = { capacity: 5, values: 2, totals: 1 };
const seedOf = (label: string) => createPrng(label).bytes(SHARED_TABLE_SEED_BYTES);

/** A table whose names can be told by their values. */
class Named {
  readonly table: SharedTable;
  /** The number of the last name that was added. */
  #last = 0;

  constructor(memory: SharedArrayBuffer) {
    this.table = new SharedTable(memory);
  }

  /** What the table has for it. */
  get(name: string): number | undefined {
    this.table.lockFor(name);
    const entry = this.table.find();
    const value = entry === 0 ? undefined : this.table.value(entry, 1);
    this.table.unlock();
    return value;
  }

  add(name: string): number | undefined {
    this.table.lockFor(name);
    const entry = this.table.add();
    if (entry !== 0) {
      // What an earlier name had at this place is gone.
      expect([this.table.value(entry, 0), this.table.value(entry, 1)]).toEqual([0, 0]);
      this.table.setValue(entry, 0, -1);
      this.table.setValue(entry, 1, ++this.#last);
    }
    this.table.unlock();
    return entry === 0 ? undefined : this.#last;
  }

  with(name: string, change: (entry: number) => void): void {
    this.table.lockFor(name);
    const entry = this.table.find();
    if (entry !== 0) change(entry);
    this.table.unlock();
  }

  /** Takes the oldest away; what it had. */
  shift(): number | undefined {
    this.table.lock();
    const { oldest } = this.table;
    const value = oldest === 0 ? undefined : this.table.value(oldest, 1);
    if (oldest !== 0) this.table.remove(oldest);
    this.table.unlock();
    return value;
  }
}

describe("a table of several threads", () => {
  test("holds what a Map in order of last use holds", () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const prng = createPrng(seed);
    for (const capacity of [1, 2, 5, 16, 33]) {
      const named = new Named(SharedTable.memory({ ...shape, capacity }, seedOf(`${seed}`)));
      const model = new Map<string, number>();
      for (let step = 0; step < 3_000; step++) {
        const name = `name ${prng.below(2 * capacity)}`;
        const known = model.get(name);
        expect(named.get(name), `seed ${seed}`).toBe(known);
        const choice = prng.below(8);
        if (known === undefined && choice < 5) {
          const added = named.add(name);
          expect(added !== undefined, `seed ${seed}`).toBe(model.size < capacity);
          if (added !== undefined) model.set(name, added);
        } else if (choice < 4) {
          named.with(name, (entry) => named.table.touch(entry));
          if (model.delete(name) && known !== undefined) model.set(name, known);
        } else if (choice < 6) {
          named.with(name, (entry) => named.table.remove(entry));
          model.delete(name);
        } else if (choice === 6) {
          const [oldest] = model;
          expect(named.shift(), `seed ${seed}`).toBe(oldest?.[1]);
          if (oldest !== undefined) model.delete(oldest[0]);
        }
        expect(named.table.size, `seed ${seed}`).toBe(model.size);
        expect(named.table.isFull, `seed ${seed}`).toBe(model.size === capacity);
      }
      const rest = Array.from({ length: model.size }, () => named.shift());
      expect(rest, `seed ${seed}`).toEqual([...model.values()]);
      expect(named.shift()).toBeUndefined();
    }
  });

  test("is one for all who have its memory", () => {
    const memory = SharedTable.memory(shape, seedOf("one"));
    const [first, second] = [new Named(memory), new Named(memory)];
    first.add("a");
    expect(second.get("a")).toBe(1);
    second.table.lock();
    second.table.addToTotal(0, 2.5);
    second.table.unlock();
    first.table.lock();
    expect(first.table.total(0)).toBe(2.5);
    first.table.unlock();
  });

  test("is of a size that its seed and shape allow, or is not made", () => {
    expect(() => SharedTable.memory({ ...shape, capacity: 0 }, seedOf(""))).toThrow(
      "room for 1 to 2^24 names",
    );
    expect(() => SharedTable.memory({ ...shape, capacity: 2 ** 24 + 1 }, seedOf(""))).toThrow("2^24");
    expect(() => SharedTable.memory(shape, new Uint8Array(15))).toThrow("has 16 bytes");
  });
});
