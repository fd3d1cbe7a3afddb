import { createServer } from "node:http";
import type { Logger, Metrics } from "../observe/index.ts";
import type { SocketAddress } from "../platform/index.ts";

export interface MetricsServer {
  readonly address: SocketAddress;
  close(): Promise<void>;
}

/** `/metrics` in Prometheus format, on a listener of its own. */
export async function startMetricsServer(
  listen: SocketAddress,
  metrics: Metrics,
  logger: Logger,
): Promise<MetricsServer> {
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, (request, response) => {
    if (request.method !== "GET" || request.url?.split("?")[0] !== "/metrics") {
      response.writeHead(404).end();
      return;
    }
    metrics.render().then(
      ({ contentType, body }) => response.writeHead(200, { "content-type": contentType }).end(body),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(listen.port, listen.host, () => {
      server.off("error", reject);
      // No file descriptor left, for one: the next connection may be accepted again.
      server.on("error", (error) => logger.warn("metrics could not accept a connection", { error }));
      resolve();
    });
  });
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : listen.port;
  return {
    address: { host: listen.host, port },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
