import { describe, expect, it } from "vitest";
import type { Platform } from "../../platform/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import {
  type AuditEntry,
  AuditLog,
  type AuditLogOptions,
  createMetrics,
  SILENT_LOGGER,
  verifyAuditLog,
} from "../index.ts";
import { prepareEntry as prepareAt } from "./record.ts";

const DIRECTORY = "/data/audit";

function entry(number: number): AuditEntry {
  return {
    requestId: `R${number}`,
    keyFingerprint: "0a1b2c3d",
    role: "writer",
    bucket: "b",
    key: `k"${number}\n\u{1f600}`,
    operation: "s3:PutObject",
    outcome: "ok",
    sourceAddress: "127.0.0.1",
  };
}

function prepareEntry(each: AuditEntry): string {
  return prepareAt(each, "2026-01-02T03:04:05.678Z");
}

class World {
  readonly simulation: Simulation;
  readonly machine: SimMachine;
  readonly metrics = createMetrics();
  platform: Platform;

  constructor(seed: number | string) {
    this.simulation = new Simulation(seed);
    this.machine = new SimMachine(this.simulation, "m");
    this.platform = this.machine.boot().platform;
  }

  run<T>(promise: Promise<T>): Promise<T> {
    return this.simulation.complete(promise);
  }

  open(options: Partial<AuditLogOptions> = {}): Promise<AuditLog> {
    const { disk, hasher, clock, timers } = this.platform;
    const { metrics } = this;
    return this.run(
      AuditLog.open({
        disk,
        directory: DIRECTORY,
        hasher,
        clock,
        timers,
        logger: SILENT_LOGGER,
        metrics,
        whenItFails: "block",
        ...options,
      }),
    );
  }

  verify() {
    const { disk, hasher } = this.platform;
    return this.run(verifyAuditLog({ disk, directory: DIRECTORY, hasher }));
  }

  crash(): void {
    this.machine.crash();
    this.platform = this.machine.boot().platform;
  }

  paths(): string[] {
    return this.machine.volume.files().map(({ path }) => path);
  }

  async lines(path: string): Promise<string[]> {
    return new TextDecoder()
      .decode(await this.bytes(path))
      .split("\n")
      .slice(0, -1);
  }

  async bytes(path: string): Promise<Uint8Array> {
    const file = await this.run(this.platform.disk.open(path, "read"));
    const bytes = new Uint8Array(await this.run(file.sizeBytes()));
    await this.run(file.read(0, bytes));
    await this.run(file.close());
    return bytes;
  }

  async rewrite(path: string, lines: readonly string[]): Promise<void> {
    const file = await this.run(this.platform.disk.open(path, "read-write"));
    await this.run(file.truncate(0));
    await this.run(file.write(0, [new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""))]));
    await this.run(file.syncData());
    await this.run(file.close());
  }
}

describe("AuditLog", () => {
  it("writes entries in order, one line each, in a chain that verifies", async () => {
    const world = new World(1);
    const log = await world.open();
    await world.run(Promise.all([1, 2, 3].map((number) => log.record(entry(number)))));
    const { headHash } = log.status();
    await world.run(log.close());
    const report = await world.verify();
    expect(report).toEqual({
      files: 1,
      records: 3,
      firstSequence: 1,
      lastSequence: 3,
      headHash,
      isPruned: false,
      problems: [],
    });
    const [header, first] = (await world.lines(world.paths()[0]!)).map(
      (line) => JSON.parse(line) as Record<string, unknown>,
    );
    expect(header).toMatchObject({ format: "skerry-audit/1", sequence: 1, previous: "00".repeat(32) });
    expect(first).toEqual({
      sequence: 1,
      time: expect.stringMatching(/^2026-/) as string,
      ...entry(1),
      hash: expect.any(String) as string,
    });
  });

  it("goes on where it ended, and over files", async () => {
    const world = new World(1);
    for (let start = 0; start < 4; start++) {
      const log = await world.open({ maxFileBytes: 2000 });
      for (let i = 0; i < 5; i++) await world.run(log.record(entry(start * 5 + i)));
      expect(log.status().nextSequence).toBe(start * 5 + 6);
      await world.run(log.close());
    }
    expect(world.paths().length).toBeGreaterThan(2);
    expect(await world.verify()).toMatchObject({
      records: 20,
      firstSequence: 1,
      lastSequence: 20,
      problems: [],
    });
  });

  it("removes the oldest files beyond its limit, and the rest still verifies", async () => {
    const world = new World(1);
    const log = await world.open({ maxFileBytes: 1000, maxFiles: 3 });
    for (let i = 0; i < 30; i++) await world.run(log.record(entry(i)));
    await world.run(log.close());
    expect(world.paths()).toHaveLength(3);
    const report = await world.verify();
    expect(report).toMatchObject({ files: 3, isPruned: true, lastSequence: 30, problems: [] });
    expect(report.firstSequence).toBeGreaterThan(20);
  });

  it("cuts values that are too long, so that a line has a limit", async () => {
    const world = new World(1);
    const log = await world.open();
    const long = "\u0001".repeat(100_000);
    const fields = {
      requestId: long,
      role: long,
      organization: long,
      project: long,
      namespace: long,
      bucket: long,
      key: long,
    };
    await world.run(
      Promise.all(
        Array.from({ length: 40 }, () => log.record({ ...fields, operation: long, outcome: long })),
      ),
    );
    await world.run(log.close());
    expect(await world.verify()).toMatchObject({ records: 40, problems: [] });
  });

  it("what was acknowledged is there after any crash, and the chain holds", async () => {
    let recovered = 0;
    for (let seed = 0; seed < 50; seed++) {
      const world = new World(seed);
      let acknowledged = 0;
      for (let round = 0; round < 3; round++) {
        const log = await world.open({ maxFileBytes: 1500 });
        for (let i = 0; i < 12; i++) {
          void log.record(entry(i)).then(
            () => acknowledged++,
            () => undefined,
          );
        }
        await world.simulation.runFor(world.simulation.prng.unit() * 3);
        world.crash();
      }
      await world.run((await world.open()).close());
      const report = await world.verify();
      expect(report.problems, `seed ${seed}`).toEqual([]);
      expect(report.records, `seed ${seed}`).toBeGreaterThanOrEqual(acknowledged);
      for (const path of world.paths()) if (path.includes(".stray-")) recovered++;
    }
    expect(recovered).toBeGreaterThan(0);
  });

  it("says itself that it set an unfinished end aside", async () => {
    const world = new World(1);
    const log = await world.open();
    await world.run(log.record(entry(1)));
    await world.run(log.close());
    const path = world.paths()[0]!;
    const file = await world.run(world.platform.disk.open(path, "read-write"));
    await world.run(
      file.write(await world.run(file.sizeBytes()), [new TextEncoder().encode('{"sequence":2,"ti')]),
    );
    await world.run(file.close());
    expect((await world.verify()).problems).toEqual([{ kind: "torn-tail", path, line: 3 }]);
    await world.run((await world.open()).close());
    expect(await world.verify()).toMatchObject({ records: 2, problems: [] });
    expect(JSON.parse((await world.lines(path)).at(-1)!)).toMatchObject({
      operation: "audit.recovered",
      outcome: "17 bytes set aside",
    });
    expect(world.paths()[1]).toContain(".stray-");
  });

  describe.each<[string, number, (path: string) => number]>([
    ["the header of the only file", 1_000_000, () => 40],
    ["the first record", 1_000_000, () => 300],
    ["a record in the middle", 1_000_000, () => 2500],
    ["the header of the last of several files", 30_000, () => 40],
    ["a line feed", 1_000_000, (text) => text.indexOf("\n", 5000)],
    ["the last line", 1_000_000, (text) => text.length - 200],
    ["the last line feed", 1_000_000, (text) => text.length - 1],
  ])("one changed bit in %s", (_, maxFileBytes, at) => {
    async function damaged() {
      const world = new World(1);
      const log = await world.open({ maxFileBytes });
      for (let i = 1; i <= 200; i++) void log.record(entry(i));
      await world.run(log.record(entry(201)));
      await world.run(log.close());
      const path = world.paths().at(-1)!;
      const text = `${(await world.lines(path)).join("\n")}\n`;
      world.machine.volume.flipBit(path, new TextEncoder().encode(text.slice(0, at(text))).length);
      const bytes = await world.bytes(path);
      return { world, path, bytes, problems: (await world.verify()).problems };
    }

    it("leaves the file where it is; the log says so and goes on in a new one", async () => {
      const { world, path, bytes, problems } = await damaged();
      expect(problems).not.toEqual([]);
      const before = world.paths();
      const errors: unknown[] = [];
      const logger = { ...SILENT_LOGGER, error: (_: string, fields?: object) => void errors.push(fields) };
      const again = await world.open({ logger, maxFileBytes });
      await world.run(again.record(entry(202)));
      await world.run(again.close());
      expect(errors).toEqual([{ files: [path] }]);
      expect(await world.bytes(path)).toEqual(bytes);
      expect(world.paths().slice(0, before.length)).toEqual(before);
      expect(world.paths()).toHaveLength(before.length + 1);
      const lines = (await world.lines(world.paths().at(-1)!)).map((line) => JSON.parse(line) as AuditEntry);
      expect(lines.slice(1)).toMatchObject([{ operation: "audit.damaged" }, entry(202)]);
      const report = await world.verify();
      expect(report.problems[0]).toMatchObject({ path, line: problems[0]!.line });
      expect(lines.at(-1)).toMatchObject({ sequence: report.lastSequence });
    });

    it("costs nothing a second time, and is noted once", async () => {
      const { world, path, bytes } = await damaged();
      for (let start = 0; start < 3; start++) {
        const log = await world.open({ maxFileBytes });
        await world.run(log.record(entry(start)));
        await world.run(log.close());
      }
      const last = world.paths().at(-1)!;
      expect(await world.lines(last)).toHaveLength(5);
      world.machine.volume.flipBit(last, 40);
      await world.run((await world.open({ maxFileBytes })).close());
      expect(await world.bytes(path)).toEqual(bytes);
      expect(await world.lines(last)).toHaveLength(5);
      const shown = await Promise.all(world.paths().map((each) => world.lines(each)));
      const records = shown
        .flatMap((lines) => lines.slice(1))
        .map((line) => /"sequence":(\d+)/.exec(line)?.[1]);
      expect(new Set(records).size).toBe(records.length);
    });
  });

  it("a file of which a crash left no header is put aside, over none that is there", async () => {
    const world = new World(1);
    const path = `${DIRECTORY}/audit-0000000000000001.jsonl`;
    for (let start = 0; start < 3; start++) {
      await world.run(world.platform.disk.makeDirectory(DIRECTORY));
      const file = await world.run(world.platform.disk.open(path, "create"));
      await world.run(file.write(0, [new Uint8Array(300)]));
      await world.run(file.close());
      await world.run((await world.open()).close());
      expect(await world.verify()).toMatchObject({ records: 0, problems: [] });
      await world.run(world.platform.disk.remove(path));
    }
    expect(world.paths()).toEqual([`${path}.aside`, `${path}.aside-2`, `${path}.aside-3`]);
  });

  it("a batch that is larger than a file may be is not put aside with the file that it was for", async () => {
    const world = new World(1);
    for (let start = 0; start < 2; start++) {
      const log = await world.open({ maxFileBytes: 500 });
      for (let i = 0; i < 5; i++) await world.run(log.record(entry(i)));
      await world.run(log.close());
    }
    expect(world.paths().filter((path) => !path.endsWith(".jsonl"))).toEqual([]);
    expect(await world.verify()).toMatchObject({ files: 10, records: 10, problems: [] });
  });
});

describe("entries of another thread", () => {
  it("are in the chain like its own, in order", async () => {
    const world = new World(1);
    const log = await world.open();
    const first = log.record(entry(1));
    log.recordPrepared([prepareEntry(entry(2)), prepareEntry(entry(3))]);
    await world.run(Promise.all([first, log.record(entry(4))]));
    await world.run(log.close());
    expect(await world.verify()).toMatchObject({ records: 4, problems: [] });
    const [, ...lines] = await world.lines(world.paths()[0]!);
    for (const [index, line] of lines.entries()) {
      expect(JSON.parse(line)).toMatchObject({ sequence: index + 1, ...entry(index + 1) });
    }
  });

  it("that are unfit for a line, or did not come, are lost, and the log says so", async () => {
    const world = new World(1);
    const log = await world.open();
    const fit = prepareEntry(entry(1));
    const long = `,"time":"${"x".repeat(128 * 1024)}"`;
    const wide = `,"time":"${"\u20ac".repeat(44_000)}"`;
    log.recordPrepared(["", `${fit}\n`, fit.slice(1), long, wide]);
    log.recordLost(3);
    expect(log.status()).toMatchObject({ lost: 8, queued: 0 });
    log.recordPrepared([fit]);
    await world.run(log.close());
    const lines = (await world.lines(world.paths()[0]!)).map((line) => JSON.parse(line) as AuditEntry);
    expect(lines.slice(1).map(({ operation, outcome }) => `${operation} ${outcome}`)).toEqual([
      "audit.lost 8 entries",
      "s3:PutObject ok",
    ]);
    expect(await world.verify()).toMatchObject({ problems: [] });
  });

  it("are fit for a line when they are prepared, whatever is in them", async () => {
    const world = new World(1);
    const log = await world.open();
    for (const character of ["\u0001", "\n", "\u20ac", "\ud800", "\u{1f600}", '"']) {
      const long = character.repeat(3000);
      const fields = { requestId: long, keyFingerprint: long, role: long, organization: long, project: long };
      const more = { namespace: long, bucket: long, key: long, operation: long, outcome: long };
      log.recordPrepared([prepareEntry({ ...fields, ...more, sourceAddress: long })]);
    }
    await world.run(log.close());
    expect(log.status().lost).toBe(0);
    expect(await world.verify()).toMatchObject({ records: 6, problems: [] });
  });
});

describe("the time of an entry", () => {
  it("is when it was recorded, however long the disk keeps it waiting", async () => {
    const world = new World(1);
    const log = await world.open({ whenItFails: "report" });
    world.machine.volume.faults.writeError = 1;
    const times = [];
    for (let i = 0; i < 3; i++) {
      times.push(new Date(world.platform.clock.wallMs()).toISOString());
      await world.run(log.record(entry(i)));
      await world.simulation.runFor(3_600_000);
    }
    world.machine.volume.faults.writeError = 0;
    log.recordPrepared([prepareEntry(entry(3))]);
    await world.simulation.runFor(5000);
    await world.run(log.close());
    const [, ...lines] = (await world.lines(world.paths()[0]!)).map(
      (line) => JSON.parse(line) as { sequence: number; time: string },
    );
    expect(lines.map(({ time }) => time)).toEqual([...times, "2026-01-02T03:04:05.678Z"]);
    expect(lines.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4]);
    expect(await world.verify()).toMatchObject({ records: 4, problems: [] });
  });
});

describe("entries that were lost", () => {
  const told = async (world: World): Promise<string[]> => {
    const [, ...lines] = await world.lines(world.paths()[0]!);
    return lines
      .map((line) => JSON.parse(line) as AuditEntry)
      .map((each) => `${each.operation} ${each.outcome}`);
  };

  it.each(["report", "block"] as const)("are told of without a later entry (%s)", async (whenItFails) => {
    const world = new World(1);
    const log = await world.open({ whenItFails });
    log.recordLost(3);
    log.recordLost(4);
    await world.simulation.runFor(60_000);
    expect(await told(world)).toEqual(["audit.lost 7 entries"]);
    await world.run(log.close());
    expect(await told(world)).toHaveLength(1);
  });

  it.each(["report", "block"] as const)("are told of when the log closes (%s)", async (whenItFails) => {
    const world = new World(1);
    const log = await world.open({ whenItFails });
    world.machine.volume.faults.writeError = 1;
    const recorded = log.record(entry(1)).catch(() => undefined);
    log.recordLost(7);
    await world.simulation.runFor(60_000);
    await world.run(recorded);
    world.machine.volume.faults.writeError = 0;
    await world.run(log.close());
    const isWritten = whenItFails === "report";
    expect(await told(world)).toEqual(
      isWritten ? ["audit.lost 7 entries", "s3:PutObject ok"] : ["audit.lost 8 entries"],
    );
    log.recordLost(1);
    expect(log.status()).toMatchObject({ lost: isWritten ? 8 : 9 });
  });

  it.each(["report", "block"] as const)(
    "do not keep a log with a bad disk from closing (%s)",
    async (whenItFails) => {
      const world = new World(1);
      const log = await world.open({ whenItFails });
      world.machine.volume.faults.writeError = 1;
      log.recordLost(7);
      await world.simulation.runFor(60_000);
      await world.run(log.close());
      expect(log.status()).toMatchObject({ lost: 7, isHealthy: false });
    },
  );
});

describe("verifyAuditLog", () => {
  async function written(): Promise<{ world: World; path: string; lines: string[] }> {
    const world = new World(1);
    const log = await world.open();
    for (let i = 1; i <= 5; i++) await world.run(log.record(entry(i)));
    await world.run(log.close());
    const path = world.paths()[0]!;
    return { world, path, lines: await world.lines(path) };
  }

  it.each<[string, (lines: string[]) => string[], string, number]>([
    ["a changed field", (lines) => lines.with(2, lines[2]!.replace("writer", "reader")), "chain-broken", 3],
    ["a changed hash", (lines) => lines.with(2, lines[2]!.replace(/"hash":"./, '"hash":"x')), "malformed", 3],
    ["a line taken out", (lines) => lines.toSpliced(3, 1), "chain-broken", 4],
    ["a line put in twice", (lines) => lines.toSpliced(3, 0, lines[3]!), "chain-broken", 5],
    ["two lines swapped", (lines) => lines.with(3, lines[4]!).with(4, lines[3]!), "chain-broken", 4],
    ["a line that is none", (lines) => lines.with(2, "{}"), "malformed", 3],
    ["no header", (lines) => lines.slice(1), "header", 1],
    [
      "a changed header",
      (lines) => lines.with(0, lines[0]!.replace('"sequence":1', '"sequence":2')),
      "chain-broken",
      1,
    ],
  ])("finds %s", async (_, change, kind, line) => {
    const { world, path, lines } = await written();
    await world.rewrite(path, change(lines));
    expect((await world.verify()).problems[0]).toEqual({ kind, path, line });
  });

  it("finds nothing wrong with a log that nobody touched", async () => {
    const { world } = await written();
    expect((await world.verify()).problems).toEqual([]);
  });

  it("a tail that was cut off shows in the head's hash only: that is kept elsewhere", async () => {
    const { world, path, lines } = await written();
    const before = await world.verify();
    await world.rewrite(path, lines.slice(0, -1));
    const after = await world.verify();
    expect(after.problems).toEqual([]);
    expect(after.headHash).not.toBe(before.headHash);
  });

  it("finds records that were put aside, and passes over what a crash tore", async () => {
    const { world, path, lines } = await written();
    const put = async (name: string, text: string): Promise<void> => {
      const file = await world.run(world.platform.disk.open(name, "create"));
      await world.run(file.write(0, [new TextEncoder().encode(text)]));
      await world.run(file.close());
    };
    await put(`${path}.aside`, `${lines[0]!}\n`);
    await put(`${path}.stray-512`, `${"\0".repeat(512)}${lines[3]!.slice(200)}\n${lines[4]!}\n{"seq`);
    expect((await world.verify()).problems).toEqual([]);
    await put(`${path}.aside-2`, `${lines[0]!}\n${lines[1]!}\n`);
    await put(`${path}.stray-512-2`, `${lines[3]!.slice(200)}\n${lines[4]!}\n`);
    expect((await world.verify()).problems).toEqual([
      { kind: "set-aside", path: `${path}.aside-2`, line: 2 },
      { kind: "set-aside", path: `${path}.stray-512-2`, line: 2 },
    ]);
  });

  it("finds a file that is missing in the middle", async () => {
    const world = new World(1);
    const log = await world.open({ maxFileBytes: 1000 });
    for (let i = 0; i < 10; i++) await world.run(log.record(entry(i)));
    await world.run(log.close());
    const [, second, third] = world.paths();
    await world.run(world.platform.disk.remove(second!));
    expect((await world.verify()).problems).toEqual([{ kind: "header", path: third, line: 1 }]);
  });
});

describe("a disk that fails", () => {
  it("with block, the request is refused, and the next one that works says what is missing", async () => {
    const world = new World(1);
    const log = await world.open();
    await world.run(log.record(entry(1)));
    world.machine.volume.faults.syncError = 1;
    await expect(world.run(log.record(entry(2)))).rejects.toThrow("the audit log cannot be written");
    expect(log.status()).toMatchObject({ isHealthy: false, lost: 1, nextSequence: 2 });
    expect((await world.metrics.render()).body).toContain("skerry_audit_healthy 0");
    world.machine.volume.faults.syncError = 0;
    await world.run(log.record(entry(3)));
    expect(log.status()).toMatchObject({ isHealthy: true, lastError: undefined, nextSequence: 4 });
    await world.run(log.close());
    expect(await world.verify()).toMatchObject({ records: 3, problems: [] });
    const lines = (await world.lines(world.paths()[0]!)).map((line) => JSON.parse(line) as AuditEntry);
    expect(lines.map(({ operation, requestId }) => `${operation} ${requestId}`).slice(1)).toEqual([
      "s3:PutObject R1",
      "audit.lost ",
      "s3:PutObject R3",
    ]);
  });

  it("with report, requests go on, and the entries are written when the disk is well again", async () => {
    const world = new World(1);
    const log = await world.open({ whenItFails: "report" });
    world.machine.volume.faults.writeError = 1;
    for (let i = 1; i <= 5; i++) await world.run(log.record(entry(i)));
    await world.simulation.runFor(5000);
    expect(log.status()).toMatchObject({ isHealthy: false, lost: 0, nextSequence: 1 });
    world.machine.volume.faults.writeError = 0;
    await world.simulation.runFor(5000);
    expect(log.status()).toMatchObject({ isHealthy: true, queued: 0, lost: 0, nextSequence: 6 });
    await world.run(log.close());
    expect(await world.verify()).toMatchObject({ records: 5, problems: [] });
  });

  it("with report, a queue that is full loses entries and says how many", async () => {
    const world = new World(1);
    const log = await world.open({ whenItFails: "report" });
    world.machine.volume.faults.writeError = 1;
    const records = Array.from({ length: 10_600 }, (_, i) => log.record(entry(i)));
    await world.run(Promise.all(records));
    const { lost } = log.status();
    expect(lost).toBeGreaterThan(0);
    world.machine.volume.faults.writeError = 0;
    await world.simulation.runFor(10_000);
    await world.run(log.close());
    const report = await world.verify();
    expect(report.problems).toEqual([]);
    expect(report.records).toBe(10_600 - lost + 1);
  });

  it("a full disk, a rotation that fails and short writes leave no gap", async () => {
    for (let seed = 0; seed < 30; seed++) {
      const world = new World(seed);
      const log = await world.open({ maxFileBytes: 1200 });
      let written = 0;
      for (let i = 0; i < 40; i++) {
        const { faults } = world.machine.volume;
        faults.writeError = i % 3 === 0 ? 0.5 : 0;
        faults.syncError = i % 4 === 0 ? 0.5 : 0;
        faults.capacityBytes = i % 7 === 0 ? world.machine.volume.usedBytes() + 100 : 2 ** 40;
        await world.run(log.record(entry(i))).then(
          () => written++,
          () => undefined,
        );
      }
      Object.assign(world.machine.volume.faults, { writeError: 0, syncError: 0, capacityBytes: 2 ** 40 });
      await world.run(log.close());
      const report = await world.verify();
      expect(report.problems, `seed ${seed}`).toEqual([]);
      expect(report.records, `seed ${seed}`).toBeGreaterThanOrEqual(written);
    }
  });
});
