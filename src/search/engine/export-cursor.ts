import { fromBase64Url, toBase64Url } from "../../base/index.ts";
import { invalid } from "../errors.ts";
import type { DocumentId } from "../model/document.ts";
import { decodeId, encodeId } from "../model/encode-id.ts";
import { LIMITS } from "../model/limits.ts";

/** Where an export goes on: the namespace's id and version, 8 bytes each, when documents have to be alive, 8 bytes, then the last id. */
export interface ExportCursor {
  readonly namespaceId: bigint;
  readonly version: bigint;
  readonly nowMs: number;
  readonly after: DocumentId;
}

const HEADER_BYTES = 24;

export function encodeExportCursor({ namespaceId, version, nowMs, after }: ExportCursor): string {
  const id = encodeId(after);
  const bytes = new Uint8Array(HEADER_BYTES + id.length);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, namespaceId);
  view.setBigUint64(8, version);
  view.setFloat64(16, nowMs);
  bytes.set(id, HEADER_BYTES);
  return toBase64Url(bytes);
}

/** Refuses what is no cursor of this namespace. */
export function decodeExportCursor(cursor: string, namespaceId: bigint): ExportCursor {
  const bytes = cursor.length > LIMITS.cursorBytes ? undefined : fromBase64Url(cursor);
  if (bytes === undefined || bytes.length <= HEADER_BYTES)
    throw invalid("the cursor is not one of an export");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const nowMs = view.getFloat64(16);
  if (view.getBigUint64(0) !== namespaceId || !Number.isFinite(nowMs))
    throw invalid("the cursor is of another namespace");
  let after: DocumentId;
  try {
    after = decodeId(bytes.subarray(HEADER_BYTES));
  } catch {
    throw invalid("the cursor is not one of an export");
  }
  return { namespaceId, version: view.getBigUint64(8), nowMs, after };
}
