import { create } from "@bufbuild/protobuf";
import { TrimNamespaceSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { type ManifestRow, type NamespaceRow, NamespaceState } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { EngineContext } from "./context.ts";
import { workTimeMs } from "./moments.ts";
import { retentionMs } from "./retention.ts";

/** Rows of one step. */
const STEP_ROWS = 1_000;
/** How long an idempotency key is remembered, in milliseconds of leader time. */
export const REMEMBER_MS = 24 * 60 * 60 * 1000;
/** Of the newest idempotency keys so many are remembered for all of that time. The state machine takes some more, so that writes go on until the rest is trimmed. */
const REMEMBERED_KEYS = 75_000;
/** Older ones are forgotten so many at a time: to find them takes a look at all. */
const FORGOTTEN_KEYS = 3_000;

/** One step: rows of the past whose retention is over, answers that are old enough, everything of a deleted namespace. False: nothing was due. */
export async function trimNamespace(context: EngineContext, row: NamespaceRow): Promise<boolean> {
  const { view } = context.store;
  const { namespaceId } = row;
  const nowMs = workTimeMs(context);
  const isDeleted = row.state === NamespaceState.DELETED;
  const rows = isDeleted ? await rowsOfDeleted(context, namespaceId) : await rowsOver(context, row, nowMs);
  const untilMs = isDeleted ? Number.MAX_SAFE_INTEGER : nowMs - REMEMBER_MS;
  const over = await view.rememberedBatches(namespaceId, untilMs, STEP_ROWS);
  const isCrowded = !isDeleted && over.length === 0 && row.remembered >= REMEMBERED_KEYS + FORGOTTEN_KEYS;
  const idempotencyHashes = [
    ...(isCrowded ? await view.oldestRememberedBatches(namespaceId, FORGOTTEN_KEYS) : over),
  ];
  if (rows.length + idempotencyHashes.length === 0) return false;
  const named = rows.map(({ kind, number, removedRevision }) => ({ kind, number, removedRevision }));
  const value = create(TrimNamespaceSchema, {
    namespaceId,
    rows: named,
    idempotencyHashes,
    ...(isCrowded && { rememberedAtMost: BigInt(REMEMBERED_KEYS) }),
  });
  await context.store.submit({ case: "trimNamespace", value });
  return true;
}

async function rowsOver(
  { store }: EngineContext,
  row: NamespaceRow,
  nowMs: number,
): Promise<readonly ManifestRow[]> {
  const keptMs = retentionMs(row);
  const page = await store.view.manifestPast(row.namespaceId, { afterRevision: 0n, limit: STEP_ROWS });
  return page.filter(({ removedAtMs }) => Number(removedAtMs) + keptMs <= nowMs);
}

async function rowsOfDeleted(
  { store: { view } }: EngineContext,
  namespaceId: bigint,
): Promise<readonly ManifestRow[]> {
  const past = await view.manifestPast(namespaceId, { afterRevision: 0n, limit: STEP_ROWS });
  if (past.length > 0) return past;
  for (const kind of ["batch", "segment", "deletes"] as const) {
    const live = await view.manifest(namespaceId, { kind, after: 0n, limit: STEP_ROWS });
    if (live.length > 0) return live;
  }
  return [];
}
