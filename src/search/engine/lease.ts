import { create } from "@bufbuild/protobuf";
import { LeaseNamespaceWorkSchema, RefusalCode } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { NamespaceWork } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { EngineContext } from "./context.ts";
import { accepted, refusalOf } from "./refusals.ts";

/** By leader time. A worker that takes longer is refused when it commits, and begins again. */
const LEASE_MS = 5 * 60_000;
const TOKEN_BYTES = 16;

export interface WorkLease {
  readonly work: NamespaceWork;
  readonly token: Uint8Array;
}

/** Does work on a namespace that nobody else does meanwhile. Undefined: somebody does, or the namespace is gone. */
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
  const result = await ask(LEASE_MS);
  const refusal = refusalOf(result);
  if (refusal === RefusalCode.NAMESPACE_LEASED || refusal === RefusalCode.NAMESPACE_UNKNOWN) return undefined;
  accepted(result, "namespaceWorkLeased");
  try {
    return await run({ work, token });
  } finally {
    // One that can not be given back runs out.
    await ask(0).catch((error: unknown) =>
      context.logger.warn("a lease could not be given back", { namespace: namespaceId, error }),
    );
  }
}
