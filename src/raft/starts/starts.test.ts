import { describe, expect, test } from "vitest";
import { type Disk, replaceFile } from "../../platform/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import { MAX_TOLD_STARTS, standingOf } from "./node-start.ts";
import { forgetStartCount, readStartCount, writeStartCount } from "./start-count.ts";
import { StartRecords } from "./start-records.ts";

const at = (number: number, nonce: number) => ({ number, nonce });

describe("of the starts that a node tells", () => {
  test.each([
    { what: "the first ever", starts: [at(1, 11)], greatest: undefined, standing: "later" },
    { what: "the same again", starts: [at(4, 14), at(5, 15)], greatest: at(5, 15), standing: "known" },
    { what: "one that follows", starts: [at(5, 15), at(6, 16)], greatest: at(5, 15), standing: "later" },
    {
      what: "one that follows over others",
      starts: [at(5, 15), at(6, 1), at(9, 2)],
      greatest: at(5, 15),
      standing: "later",
    },
    { what: "an earlier one", starts: [at(3, 13), at(4, 14)], greatest: at(5, 15), standing: "older" },
    {
      what: "the same number with another nonce",
      starts: [at(4, 14), at(5, 99)],
      greatest: at(5, 15),
      standing: "older",
    },
    {
      what: "a copy that was started more often",
      starts: [at(4, 14), at(5, 99), at(6, 98), at(7, 97)],
      greatest: at(5, 15),
      standing: "older",
    },
    {
      what: "a copy that left the accepted number out",
      starts: [at(4, 14), at(7, 97)],
      greatest: at(5, 15),
      standing: "older",
    },
    {
      what: "one that has forgotten so much",
      starts: [at(40, 1), at(41, 2)],
      greatest: at(5, 15),
      standing: "later",
    },
  ])("$what is $standing", ({ starts, greatest, standing }) => {
    expect(standingOf(starts, greatest)).toBe(standing);
  });
});

/** Of two nodes, each on its own machine, that lose power between their starts. */
class Directories {
  readonly simulation: Simulation;
  readonly machine: SimMachine;

  constructor(seed: string) {
    this.simulation = new Simulation(seed);
    this.machine = new SimMachine(this.simulation, "node-1");
  }

  open(startNumber: number): Promise<StartRecords> {
    const { disk, random, hasher } = this.machine.boot().platform;
    const checksum = (bytes: Uint8Array) => hasher.crc32c(bytes);
    const options = { disk, random, checksum, directory: "/raft", startNumber };
    return this.simulation.complete(prepare(disk).then(() => StartRecords.open(options)));
  }

  /** Of a process that has just started. */
  async disk(): Promise<Disk> {
    const { disk } = this.machine.boot().platform;
    await this.simulation.complete(prepare(disk));
    return disk;
  }

  async write(name: string, text: string): Promise<void> {
    const disk = await this.disk();
    await this.simulation.complete(replaceFile(disk, `/raft/${name}`, new TextEncoder().encode(text)));
  }

  async damage(name: string): Promise<void> {
    const { platform } = this.machine.boot();
    await this.simulation.complete(
      (async () => {
        const file = await platform.disk.open(`/raft/${name}`, "read-write");
        await file.write(20, [new Uint8Array([0x39])]);
        await file.syncData();
        await file.close();
      })(),
    );
    this.machine.crash("keep");
  }
}

async function prepare(disk: Disk): Promise<void> {
  await disk.makeDirectory("/raft");
  await disk.syncDirectory("/");
}

describe("the records of a node", () => {
  test("hold its starts over power losses, each with a number and a nonce of its own", async () => {
    const directories = new Directories("starts/own");
    const told: (readonly { readonly number: number; readonly nonce: number }[])[] = [];
    for (let start = 1; start <= MAX_TOLD_STARTS + 3; start++) {
      // The other count may be behind: a crash between the two.
      const { own } = await directories.open(Math.max(1, start - 1));
      expect(own.map(({ number }) => number)).toEqual(
        Array.from(
          { length: Math.min(start, MAX_TOLD_STARTS) },
          (_, i) => Math.max(1, start - MAX_TOLD_STARTS + 1) + i,
        ),
      );
      expect(own.slice(0, -1)).toEqual((told.at(-1) ?? []).slice(-(own.length - 1)).slice(0, own.length - 1));
      told.push(own);
      directories.machine.crash("drop");
    }
    expect(new Set(told.map((own) => own.at(-1)?.nonce)).size).toBe(told.length);
  });

  test("keep the greatest start of each peer over a power loss, from the moment in which it was admitted", async () => {
    const directories = new Directories("starts/peers");
    const first = await directories.open(1);
    expect(await directories.simulation.complete(Promise.resolve(first.admit(2, [at(7, 70)])))).toBe(true);
    expect(first.admit(2, [at(7, 70)])).toBe(true);
    directories.machine.crash("drop");
    const second = await directories.open(2);
    expect(second.admit(2, [at(6, 60)])).toBe(false);
    expect(second.admit(2, [at(7, 71)])).toBe(false);
    expect(second.admit(2, [at(7, 70)])).toBe(true);
    // Removed: another one of that number is a new node.
    second.forget(2);
    expect(await directories.simulation.complete(Promise.resolve(second.admit(2, [at(1, 1)])))).toBe(true);
  });

  test("admit one of two that come at once", async () => {
    const directories = new Directories("starts/twice");
    const records = await directories.open(1);
    const [one, other] = [records.admit(2, [at(7, 70)]), records.admit(2, [at(7, 70), at(8, 80)])];
    expect(await directories.simulation.complete(Promise.all([one, other]))).toEqual([false, true]);
    expect(records.admit(2, [at(7, 70), at(8, 81)])).toBe(false);
  });

  test("that cannot be written admit nobody, and may be asked again", async () => {
    const directories = new Directories("starts/full");
    const records = await directories.open(1);
    const { faults } = directories.machine.volume;
    faults.intercept = (operation) => (operation === "sync" ? "io" : undefined);
    for (let i = 0; i < 2; i++) {
      const admitted = Promise.resolve(records.admit(2, [at(7, 70)]));
      await expect(directories.simulation.complete(admitted)).rejects.toMatchObject({ name: "DiskError" });
    }
    faults.intercept = undefined;
    expect(await directories.simulation.complete(Promise.resolve(records.admit(2, [at(7, 70)])))).toBe(true);
  });

  test("that are damaged are begun anew, with a number that was never told", async () => {
    const directories = new Directories("starts/damaged");
    const first = await directories.open(1);
    await directories.simulation.complete(Promise.resolve(first.admit(2, [at(7, 70)])));
    directories.machine.crash("drop");
    await directories.damage("own-starts");
    await directories.damage("peer-starts");
    const second = await directories.open(2);
    expect(second.own).toHaveLength(1);
    expect(standingOf(second.own, first.own.at(-1))).toBe("later");
    expect(await directories.simulation.complete(Promise.resolve(second.admit(2, [at(1, 1)])))).toBe(true);
  });
});

describe("what versions to come must read", () => {
  test("are rows of numbers with a checksum", async () => {
    const directories = new Directories("starts/format");
    await directories.write(
      "own-starts",
      "skerry starts 1\n4 8102938102\n5 9007199254740991\ncrc32c a2dd3548\n",
    );
    await directories.write("peer-starts", "skerry starts 1\n2 7 70\n3 9 90\ncrc32c 68a0bfe2\n");
    const records = await directories.open(5);
    expect(records.own.slice(0, -1)).toEqual([at(4, 8102938102), at(5, 9007199254740991)]);
    expect(records.own.at(-1)?.number).toBe(6);
    expect([records.admit(2, [at(7, 70)]), records.admit(3, [at(8, 1)])]).toEqual([true, false]);
  });

  test("is a count in digits, and 0 for anything else", async () => {
    const directories = new Directories("starts/count");
    const { simulation } = directories;
    const count = async (): Promise<number> =>
      simulation.complete(readStartCount(await directories.disk(), "/raft"));
    expect(await count()).toBe(0);
    await simulation.complete(writeStartCount(await directories.disk(), "/raft", 17));
    directories.machine.crash("drop");
    expect(await count()).toBe(17);
    for (const [text, expected] of [
      ["18\n", 18],
      ["18", 0],
      ["018\n", 0],
      ["", 0],
      ["18\n19\n", 0],
    ] as const) {
      await directories.write("starts", text);
      expect(await count(), JSON.stringify(text)).toBe(expected);
    }
    await directories.write("starts", "18\n");
    for (let i = 0; i < 2; i++) {
      await simulation.complete(forgetStartCount(await directories.disk(), "/raft"));
      directories.machine.crash("drop");
      expect(await count()).toBe(0);
    }
  });
});
