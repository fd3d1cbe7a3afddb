import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { type Health, HealthCheckResponse_ServingStatus } from "../gen/grpc/health/v1/health_pb.js";

/** How often Watch looks whether it has something new to say, in milliseconds. */
const WATCH_INTERVAL_MS = 1000;

export interface HealthOptions {
  /** Full names of the services; "" asks for the node. */
  readonly serviceNames: ReadonlySet<string>;
  /** As /readyz has it. */
  readonly notReadyReason: () => string | undefined;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
}

/**
 * The health service of gRPC, for load balancers that speak it. It says what /readyz says, and needs no key either.
 * Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function healthService(options: HealthOptions): ServiceImpl<typeof Health> {
  const status = (service: string) => {
    if (service !== "" && !options.serviceNames.has(service)) return undefined;
    return options.notReadyReason() === undefined
      ? HealthCheckResponse_ServingStatus.SERVING
      : HealthCheckResponse_ServingStatus.NOT_SERVING;
  };
  return {
    check: ({ service }) => {
      const known = status(service);
      if (known === undefined) throw new ConnectError("there is no service of this name", Code.NotFound);
      return { status: known };
    },
    list: () => ({
      statuses: Object.fromEntries(
        ["", ...options.serviceNames].map((name) => [name, { status: status(name) ?? 0 }]),
      ),
    }),
    async *watch({ service }, { signal }) {
      let told: HealthCheckResponse_ServingStatus | undefined;
      while (!signal.aborted) {
        const now = status(service) ?? HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN;
        if (now !== told) yield { status: now };
        told = now;
        await options.sleep(WATCH_INTERVAL_MS, signal);
      }
    },
  };
}
