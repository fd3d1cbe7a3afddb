import { create } from "@bufbuild/protobuf";
import { type Refusal, RefusalCode, RefusalSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { NamespaceRow, SearchScopeRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { NamespaceView } from "../ports.ts";
import { MAX_LIVE_BATCHES, MAX_REMEMBERED_BATCHES } from "./state-limits.ts";

/** What a commit of a batch file adds. */
export interface AddedBatch {
  /** Of the file. */
  readonly sizeBytes: number;
  readonly upserts: number;
  /** Frames that came with an idempotency key. */
  readonly keys: number;
}

/**
 * What the state machine would refuse a commit for by what this node knows; undefined: nothing. Only the state machine decides: this is for what has to be done before the commit
 * and would be in vain, or stay behind.
 */
export function foreseenRefusal(
  view: NamespaceView,
  { org, project, totals, remembered }: NamespaceRow,
  { sizeBytes, upserts, keys }: AddedBatch,
): Refusal | undefined {
  if ((totals?.batches ?? 0n) >= MAX_LIVE_BATCHES)
    return refusal(RefusalCode.MANIFEST_FULL, "batches that are not indexed");
  if (keys > 0 && remembered + BigInt(keys) > MAX_REMEMBERED_BATCHES)
    return refusal(RefusalCode.MANIFEST_FULL, "idempotency keys");
  for (const [scope, name] of [
    ["", "organization"],
    [project, "project"],
  ] as const) {
    const row = view.searchScope(org, scope);
    const over = row && overQuota(row, BigInt(sizeBytes), BigInt(upserts));
    if (over !== undefined) return refusal(RefusalCode.SEARCH_QUOTA, `${over} of the ${name}`);
  }
  return undefined;
}

function overQuota(row: SearchScopeRow, bytes: bigint, documents: bigint): string | undefined {
  const isOver = (max: bigint, used: bigint, added: bigint) => max > 0n && added > 0n && used + added > max;
  if (isOver(row.maxBytes, row.bytes, bytes)) return "bytes";
  return isOver(row.maxDocuments, row.documents, documents) ? "documents" : undefined;
}

function refusal(code: RefusalCode, detail: string): Refusal {
  return create(RefusalSchema, { code, detail });
}
