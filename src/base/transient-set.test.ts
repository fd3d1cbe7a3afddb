import { execFileSync } from "node:child_process";
import { describe, expect, test } from "vitest";
import { createPrng } from "./prng.ts";
import { type Transient, TransientSet } from "./transient-set.ts";

interface Guest extends Transient {
  readonly name: number;
}

const guest = (name: number): Guest => ({ name, place: -1 });
const namesOf = (set: TransientSet<Guest>): number[] =>
  [...set].map(({ name }) => name).sort((a, b) => a - b);

describe("a set of things that come and go", () => {
  test("holds what a Set holds", () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    const prng = createPrng(seed);
    const guests = Array.from({ length: 20 }, (_, name) => guest(name));
    const set = new TransientSet<Guest>();
    const model = new Set<Guest>();
    for (let step = 0; step < 2_000; step++) {
      const one = guests[prng.below(guests.length)] as Guest;
      if (prng.below(2) === 0) {
        set.add(one);
        model.add(one);
      } else {
        expect(set.delete(one), `seed ${seed}`).toBe(model.delete(one));
      }
      expect(set.size, `seed ${seed}`).toBe(model.size);
      expect(set.has(one), `seed ${seed}`).toBe(model.has(one));
      expect(namesOf(set), `seed ${seed}`).toEqual([...model].map(({ name }) => name).sort((a, b) => a - b));
    }
  });

  test("may be changed while it is walked", () => {
    const set = new TransientSet<Guest>();
    for (let name = 0; name < 5; name++) set.add(guest(name));
    const seen: number[] = [];
    for (const one of set) {
      seen.push(one.name);
      set.delete(one);
    }
    expect(seen).toEqual([0, 1, 2, 3, 4]);
    expect(set.size).toBe(0);
  });

  test("lets go of all at once, and takes them again", () => {
    const set = new TransientSet<Guest>();
    const guests = [guest(1), guest(2)];
    for (const one of guests) set.add(one);
    set.clear();
    expect(guests.map((one) => set.has(one))).toEqual([false, false]);
    for (const one of guests) set.add(one);
    expect(namesOf(set)).toEqual([1, 2]);
  });

  test("does not keep what has left from the collections of the young generation", () => {
    const grown = (kind: string): number =>
      Number(execFileSync(process.execPath, ["--expose-gc", "-e", CHURN, kind]));
    const [transient, set, map] = ["transient", "set", "map"].map(grown);
    // 20,000 members of a kilobyte come and go, 64 at a time.
    expect(transient).toBeLessThan(1_000_000);
    // If these hold no more either, the class has lost its reason.
    expect(Math.max(set as number, map as number)).toBeGreaterThan(5_000_000);
  });
});

/** Prints how many bytes the old generation has grown by. */
const CHURN = `
  const { getHeapSpaceStatistics } = require("node:v8");
  const { TransientSet } = require(${JSON.stringify(new URL("./transient-set.ts", import.meta.url).pathname)});
  const old = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space").space_used_size;
  const held = { transient: new TransientSet(), set: new Set(), map: new Map() }[process.argv[1]];
  const isMap = held instanceof Map;
  const under = [];
  const churn = (count) => {
    for (let i = 0; i < count; i++) {
      if (under.length === 64) {
        const gone = under.shift();
        held.delete(isMap ? gone.name : gone);
      }
      const one = { place: -1, name: i, bytes: Array.from({ length: 128 }, (_, k) => k) };
      under.push(one);
      if (isMap) held.set(i, one);
      else held.add(one);
      if (i % 500 === 0) gc({ type: "minor" });
    }
  };
  churn(2_000);
  gc();
  const before = old();
  churn(20_000);
  console.log(old() - before);
`;
