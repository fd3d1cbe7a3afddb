import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createPrng, type ThreadPort } from "../../base/index.ts";
import { NodeClock, NodeDisk, NodeTimers, PlainHasher, threadPort } from "../../platform/node/index.ts";
import { SimMachine, Simulation } from "../../platform/sim/index.ts";
import {
  type AuditEntry,
  AuditLog,
  createLogger,
  createMetrics,
  type FromObserved,
  type LogLevel,
  ObservedThread,
  type ObservingReport,
  RequestStatistics,
  Secret,
  SILENT_LOGGER,
  ThreadReporter,
  type ToObserved,
  verifyAuditLog,
} from "../index.ts";

const timers = new NodeTimers();
const clock = new NodeClock();

function entry(number: number): AuditEntry {
  return {
    requestId: `R${number}`,
    bucket: "b",
    key: `k"${number}\n\u{1f600}`,
    operation: "s3:PutObject",
    outcome: "ok",
  };
}

async function emptyReport(): Promise<ObservingReport> {
  return { metrics: [], statistics: [], requestsInFlight: 0, bytesIn: 0, bytesOut: 0 };
}

/** The two ends of a channel of Node, and what went to the main thread. */
function channel() {
  const { port1, port2 } = new MessageChannel();
  onTestFinished(() => port1.close());
  const posted: FromObserved[] = [];
  const far = threadPort<FromObserved, ToObserved>(port2);
  const spied: ThreadPort<FromObserved, ToObserved> = {
    post: (message, handOver) => {
      posted.push(structuredClone(message));
      far.post(message, handOver);
    },
    onMessage: (listener) => far.onMessage(listener),
  };
  return { near: threadPort<ToObserved, FromObserved>(port1), far: spied, posted };
}

/** A thread whose port swallows everything, and one who says what it gets from it. */
function deafThread(simulation: Simulation) {
  const posted: ToObserved[] = [];
  let tell: (message: FromObserved) => void = () => undefined;
  const port: ThreadPort<ToObserved, FromObserved> = {
    post: (message) => void posted.push(message),
    onMessage: (listener) => {
      tell = listener;
    },
  };
  const { timers } = new SimMachine(simulation, "m").boot().platform;
  const thread = new ObservedThread({ port, name: "t", logger: SILENT_LOGGER, audit: undefined, timers });
  return { thread, posted, tell: (message: FromObserved) => tell(message) };
}

describe("audit entries of another thread", () => {
  let directory: string | undefined;
  afterEach(async () => {
    if (directory !== undefined) await rm(directory, { recursive: true });
    directory = undefined;
  });

  async function openLog(path: string) {
    const [disk, hasher] = [new NodeDisk(), new PlainHasher()];
    const metrics = createMetrics();
    const log = await AuditLog.open({
      disk,
      directory: path,
      hasher,
      clock,
      timers,
      logger: SILENT_LOGGER,
      metrics,
      whenItFails: "report",
      maxFileBytes: 50_000,
    });
    return { log, verify: () => verifyAuditLog({ disk, directory: path, hasher }) };
  }

  it("make one chain with those of the main thread, none lost, each thread's in its order", async () => {
    const seed = Math.floor(Math.random() * 2 ** 32);
    console.log(`seed ${seed}`);
    const prng = createPrng(seed);
    directory = await mkdtemp(join(tmpdir(), "audit-"));
    const { log, verify } = await openLog(directory);
    const { near, far } = channel();
    new ObservedThread({ port: near, name: "gateway-1", logger: SILENT_LOGGER, audit: log, timers });
    const reporter = new ThreadReporter({ port: far, clock, timers, level: "info", report: emptyReport });
    const counts = [0, 0];
    for (let burst = 0; burst < 40; burst++) {
      const which = prng.below(2);
      const sink = which === 0 ? log : reporter.audit;
      for (let left = prng.pick([1, 3, 70]); left > 0; left--) {
        await sink.record({ ...entry(counts[which]!++), role: String(which) });
      }
      if (prng.chance(0.5)) await sleep(prng.below(15));
    }
    await reporter.close();
    expect(log.status().lost).toBe(0);
    await log.close();
    const [own = 0, forwarded = 0] = counts;
    expect(await verify(), `seed ${seed}`).toMatchObject({ records: own + forwarded, problems: [] });
    const files = (await readdir(directory)).sort();
    const texts = await Promise.all(files.map((file) => readFile(join(directory!, file), "utf8")));
    const lines = texts
      .flatMap((text) => text.trimEnd().split("\n").slice(1))
      .map((line) => JSON.parse(line) as AuditEntry);
    for (const which of [0, 1]) {
      const of = lines.filter(({ role }) => role === String(which));
      expect(of, `seed ${seed}`).toMatchObject(Array.from({ length: counts[which]! }, (_, i) => entry(i)));
    }
  });

  it("are one message for many", async () => {
    const { near, far, posted } = channel();
    const audit = { recordPrepared: vi.fn(), recordLost: vi.fn() };
    new ObservedThread({ port: near, name: "gateway-1", logger: SILENT_LOGGER, audit, timers });
    const reporter = new ThreadReporter({ port: far, clock, timers, level: "info", report: emptyReport });
    for (let i = 0; i < 450; i++) void reporter.audit.record(entry(i));
    await reporter.close();
    expect(posted).toHaveLength(3);
    expect(audit.recordPrepared.mock.calls.map(([texts]) => (texts as string[]).length)).toEqual([
      200, 200, 50,
    ]);
    expect(audit.recordLost).not.toHaveBeenCalled();
  });

  it("do not pile up when the main thread does not take them, and what is lost is told", () => {
    const posted: FromObserved[] = [];
    let tell: (message: ToObserved) => void = () => undefined;
    const port: ThreadPort<FromObserved, ToObserved> = {
      post: (message) => void posted.push(message),
      onMessage: (listener) => {
        tell = listener;
      },
    };
    const reporter = new ThreadReporter({ port, clock, timers, level: "info", report: emptyReport });
    for (let i = 0; i < 10_500; i++) void reporter.audit.record(entry(i));
    expect(posted).toHaveLength(50);
    tell({ kind: "audit-taken", count: 10_000 });
    expect(posted[50]).toEqual({ kind: "audit", entries: "", lost: 500 });
    for (let i = 0; i < 200; i++) void reporter.audit.record(entry(i));
    expect(posted[51]).toMatchObject({ kind: "audit", lost: 0 });
  });
});

describe("log lines of another thread", () => {
  function world(level: LogLevel = "debug") {
    const { near, far, posted } = channel();
    const written: string[] = [];
    const logger = createLogger({
      level: "debug",
      clock: new NodeClock(),
      destination: { write: (line) => void written.push(line) },
      fields: { node: "n1" },
    });
    new ObservedThread({ port: near, name: "gateway-1", logger, audit: undefined, timers });
    const reporter = new ThreadReporter({ port: far, clock, timers, level, report: emptyReport });
    const lines = () =>
      written.map((line) => {
        const { time, ...fields } = JSON.parse(line) as Record<string, unknown>;
        expect(time).toMatch(/^\d{4}-/);
        return fields;
      });
    return { reporter, posted, lines };
  }

  it("are written as the main thread's are, with the thread's name", async () => {
    const { reporter, posted, lines } = world();
    reporter.logger.info("one", { port: 9000, takes: 12n });
    reporter.logger.child({ requestId: "A1" }).warn("two", { list: [1, undefined] });
    reporter.logger.error("three");
    await reporter.close();
    const common = { node: "n1", thread: "gateway-1" };
    expect(lines()).toEqual([
      { level: "info", ...common, port: 9000, takes: "12", message: "one" },
      { level: "warn", ...common, requestId: "A1", list: [1, null], message: "two" },
      { level: "error", ...common, message: "three" },
    ]);
    expect(posted).toHaveLength(1);
  });

  it("hold no secret when they leave their thread", async () => {
    const { reporter, posted, lines } = world();
    const error = Object.assign(new Error("no such key sk_live_0123456789abcdef"), {
      cause: new Error("Bearer hunter2hunter2"),
      token: "hunter2hunter2",
    });
    reporter.logger
      .child({ headers: { Authorization: "AWS4-HMAC-SHA256 wJalrXUtnFEMI" } })
      .error("calling with Bearer hunter2hunter2", { error, wrapped: new Secret("hunter2hunter2") });
    await reporter.close();
    const sent = JSON.stringify(posted);
    for (const secret of ["hunter2", "wJalrXUtnFEMI", "0123456789abcdef"]) expect(sent).not.toContain(secret);
    expect(posted).toMatchObject([
      {
        kind: "log",
        lines: [
          {
            level: "error",
            message: "calling with Bearer [redacted]",
            fields: {
              headers: { Authorization: "[redacted]" },
              error: { type: "Error", message: "no such key sk_[redacted]", token: "[redacted]" },
              wrapped: "[redacted]",
            },
          },
        ],
      },
    ]);
    expect(lines()[0]).toMatchObject({
      message: "calling with Bearer [redacted]",
      error: { type: "Error", cause: { message: "Bearer [redacted]" } },
    });
  });

  it("below the level are not sent at all", async () => {
    const { reporter, posted } = world("warn");
    reporter.logger.debug("no");
    reporter.logger.child({ a: 1 }).info("no");
    await reporter.close();
    expect(posted).toEqual([]);
    world("silent").reporter.logger.error("no");
  });

  it("do not pile up when nobody takes them, and what is lost is told", async () => {
    const { reporter, lines } = world();
    for (let i = 0; i < 1200; i++) reporter.logger.info("line", { i });
    await reporter.close();
    await vi.waitFor(() => expect(lines()).toHaveLength(1001));
    expect(lines().at(-1)).toMatchObject({ level: "warn", thread: "gateway-1", lost: 200 });
  });
});

describe("the report of another thread", () => {
  it("says what it has counted, each time anew", async () => {
    const { near, far } = channel();
    const thread = new ObservedThread({
      port: near,
      name: "t",
      logger: SILENT_LOGGER,
      audit: undefined,
      timers,
    });
    const [metrics, statistics] = [createMetrics(), new RequestStatistics()];
    const count = (durationMs: number): void => {
      statistics.note({ surface: "s3", operation: "GetObject", outcome: "ok", durationMs });
      metrics.requests.increment({ surface: "s3", operation: "GetObject", outcome: "ok" });
    };
    let asked = 0;
    const report = async () => ({
      metrics: await metrics.collect(),
      statistics: statistics.report(),
      requestsInFlight: 1,
      bytesIn: 10 * ++asked,
      bytesOut: 0,
    });
    new ThreadReporter({ port: far, clock, timers, level: "info", report });
    for (const times of [1, 2, 3]) {
      count(times);
      // Two at once are one question.
      const [told, same] = await Promise.all([thread.report(60_000), thread.report(60_000)]);
      expect(same).toBe(told);
      expect(told).toMatchObject({ bytesIn: 10 * times, requestsInFlight: 1 });
      const shown = createMetrics();
      shown.includeReports(async () => [told!.metrics]);
      expect((await shown.render()).body).toContain(`operation="GetObject",outcome="ok"} ${times}`);
      expect(new RequestStatistics().all([told!.statistics])[0]?.latency.samples).toBe(times);
    }
  });

  it("that cannot be made is none, and is logged", async () => {
    const { near, far, posted } = channel();
    const thread = new ObservedThread({
      port: near,
      name: "t",
      logger: SILENT_LOGGER,
      audit: undefined,
      timers,
    });
    const reporter = new ThreadReporter({
      port: far,
      clock,
      timers,
      level: "info",
      report: () => Promise.reject(new Error("no")),
    });
    expect(await thread.report(60_000)).toBeUndefined();
    await reporter.close();
    expect(posted).toContainEqual({ kind: "report", report: undefined });
    expect(posted.find(({ kind }) => kind === "log")).toMatchObject({ lines: [{ level: "error" }] });
  });

  it("does not hold /metrics when it does not come, and is asked for once", async () => {
    const simulation = new Simulation(1);
    const { thread, posted, tell } = deafThread(simulation);
    const metrics = createMetrics();
    metrics.segments.set(3);
    metrics.includeReports(async () => {
      const report = await thread.report(2000);
      return report === undefined ? [] : [report.metrics];
    });
    for (let scrape = 0; scrape < 3; scrape++) {
      expect((await simulation.complete(metrics.render())).body).toContain("skerry_segments 3");
    }
    expect(posted).toEqual([{ kind: "report" }]);
    const other = createMetrics();
    other.segments.set(2);
    tell({ kind: "report", report: { ...(await emptyReport()), metrics: await other.collect() } });
    // What it said late stands until it says something else: a counter does not go back.
    expect((await simulation.complete(metrics.render())).body).toContain("skerry_segments 5");
  });

  it("of a thread that is no more keeps what was counted, and nobody waits for it", async () => {
    const simulation = new Simulation(1);
    const { thread, tell, posted } = deafThread(simulation);
    const other = createMetrics();
    other.segments.set(2);
    other.metaAppliedEntries.add(5);
    const report = {
      ...(await emptyReport()),
      metrics: await other.collect(),
      requestsInFlight: 3,
      bytesIn: 9,
    };
    tell({ kind: "report", report });
    const waiting = thread.report(2 ** 40);
    thread.ended();
    const told = await waiting;
    expect(told).toMatchObject({ requestsInFlight: 0, bytesIn: 9 });
    const metrics = createMetrics();
    metrics.includeReports(async () => [told!.metrics]);
    const { body } = await metrics.render();
    expect(body).toContain("skerry_meta_applied_entries_total 5");
    expect(body).toContain("skerry_segments 0");
    await thread.report(2 ** 40);
    expect(posted).toHaveLength(1);
  });
});
