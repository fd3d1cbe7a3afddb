import { describe, expect, it } from "vitest";
import { type AuditSink, createMetrics, type ObservingReport, SILENT_LOGGER } from "../observe/index.ts";
import type { Timers } from "../platform/index.ts";
import { NodeRandom } from "../platform/node/index.ts";
import type { RpcEvent } from "../rpc/index.ts";
import { createLimitsMemory, strangersLimiter } from "./caller-limits.ts";
import { loadConfig } from "./config/index.ts";
import { Observing } from "./observing.ts";
import { StrangerEntries } from "./stranger-entries.ts";

function call(operation: string, durationMs: number): RpcEvent {
  return {
    operation,
    outcome: "ok",
    requestId: "R",
    principalKeyId: undefined,
    bucket: undefined,
    key: undefined,
    durationMs,
    remoteAddress: "127.0.0.1",
  } as RpcEvent;
}

function observing() {
  const metrics = createMetrics();
  const of = new Observing({
    logger: SILENT_LOGGER,
    metrics,
    audit: undefined,
    strangers: undefined,
    isRead: () => true,
  });
  return { of, metrics };
}

describe("what the main thread shows of requests", () => {
  it("is what all threads have served", async () => {
    const [main, one, two] = [observing(), observing(), observing()];
    for (const thread of [one, two]) {
      main.of.addThread({ report: async () => structuredClone(await thread.of.report()) });
      thread.of.rpcCall(call("A", 3));
      thread.of.bytesIn += 5;
      thread.of.requestsInFlight = () => 2;
    }
    main.of.rpcCall(call("A", 9));
    main.of.rpcCall(call("B", 1));
    main.of.bytesOut = 7;
    const totals = await main.of.totals();
    expect(totals).toMatchObject({ requestsInFlight: 4, bytesIn: 10, bytesOut: 7 });
    expect(totals.operations).toMatchObject([
      { operation: "A", outcomes: new Map([["ok", 3]]), latency: { p50Ms: 3, samples: 3 } },
      { operation: "B", outcomes: new Map([["ok", 1]]) },
    ]);
    const { body } = await main.metrics.render();
    expect(body).toContain('skerry_requests_total{surface="rpc",operation="A",outcome="ok"} 3');
    expect(body).toContain('skerry_request_seconds_count{surface="rpc",operation="A"} 3');
  });

  it("leaves out a thread that has said nothing", async () => {
    const main = observing();
    main.of.addThread({ report: () => Promise.resolve<ObservingReport | undefined>(undefined) });
    main.of.rpcCall(call("A", 9));
    expect((await main.of.totals()).operations).toHaveLength(1);
    expect((await main.metrics.render()).body).toContain('operation="A",outcome="ok"} 1');
  });
});

describe("callers without a valid key", () => {
  /** Threads of one node, with one audit log. */
  function threads(count: number) {
    const clock = { nowMs: 0, monotonicMs: () => clock.nowMs, wallMs: () => 0 };
    const due: (() => void)[] = [];
    const timers = {
      after: (_: number, action: () => void) => ({ cancel: () => void due.splice(due.indexOf(action), 1) }),
    } as unknown as Timers;
    const entries: Parameters<AuditSink["record"]>[0][] = [];
    const audit: AuditSink = { record: (entry) => void entries.push(entry) as undefined };
    const memory = createLimitsMemory(loadConfig({}), new NodeRandom());
    const made = Array.from({ length: count }, () => {
      const limiter = strangersLimiter(memory);
      const strangers = new StrangerEntries({ audit, limiter, clock, timers });
      return new Observing({
        logger: SILENT_LOGGER,
        metrics: createMetrics(),
        audit,
        strangers,
        isRead: () => true,
      });
    });
    return { made, entries, clock };
  }
  const refused = { ...call("A", 1), outcome: "unauthenticated" };

  it("get few entries by being refused, of all threads together, and the others are counted", () => {
    const { made, entries, clock } = threads(2);
    for (let i = 0; i < 500; i++) for (const thread of made) thread.rpcCall(refused);
    expect(entries).toHaveLength(100);
    clock.nowMs += 1000;
    for (let i = 0; i < 10; i++) made[0]?.rpcCall(refused);
    expect(entries).toHaveLength(102);
    for (const thread of made) thread.close();
    const counted = entries
      .slice(102)
      .map(({ operation, outcome }) => [operation, Number.parseInt(outcome, 10)]);
    expect(counted.map(([operation]) => operation)).toEqual(["audit.refused", "audit.refused"]);
    expect(counted.reduce((sum, [, number]) => sum + Number(number), 0)).toBe(1000 - 100 + 10 - 2);
  });

  it("take no entries from those who have one", () => {
    const { made, entries } = threads(1);
    for (let i = 0; i < 200; i++) made[0]?.rpcCall(refused);
    for (let i = 0; i < 200; i++) made[0]?.rpcCall({ ...refused, principalKeyId: "k" });
    expect(entries.filter(({ keyFingerprint }) => keyFingerprint !== undefined)).toHaveLength(200);
  });
});
