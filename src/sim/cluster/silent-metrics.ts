import { METRICS, type Metrics } from "../../observe/index.ts";

/** Metrics of simulated nodes: nobody reads them, and nothing is kept of the nodes that wrote them. */
export function silentMetrics(): Metrics {
  const nothing = (): void => undefined;
  const silent = { increment: nothing, add: nothing, set: nothing, observe: nothing };
  const metrics = Object.fromEntries(Object.keys(METRICS).map((name) => [name, silent]));
  return {
    ...metrics,
    onRender: nothing,
    collect: () => Promise.resolve([]),
    includeReports: nothing,
    render: () => Promise.resolve({ contentType: "text/plain", body: "" }),
  } as unknown as Metrics;
}
