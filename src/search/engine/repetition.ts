import { create } from "@bufbuild/protobuf";
import { equalBytes } from "../../base/index.ts";
import { RefusalCode, RefusalSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { NamespaceStore } from "../ports.ts";
import type { WriteResult } from "../service.ts";
import { refusalError } from "./refusals.ts";
import { REMEMBER_MS } from "./trim.ts";

/** 32 bytes each: of the idempotency key, and of the request that came with it. */
export interface Idempotency {
  readonly idempotencyHash: Uint8Array;
  readonly requestHash: Uint8Array;
}

/**
 * The answer of an earlier write with this key, as far as this node knows; undefined: the state machine has to say. "idempotency-conflict": the key came with
 * another request. What the write would do now, and whether it could be done, does not matter.
 */
export function repeatedAnswer(
  { view }: Pick<NamespaceStore, "view">,
  namespaceId: bigint,
  { idempotencyHash, requestHash }: Idempotency,
): WriteResult | undefined {
  const known = view.rememberedBatch(namespaceId, idempotencyHash);
  if (known === undefined || Number(known.committedAtMs) + REMEMBER_MS <= view.appliedTimeMs())
    return undefined;
  const { version, upserted, patched, deleted } = known;
  if (!equalBytes(known.requestHash, requestHash)) {
    const detail = `by the batch of version ${version}`;
    throw refusalError(create(RefusalSchema, { code: RefusalCode.IDEMPOTENCY_CONFLICT, detail }));
  }
  const counts = { upserted: Number(upserted), patched: Number(patched), deleted: Number(deleted) };
  return { version, ...counts, repeated: true };
}
