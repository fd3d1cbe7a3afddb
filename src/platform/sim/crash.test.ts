import { describe, expect, it } from "vitest";
import { DiskError } from "../errors.ts";
import type { DiskFile, OrderedStore, Platform } from "../ports.ts";
import { SimMachine, Simulation } from "./index.ts";

const SECTOR = 512;
/** Enough for every outcome that may happen to have happened. */
const SEEDS = Array.from({ length: 60 }, (_, seed) => seed);

class World {
  readonly simulation: Simulation;
  readonly machine: SimMachine;
  platform: Platform;

  constructor(seed: number) {
    this.simulation = new Simulation(seed);
    this.machine = new SimMachine(this.simulation, "m");
    this.platform = this.machine.boot().platform;
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.simulation.complete(promise);
  }

  reboot(unsynced: "keep" | "drop" | "random" = "random"): void {
    this.machine.crash(unsynced);
    this.platform = this.machine.boot().platform;
  }

  async create(path: string): Promise<DiskFile> {
    const file = await this.run(this.platform.disk.open(path, "create"));
    await this.run(this.platform.disk.syncDirectory("/"));
    return file;
  }

  async content(path: string): Promise<string | undefined> {
    const { disk } = this.platform;
    if (!(await this.run(disk.exists(path)))) return undefined;
    const file = await this.run(disk.open(path, "read"));
    const bytes = new Uint8Array(await this.run(file.sizeBytes()));
    await this.run(file.read(0, bytes));
    // "_": a byte that the file has grown over without being written.
    return new TextDecoder().decode(bytes).replaceAll("\0", "_");
  }
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

/** The outcomes over all seeds, each with how often it came. */
async function outcomes(once: (world: World) => Promise<unknown>): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const seed of SEEDS) {
    const outcome = String(await once(new World(seed)));
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
  }
  return counts;
}

describe("what a crash does to files", () => {
  it("synced bytes always survive", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.create("/f");
      await world.run(file.write(0, [text("durable")]));
      await world.run(file.syncData());
      world.reboot();
      return await world.content("/f");
    });
    expect([...found.keys()]).toEqual(["durable"]);
  });

  it("unsynced bytes survive or do not, and bytes under them stay", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.create("/f");
      await world.run(file.write(0, [text("old!")]));
      await world.run(file.syncData());
      await world.run(file.write(0, [text("new.")]));
      world.reboot();
      return await world.content("/f");
    });
    expect([...found.keys()].sort()).toEqual(["new.", "old!"]);
  });

  it("later writes may survive earlier ones", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.create("/f");
      await world.run(file.write(0, [text("a")]));
      await world.run(file.write(1, [text("b")]));
      world.reboot();
      return await world.content("/f");
    });
    for (const outcome of ["", "a", "ab", "_b"]) expect([...found.keys()]).toContain(outcome);
  });

  it("a long write is torn between sectors, and only there", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.create("/f");
      await world.run(file.write(100, [new Uint8Array(3 * SECTOR).fill(120)]));
      world.reboot();
      const content = (await world.content("/f")) ?? "";
      const pieces = [
        content.slice(100, SECTOR),
        content.slice(SECTOR, 2 * SECTOR),
        content.slice(2 * SECTOR, 3 * SECTOR),
        content.slice(3 * SECTOR),
      ];
      for (const piece of pieces) expect(new Set(piece).size).toBeLessThan(2);
      return pieces.map((piece) => (piece.startsWith("x") ? "x" : "_")).join("");
    });
    expect([...found.keys()]).toEqual(expect.arrayContaining(["xxxx", "____"]));
    expect(found.size).toBeGreaterThan(4);
  });

  it("a write that was not answered may be there all the same, and is never answered", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.create("/f");
      let isAnswered = false;
      void file.write(0, [text("x")]).then(() => {
        isAnswered = true;
      });
      world.reboot();
      const content = await world.content("/f");
      await world.simulation.runFor(100);
      expect(isAnswered).toBe(false);
      return content;
    });
    expect([...found.keys()].sort()).toEqual(["", "_", "x"]);
  });

  it("a sync covers what was written before it, not what is written while it runs", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.create("/f");
      await world.run(file.write(0, [text("a")]));
      const sync = file.syncData();
      const write = file.write(1, [text("b")]);
      await world.run(Promise.all([sync, write]));
      world.reboot();
      return await world.content("/f");
    });
    expect([...found.keys()].sort()).toEqual(["a", "a_", "ab"]);
  });

  it("keep and drop do so with everything", async () => {
    for (const [unsynced, expected] of [
      ["keep", "abc"],
      ["drop", "a"],
    ] as const) {
      const world = new World(1);
      const file = await world.create("/f");
      await world.run(file.write(0, [text("a")]));
      await world.run(file.syncData());
      await world.run(file.write(1, [text("b")]));
      await world.run(file.write(2, [text("c")]));
      world.reboot(unsynced);
      expect(await world.content("/f")).toBe(expected);
    }
  });

  it("kill -9 loses nothing that was answered", async () => {
    const world = new World(1);
    const file = await world.create("/f");
    await world.run(file.write(0, [text("abc")]));
    world.machine.kill();
    world.platform = world.machine.boot().platform;
    expect(await world.content("/f")).toBe("abc");
  });
});

describe("what a crash does to directories", () => {
  it("a file whose directory was not synced may be gone, synced as its bytes are", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.run(world.platform.disk.open("/f", "create"));
      await world.run(file.write(0, [text("x")]));
      await world.run(file.syncData());
      world.reboot();
      return await world.content("/f");
    });
    expect([...found.keys()].sort()).toEqual(["undefined", "x"]);
  });

  it("a rename shows the old file or the new one, never none and never half of it", async () => {
    const found = await outcomes(async (world) => {
      for (const name of ["old", "new"]) {
        const file = await world.create(`/${name}`);
        await world.run(file.write(0, [text(name)]));
        await world.run(file.syncData());
      }
      await world.run(world.platform.disk.rename("/new", "/old"));
      world.reboot();
      return `${await world.content("/old")} ${await world.content("/new")}`;
    });
    expect([...found.keys()].sort()).toEqual(["new undefined", "old new"]);
  });

  it("a synced rename of bytes that were not synced may show an empty file: why one syncs first", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.create("/new");
      await world.run(file.write(0, [text("x")]));
      await world.run(world.platform.disk.rename("/new", "/f"));
      await world.run(world.platform.disk.syncDirectory("/"));
      world.reboot();
      return await world.content("/f");
    });
    expect([...found.keys()].sort()).toEqual(["", "_", "x"]);
  });

  it("a removal may come back, and a removed tree in part", async () => {
    const found = await outcomes(async (world) => {
      const { disk } = world.platform;
      await world.run(disk.makeDirectory("/t"));
      await world.create("/t/a");
      await world.create("/t/b");
      await world.run(disk.syncDirectory("/t"));
      await world.run(disk.removeTree("/t"));
      world.reboot();
      if (!(await world.run(world.platform.disk.exists("/t")))) return "gone";
      return (await world.run(world.platform.disk.list("/t"))).map(({ name }) => name).join("");
    });
    expect([...found.keys()].sort()).toEqual(["", "a", "ab", "b", "gone"]);
  });
});

describe("what a crash does to stores", () => {
  const put = (store: OrderedStore, key: string, sync = false): Promise<void> =>
    store.write(
      [
        { kind: "put", key, value: text(key) },
        { kind: "put", key: `${key}'`, value: text(key) },
      ],
      { sync },
    );

  it("a synced batch and all before it survive; of the later ones a first part does, each batch whole", async () => {
    const found = await outcomes(async (world) => {
      const store = await world.run(world.platform.stores.open("/s"));
      await world.run(put(store, "a"));
      await world.run(put(store, "b", true));
      await world.run(put(store, "c"));
      await world.run(put(store, "d"));
      world.reboot();
      const again = await world.run(world.platform.stores.open("/s"));
      return (await world.run(again.page({ limit: 10 }))).map(({ key }) => key).join("");
    });
    expect([...found.keys()].sort()).toEqual(["aa'bb'", "aa'bb'cc'", "aa'bb'cc'dd'"]);
  });

  it("kill -9 loses no batch that was answered, and frees the lock", async () => {
    const world = new World(1);
    const store = await world.run(world.platform.stores.open("/s"));
    await world.run(put(store, "a"));
    await expect(world.run(world.platform.stores.open("/s"))).rejects.toMatchObject({ code: "locked" });
    world.machine.kill();
    const again = await world.run(world.machine.boot().platform.stores.open("/s"));
    expect(again.get("a")).toEqual(text("a"));
  });

  it("a store moves and goes with its directory", async () => {
    const world = new World(1);
    const { disk, stores } = world.platform;
    const store = await world.run(stores.open("/new"));
    await world.run(put(store, "a", true));
    await world.run(store.close());
    expect(await world.run(disk.list("/new"))).not.toEqual([]);
    await world.run(disk.rename("/new", "/s"));
    await world.run(disk.syncDirectory("/"));
    world.reboot();
    const moved = await world.run(world.platform.stores.open("/s"));
    expect(moved.get("a")).toEqual(text("a"));
    await world.run(moved.close());
    await world.run(world.platform.disk.removeTree("/s"));
    const fresh = await world.run(world.platform.stores.open("/s"));
    expect(fresh.get("a")).toBeUndefined();
  });

  it("a new store is durable as a directory", async () => {
    const world = new World(1);
    await world.run(world.platform.stores.open("/deep/er/s"));
    world.reboot("drop");
    expect(await world.run(world.platform.disk.exists("/deep/er/s"))).toBe(true);
  });
});

describe("faults", () => {
  const codeOf = async (promise: Promise<unknown>): Promise<unknown> => {
    const error = await promise.then(
      () => "resolved",
      (reason: unknown) => reason,
    );
    return error instanceof DiskError ? error.code : error;
  };

  it("errors come with the probability asked for, and no others", async () => {
    const world = new World(1);
    const file = await world.create("/f");
    world.machine.volume.faults.writeError = 1;
    expect(await codeOf(world.run(file.write(0, [text("x")])))).toBe("io");
    expect(await codeOf(world.run(file.read(0, new Uint8Array(1))))).toBe("resolved");
    expect(await codeOf(world.run(file.syncData()))).toBe("resolved");
    world.machine.volume.faults.writeError = 0;
    world.machine.volume.faults.readError = 1;
    expect(await codeOf(world.run(file.write(0, [text("x")])))).toBe("resolved");
    expect(await codeOf(world.run(file.read(0, new Uint8Array(1))))).toBe("io");
    world.machine.volume.faults.readError = 0;
    world.machine.volume.faults.syncError = 1;
    expect(await codeOf(world.run(file.syncData()))).toBe("io");
    expect(await codeOf(world.run(world.platform.disk.syncDirectory("/")))).toBe("io");
  });

  it("a write that fails may have been carried out in part", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.create("/f");
      world.machine.volume.faults.writeError = 1;
      await codeOf(world.run(file.write(0, [text("abc")])));
      return await world.run(file.sizeBytes());
    });
    expect([...found.keys()].sort()).toEqual(["0", "1", "2", "3"]);
  });

  it("after a sync that failed, a later one that succeeds does not bring everything to the disk", async () => {
    const found = await outcomes(async (world) => {
      const file = await world.create("/f");
      await world.run(file.write(0, [text("x")]));
      world.machine.volume.faults.syncError = 1;
      await codeOf(world.run(file.syncData()));
      world.machine.volume.faults.syncError = 0;
      await world.run(file.syncData());
      expect(await world.content("/f")).toBe("x");
      world.reboot("keep");
      return await world.content("/f");
    });
    expect([...found.keys()].sort()).toEqual(["", "x"]);
  });

  it("a full disk takes what fits, and takes more when there is room again", async () => {
    const world = new World(1);
    const file = await world.create("/f");
    world.machine.volume.faults.capacityBytes = 5;
    expect(await codeOf(world.run(file.write(0, [text("abc"), text("defg")])))).toBe("no-space");
    expect(await world.content("/f")).toBe("abcde");
    expect(await codeOf(world.run(file.write(0, [text("ABCDE")])))).toBe("resolved");
    expect(await world.run(world.platform.disk.space("/"))).toEqual({ totalBytes: 5, freeBytes: 0 });
    await world.run(file.truncate(0));
    expect(await codeOf(world.run(file.write(0, [text("xy")])))).toBe("resolved");
  });

  it("a read-only disk refuses changes and gives what it has", async () => {
    const world = new World(1);
    const file = await world.create("/f");
    await world.run(file.write(0, [text("x")]));
    world.machine.volume.faults.isReadOnly = true;
    const { disk } = world.platform;
    expect(await codeOf(world.run(file.write(0, [text("y")])))).toBe("read-only");
    expect(await codeOf(world.run(file.truncate(0)))).toBe("read-only");
    expect(await codeOf(world.run(disk.open("/g", "create")))).toBe("read-only");
    expect(await codeOf(world.run(disk.remove("/f")))).toBe("read-only");
    expect(await codeOf(world.run(disk.rename("/f", "/g")))).toBe("read-only");
    expect(await codeOf(world.run(disk.makeDirectory("/d")))).toBe("read-only");
    expect(world.machine.volume.files()).toEqual([{ path: "/f", sizeBytes: 1 }]);
  });

  it("a lying disk loses what it said was durable", async () => {
    const world = new World(1);
    const file = await world.create("/f");
    world.machine.volume.faults.isLying = true;
    await world.run(file.write(0, [text("x")]));
    await world.run(file.syncData());
    world.reboot("drop");
    expect(await world.content("/f")).toBe("");
  });

  it("bits rot where they are told to", async () => {
    const world = new World(1);
    const file = await world.create("/f");
    await world.run(file.write(0, [text("aaa")]));
    await world.run(file.syncData());
    world.machine.volume.flipBit("/f", 1, 1);
    expect(await world.content("/f")).toBe("aca");
    world.reboot();
    expect(await world.content("/f")).toBe("aca");
  });

  it("a damaged row fails until it is written again", async () => {
    const world = new World(1);
    const store = await world.run(world.platform.stores.open("/s"));
    await world.run(store.write([{ kind: "put", key: "k", value: text("v") }]));
    world.machine.volume.damageRow("/s", "k");
    expect(() => store.get("k")).toThrow(DiskError);
    expect(await codeOf(world.run(store.page({ limit: 1 })))).toBe("damaged");
    await world.run(store.write([{ kind: "put", key: "k", value: text("w") }]));
    expect(store.get("k")).toEqual(text("w"));
  });

  it("single calls can be chosen to fail, and a failed batch changes nothing", async () => {
    const world = new World(1);
    const store = await world.run(world.platform.stores.open("/s"));
    world.machine.volume.faults.intercept = (operation, path) =>
      operation === "store-write" && path === "/s" ? "no-space" : undefined;
    expect(await codeOf(world.run(store.write([{ kind: "put", key: "k", value: text("v") }])))).toBe(
      "no-space",
    );
    world.machine.volume.faults.intercept = undefined;
    expect(store.get("k")).toBeUndefined();
  });

  it("a store of which a write failed takes no more until it is opened again", async () => {
    const world = new World(1);
    const { volume } = world.machine;
    const store = await world.run(world.platform.stores.open("/s"));
    const write = (into: OrderedStore, key: string) =>
      world.run(into.write([{ kind: "put", key, value: text("v") }], { sync: true }));
    await write(store, "before");
    volume.faults.intercept = (operation) => (operation === "store-write" ? "no-space" : undefined);
    expect(await codeOf(write(store, "failed"))).toBe("no-space");
    volume.faults.intercept = undefined;
    expect(await codeOf(write(store, "after"))).toBe("no-space");
    expect(store.get("before")).toEqual(text("v"));
    await world.run(store.close());
    const again = await world.run(world.platform.stores.open("/s"));
    expect(["before", "failed", "after"].map((key) => again.get(key))).toEqual([
      text("v"),
      undefined,
      undefined,
    ]);
    await write(again, "after");
    expect(again.get("after")).toEqual(text("v"));
  });

  it("tells what of a file would be there after a power loss, and changes nothing", async () => {
    const world = new World(1);
    const { volume } = world.machine;
    const file = await world.create("/f");
    await world.run(file.write(0, [text("durable")]));
    await world.run(file.syncData());
    await world.run(file.write(0, [text("changed")]));
    await world.run(world.platform.disk.open("/g", "create"));
    expect(new TextDecoder().decode(volume.durableBytes("/f"))).toBe("durable");
    expect(volume.durableBytes("/g")).toBeUndefined();
    expect(await world.content("/f")).toBe("changed");
    expect(await world.content("/g")).toBe("");
  });

  it("a wiped disk is empty", async () => {
    const world = new World(1);
    await world.create("/f");
    world.machine.crash();
    world.machine.volume.wipe();
    world.platform = world.machine.boot().platform;
    expect(await world.content("/f")).toBeUndefined();
  });
});
