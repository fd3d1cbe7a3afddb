import { create } from "@bufbuild/protobuf";
import { LeaseNamespaceWorkSchema, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { NamespaceWork } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Timer } from "../../platform/index.ts";
import type { EngineContext } from "./context.ts";
import { accepted, refusalOf } from "./refusals.ts";

const TOKEN_BYTES = 16;

export interface WorkLease {
  readonly work: NamespaceWork;
  readonly token: Uint8Array;
}

/**
 * Does work on a namespace that nobody else does meanwhile. Undefined: somebody does, or the namespace is gone. A worker that lost its lease is refused when it commits, and begins
 * again.
 */
export async function withLease<T>(
  context: EngineContext,
  { namespaceId, work }: { readonly namespaceId: bigint; readonly work: NamespaceWork },
  run: (lease: WorkLease) => Promise<T>,
): Promise<T | undefined> {
  const token = context.random.bytes(TOKEN_BYTES);
  const ask = (durationMs: number) =>
    context.store.submit({
      case: "leaseNamespaceWork",
      value: create(LeaseNamespaceWorkSchema, {
        namespaceId,
        work,
        nodeId: BigInt(context.nodeId),
        token,
        durationMs: BigInt(durationMs),
      }),
    });
  const { leaseMs } = context.settings;
  const result = await ask(leaseMs);
  const refusal = refusalOf(result);
  if (refusal === RefusalCode.NAMESPACE_LEASED || refusal === RefusalCode.NAMESPACE_UNKNOWN) return undefined;
  accepted(result, "namespaceWorkLeased");
  const renewal = renewing(context, () => ask(leaseMs));
  try {
    return await run({ work, token });
  } finally {
    await renewal.end();
    // One that can not be given back runs out.
    await ask(0).catch((error: unknown) =>
      context.logger.warn("a lease could not be given back", { namespace: namespaceId, error }),
    );
  }
}

/** Asks again and again until it is ended; afterwards nothing is under way any more. */
function renewing(
  { timers, logger, settings }: EngineContext,
  ask: () => Promise<unknown>,
): { readonly end: () => Promise<void> } {
  let isOver = false;
  let timer: Timer | undefined;
  let asking: Promise<unknown> = Promise.resolve();
  const wait = () => {
    timer = timers.after(settings.leaseMs / 3, () => {
      asking = ask()
        .catch((error: unknown) => logger.warn("a lease could not be renewed", { error }))
        .finally(() => {
          if (!isOver) wait();
        });
    });
  };
  wait();
  return {
    end: async () => {
      isOver = true;
      timer?.cancel();
      await asking;
    },
  };
}
