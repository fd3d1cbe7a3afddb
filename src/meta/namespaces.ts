/**
 * The rows of namespaces, with everything that is derived from them: the totals of organizations and projects, and the indexes of namespaces with
 * something to index or to trim. Whoever changes a namespace's row does it through here.
 */

import { create } from "@bufbuild/protobuf";
import { assert } from "../base/index.ts";
import { type Refusal, RefusalCode } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  ClusterRowSchema,
  type ManifestTotals,
  NamespaceNameRowSchema,
  type NamespaceRow,
  NamespaceRowSchema,
  type NamespaceSettings,
  NamespaceState,
  NamespaceWork,
  type SearchScopeRow,
  SearchScopeRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import {
  CLUSTER_KEY,
  namespaceKey,
  namespaceLeaseKey,
  namespaceNameKey,
  searchScopeKey,
  trimmableKey,
  unindexedKey,
} from "./keys.ts";
import { MAX_NAMESPACES, MAX_RETENTION_SECONDS, MAX_SCHEMA_BYTES, MAX_TTL_SECONDS } from "./limits.ts";
import { refusal } from "./result.ts";

const NAME = /^[a-z0-9][a-z0-9_-]{0,62}$/;

/** Whether it can be the name of an organization, a project or a namespace. */
export function isScopeName(name: string): boolean {
  return NAME.test(name);
}

export function findNamespace(state: ApplyState, namespaceId: bigint): NamespaceRow | Refusal {
  const row = state.read(namespaceKey(namespaceId), NamespaceRowSchema);
  if (row?.state !== NamespaceState.LIVE) return refusal(RefusalCode.NAMESPACE_UNKNOWN, "");
  return row;
}

export interface NewNamespaceName {
  readonly org: string;
  readonly project: string;
  readonly name: string;
}

/** Whether a namespace of this name may come into being. */
export function checkNewNamespace(
  state: ApplyState,
  { org, project, name }: NewNamespaceName,
): Refusal | undefined {
  const cluster = state.cluster();
  if (cluster === undefined) return refusal(RefusalCode.INVALID, "the cluster is not initialised");
  if (!isScopeName(org) || !isScopeName(project) || !isScopeName(name)) {
    return refusal(RefusalCode.INVALID, "the namespace's name");
  }
  if (state.has(namespaceNameKey(org, project, name))) return refusal(RefusalCode.NAMESPACE_EXISTS, "");
  if (cluster.namespaceCount >= MAX_NAMESPACES) return refusal(RefusalCode.TOO_LARGE, "too many namespaces");
  return checkQuota(state, { org, project }, { namespaces: 1n, bytes: 0n, documents: 0n });
}

export function checkSchema(schema: Uint8Array, format: number): Refusal | undefined {
  if (format === 0) return refusal(RefusalCode.INVALID, "a schema has a format");
  return schema.length > MAX_SCHEMA_BYTES ? refusal(RefusalCode.TOO_LARGE, "the schema") : undefined;
}

export function checkSettings(settings: NamespaceSettings | undefined): Refusal | undefined {
  if (settings === undefined) return refusal(RefusalCode.INVALID, "a namespace has settings");
  if (settings.retentionSeconds > MAX_RETENTION_SECONDS) return refusal(RefusalCode.INVALID, "the retention");
  return settings.defaultTtlSeconds > MAX_TTL_SECONDS
    ? refusal(RefusalCode.INVALID, "the time to live")
    : undefined;
}

export interface NamespaceSchemaBytes {
  readonly schema: Uint8Array;
  readonly schemaFormat: number;
}

/** A namespace comes into being, with its name. Gives its id. */
export function addNamespace(
  state: ApplyState,
  namespace: Omit<NamespaceRow, "namespaceId">,
  schema: NamespaceSchemaBytes,
): NamespaceRow {
  const cluster = state.cluster();
  assert(cluster !== undefined, "a namespace is in a cluster");
  const namespaceId = cluster.nextNamespaceId === 0n ? 1n : cluster.nextNamespaceId;
  const row = { ...namespace, namespaceId };
  state.write(CLUSTER_KEY, ClusterRowSchema, {
    ...cluster,
    nextNamespaceId: namespaceId + 1n,
    namespaceCount: cluster.namespaceCount + 1,
  });
  const name = create(NamespaceNameRowSchema, { namespaceId, ...schema, schemaRevision: 1n });
  state.write(namespaceNameKey(row.org, row.project, row.name), NamespaceNameRowSchema, name);
  replaceNamespace(state, undefined, row);
  return row;
}

/** Writes `after` in the place of `before`, with what follows from it. A deleted namespace without any rows goes as well. */
export function replaceNamespace(
  state: ApplyState,
  before: NamespaceRow | undefined,
  after: NamespaceRow,
): void {
  const { namespaceId } = after;
  const isGone = after.state === NamespaceState.DELETED && isEmpty(after);
  if (isGone) {
    state.delete(namespaceKey(namespaceId));
    for (const work of [NamespaceWork.FLUSH, NamespaceWork.COMPACT]) {
      if (state.has(namespaceLeaseKey(namespaceId, work))) state.delete(namespaceLeaseKey(namespaceId, work));
    }
  } else {
    state.write(namespaceKey(namespaceId), NamespaceRowSchema, after);
  }
  const was = before !== undefined;
  index(state, unindexedKey(namespaceId), was && hasUnindexed(before), !isGone && hasUnindexed(after));
  index(state, trimmableKey(namespaceId), was && hasTrimmable(before), !isGone && hasTrimmable(after));
  countInScopes(state, before, after);
}

export function hasUnindexed(row: NamespaceRow): boolean {
  return row.state === NamespaceState.LIVE && totalsOf(row).batches > 0n;
}

export function hasTrimmable(row: NamespaceRow): boolean {
  return row.state === NamespaceState.DELETED || totalsOf(row).past > 0n || row.remembered > 0n;
}

function isEmpty(row: NamespaceRow): boolean {
  const { batches, segments, deletes, past } = totalsOf(row);
  return batches + segments + deletes + past + row.remembered === 0n;
}

function index(state: ApplyState, key: string, was: boolean, is: boolean): void {
  if (is && !was) state.putEmpty(key);
  if (was && !is) state.delete(key);
}

export function totalsOf(row: NamespaceRow): ManifestTotals {
  assert(row.totals !== undefined, "a namespace has totals");
  return row.totals;
}

export interface ScopeUse {
  readonly namespaces: bigint;
  readonly bytes: bigint;
  readonly documents: bigint;
}

/** What a namespace counts for in its project and its organization. */
export function scopeUseOf(row: NamespaceRow): ScopeUse {
  if (row.state !== NamespaceState.LIVE) return NO_USE;
  const totals = totalsOf(row);
  return {
    namespaces: 1n,
    bytes: totals.batchBytes + totals.segmentBytes + totals.deletesBytes + totals.pastBytes,
    documents: totals.batchUpserts + totals.segmentRows - totals.deletedRows,
  };
}

const NO_USE: ScopeUse = { namespaces: 0n, bytes: 0n, documents: 0n };

/** Refuses what would make an organization or a project larger than it may be. */
export function checkQuota(
  state: ApplyState,
  { org, project }: { readonly org: string; readonly project: string },
  more: ScopeUse,
): Refusal | undefined {
  for (const scope of ["", project]) {
    const row = state.read(searchScopeKey(org, scope), SearchScopeRowSchema);
    const over = row && overQuota(row, more);
    if (over !== undefined) {
      return refusal(RefusalCode.SEARCH_QUOTA, `${over} of the ${scope === "" ? "organization" : "project"}`);
    }
  }
  return undefined;
}

function overQuota(row: SearchScopeRow, more: ScopeUse): string | undefined {
  const over = (max: bigint, used: bigint, added: bigint) => max > 0n && added > 0n && used + added > max;
  if (over(row.maxNamespaces, row.namespaces, more.namespaces)) return "namespaces";
  if (over(row.maxBytes, row.bytes, more.bytes)) return "bytes";
  if (over(row.maxDocuments, row.documents, more.documents)) return "documents";
  return undefined;
}

function countInScopes(state: ApplyState, before: NamespaceRow | undefined, after: NamespaceRow): void {
  const was = before === undefined ? NO_USE : scopeUseOf(before);
  const is = scopeUseOf(after);
  const isSame = was.namespaces === is.namespaces && was.bytes === is.bytes && was.documents === is.documents;
  if (isSame) return;
  for (const scope of ["", after.project]) {
    const key = searchScopeKey(after.org, scope);
    const row = state.read(key, SearchScopeRowSchema) ?? create(SearchScopeRowSchema);
    const next = {
      ...row,
      namespaces: row.namespaces + is.namespaces - was.namespaces,
      bytes: row.bytes + is.bytes - was.bytes,
      documents: row.documents + is.documents - was.documents,
    };
    assert(next.namespaces >= 0n && next.bytes >= 0n && next.documents >= 0n, "totals are not negative");
    writeScope(state, key, next);
  }
}

/** A scope without namespaces and without limits has no row. */
export function writeScope(state: ApplyState, key: string, row: SearchScopeRow): void {
  if (row.namespaces + row.maxNamespaces + row.maxBytes + row.maxDocuments > 0n) {
    state.write(key, SearchScopeRowSchema, row);
  } else if (state.has(key)) {
    state.delete(key);
  }
}
