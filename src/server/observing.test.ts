import { describe, expect, it } from "vitest";
import { createMetrics, type ObservingReport, SILENT_LOGGER } from "../observe/index.ts";
import type { RpcEvent } from "../rpc/index.ts";
import { Observing } from "./observing.ts";

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
  const of = new Observing({ logger: SILENT_LOGGER, metrics, audit: undefined, isRead: () => true });
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
