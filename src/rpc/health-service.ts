import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import { type Health, HealthCheckResponse_ServingStatus } from "../gen/grpc/health/v1/health_pb.js";
import { CALL_INFO } from "./guard.ts";
import type { ListenerLimits } from "./listener-limits.ts";

/** How often Watch looks whether it has something new to say, in milliseconds. */
const WATCH_INTERVAL_MS = 1000;

export interface HealthOptions {
  /** Full names of the services; "" asks for the node. */
  readonly serviceNames: ReadonlySet<string>;
  /** As /readyz has it. */
  readonly notReadyReason: () => string | undefined;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** Aborted when the listener begins to close: who watches is told the state once more, and the calls end. */
  readonly stopping: AbortSignal;
  readonly limits: Pick<ListenerLimits, "maxWatches" | "maxWatchesPerAddress">;
}

/**
 * The health service of gRPC, for load balancers that speak it. It says what /readyz says, and needs no key either.
 * Source: https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 */
export function healthService(options: HealthOptions): ServiceImpl<typeof Health> {
  const watches = new Watches(options.limits);
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
    async *watch({ service }, { signal, values }) {
      const leave = watches.enter(values.get(CALL_INFO).remoteAddress);
      try {
        let told: HealthCheckResponse_ServingStatus | undefined;
        while (!signal.aborted) {
          const isLast = options.stopping.aborted;
          const now = status(service) ?? HealthCheckResponse_ServingStatus.SERVICE_UNKNOWN;
          if (now !== told) yield { status: now };
          if (isLast) return;
          told = now;
          await options.sleep(WATCH_INTERVAL_MS, signal);
        }
      } finally {
        leave();
      }
    },
  };
}

/** Open calls of Watch: they need no key, and last. */
class Watches {
  readonly #limits: HealthOptions["limits"];
  readonly #byAddress = new Map<string, number>();
  #all = 0;

  constructor(limits: HealthOptions["limits"]) {
    this.#limits = limits;
  }

  /** Returns what gives the place back. Throws RESOURCE_EXHAUSTED. */
  enter(address: string): () => void {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#all >= this.#limits.maxWatches || ofAddress >= this.#limits.maxWatchesPerAddress) {
      throw new ConnectError("too many calls of Watch are open", Code.ResourceExhausted, {
        "retry-after": "1",
      });
    }
    this.#all++;
    this.#byAddress.set(address, ofAddress + 1);
    return () => this.#leave(address);
  }

  #leave(address: string): void {
    this.#all--;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }
}
