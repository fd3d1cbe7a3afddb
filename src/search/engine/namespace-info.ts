import type { NamespaceNameRow, NamespaceRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { NamespaceInfo, NamespaceSettings } from "../service.ts";
import { schemaOf } from "./schema-row.ts";

export function namespaceInfo(row: NamespaceRow, name: NamespaceNameRow): NamespaceInfo {
  const { org, project, parent, totals } = row;
  const since = Number(row.unindexedSinceMs);
  return {
    name: { org, project, name: row.name },
    id: row.namespaceId,
    schema: schemaOf(name),
    settings: settingsOf(row),
    version: row.version,
    createdAtMs: Number(row.createdAtMs),
    updatedAtMs: Number(row.updatedAtMs),
    ...(parent !== undefined && {
      parent: {
        id: parent.namespaceId,
        name: { org: parent.org, project: parent.project, name: parent.name },
        version: parent.version,
      },
    }),
    statistics: {
      indexedDocuments: (totals?.segmentRows ?? 0n) - (totals?.deletedRows ?? 0n),
      unindexedDocuments: totals?.batchUpserts ?? 0n,
      unindexedBatches: Number(totals?.batches ?? 0n),
      unindexedBytes: totals?.batchBytes ?? 0n,
      segments: Number(totals?.segments ?? 0n),
      segmentBytes: (totals?.segmentBytes ?? 0n) + (totals?.deletesBytes ?? 0n),
      retainedBytes: totals?.pastBytes ?? 0n,
      ...(since > 0 && { unindexedSinceMs: since }),
    },
  };
}

export function settingsOf({ settings }: NamespaceRow): NamespaceSettings {
  return {
    defaultTtlSeconds: Number(settings?.defaultTtlSeconds ?? 0n),
    retentionSeconds: Number(settings?.retentionSeconds ?? 0n),
    pinned: settings?.pinned === true,
  };
}
