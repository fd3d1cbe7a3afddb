import { create } from "@bufbuild/protobuf";
import { toHex } from "../../base/index.ts";
import {
  BlobRowSchema,
  ManifestRowSchema,
  type ManifestTotals,
  ManifestTotalsSchema,
  NamespaceLeaseRowSchema,
  NamespaceNameRowSchema,
  type NamespaceRow,
  NamespaceRowSchema,
  NamespaceState,
  RememberedBatchRowSchema,
  SearchScopeRowSchema,
} from "../../gen/skerry/meta/v1/rows_pb.js";
import {
  blobKey,
  manifestKey,
  manifestRange,
  manifestReferrer,
  namespaceIdOf,
  namespaceKey,
  namespaceNameKey,
  referenceKey,
  rememberedBatchRange,
  searchScopeKey,
  tableRange,
  trimmableKey,
  unindexedKey,
} from "../keys.ts";
import { countRow, decodeManifestRow, placeOf } from "../namespace-manifest.ts";
import { hasTrimmable, hasUnindexed, scopeUseOf } from "../namespaces.ts";
import type { Check } from "./check.ts";

export async function checkNamespaces(check: Check): Promise<void> {
  let count = 0;
  const scopes = new Map<string, { namespaces: bigint; bytes: bigint; documents: bigint }>();
  for await (const { key, row } of check.table("namespace", NamespaceRowSchema)) {
    const { namespaceId } = row;
    check.holds(key === namespaceKey(namespaceId), "a namespace lies at its id", key);
    check.holds(namespaceId < (check.cluster?.nextNamespaceId ?? 0n), "a namespace id was given out", key);
    if (row.state === NamespaceState.LIVE) {
      count++;
      const name = check.row(namespaceNameKey(row.org, row.project, row.name), NamespaceNameRowSchema);
      check.holds(name?.namespaceId === namespaceId, "a namespace has its name", key);
    }
    const [unindexed, trimmable] = [
      check.has(unindexedKey(namespaceId)),
      check.has(trimmableKey(namespaceId)),
    ];
    check.holds(unindexed === hasUnindexed(row), "a namespace is listed while something is not indexed", key);
    check.holds(trimmable === hasTrimmable(row), "a namespace is listed while something can be trimmed", key);
    await checkManifestOf(check, row, key);
    addScopes(scopes, row);
  }
  const at = tableRange("namespace").gte;
  check.holds(count === (check.cluster?.namespaceCount ?? 0), "the cluster counts its namespaces", at);
  await checkNames(check);
  await checkOwners(check);
  await checkScopes(check, scopes);
}

async function checkManifestOf(check: Check, namespace: NamespaceRow, at: string): Promise<void> {
  const totals = create(ManifestTotalsSchema);
  const { namespaceId } = namespace;
  let expectedVersion = namespace.indexedVersion;
  for (const part of ["b", "s", "d", "h"] as const) {
    for await (const { key, value } of check.scan(manifestRange(namespaceId, part))) {
      const row = decodeManifestRow(value);
      countRow(totals, row, 1n);
      const place = placeOf(row);
      check.holds(
        place !== undefined && key === manifestKey(namespaceId, place),
        "a manifest row lies at its kind and number",
        key,
      );
      if (place === undefined) continue;
      check.holds(row.addedRevision <= namespace.revision, "a manifest row was added at a revision", key);
      check.holds(place.removedRevision > 0n === (part === "h"), "a row of the past lies among them", key);
      const blob = check.row(blobKey(toHex(row.blobId)), BlobRowSchema);
      check.holds(blob?.size === row.size, "the blob of a manifest row exists, of its size", key);
      const reference = referenceKey(toHex(row.blobId), manifestReferrer(namespaceId, place));
      check.holds(check.has(reference), "every manifest row has a reference row", key);
      if (part === "b" && row.detail.case === "batch") {
        const follows = row.detail.value.firstVersion === expectedVersion + 1n;
        check.holds(follows, "live batches follow each other", key);
        expectedVersion = row.number;
      }
      if (part === "s" || part === "d") checkDeletesOf(check, namespace, { key, row });
    }
  }
  // Those of a deleted namespace go one by one.
  if (namespace.state === NamespaceState.LIVE)
    check.holds(expectedVersion === namespace.version, "the newest batch has the namespace's version", at);
  check.holds(sameTotals(totals, namespace.totals), "a namespace sums up its manifest", at);
  let remembered = 0n;
  for await (const { key, value } of check.scan(rememberedBatchRange(namespaceId))) {
    check.holds(value.length > 0, "a remembered batch has an answer", key);
    remembered++;
  }
  check.holds(remembered === namespace.remembered, "a namespace counts its remembered batches", at);
}

/** Both ways: a segment names its deletes, and they name it. */
function checkDeletesOf(
  check: Check,
  namespace: NamespaceRow,
  { key, row }: { readonly key: string; readonly row: ReturnType<typeof decodeManifestRow> },
): void {
  if (namespace.state !== NamespaceState.LIVE) return;
  const { namespaceId } = namespace;
  const at = (letter: "s" | "d", number: bigint) =>
    check.row(manifestKey(namespaceId, { letter, number, removedRevision: 0n }), ManifestRowSchema)?.detail;
  if (row.detail.case === "segment" && row.detail.value.deletesNumber > 0n) {
    const deletes = at("d", row.detail.value.deletesNumber);
    const isOwn = deletes?.case === "deletes" && deletes.value.segmentNumber === row.number;
    check.holds(isOwn, "the deletes of a segment exist", key);
  }
  if (row.detail.case === "deletes") {
    const segment = at("s", row.detail.value.segmentNumber);
    const isKnown = segment?.case === "segment" && segment.value.deletesNumber === row.number;
    check.holds(isKnown, "deletes belong to a live segment", key);
  }
}

function sameTotals(counted: ManifestTotals, written: ManifestTotals | undefined): boolean {
  if (written === undefined) return false;
  const names = Object.keys(counted).filter((name) => name !== "$typeName") as (keyof ManifestTotals)[];
  return names.every((name) => counted[name] === written[name]);
}

async function checkNames(check: Check): Promise<void> {
  for await (const { key, row } of check.table("namespaceName", NamespaceNameRowSchema)) {
    const namespace = check.row(namespaceKey(row.namespaceId), NamespaceRowSchema);
    const isOwn =
      namespace?.state === NamespaceState.LIVE &&
      key === namespaceNameKey(namespace.org, namespace.project, namespace.name);
    check.holds(isOwn, "every name is that of a namespace", key);
  }
}

/** Rows that belong to a namespace do not outlive it. */
async function checkOwners(check: Check): Promise<void> {
  for (const table of [
    "manifest",
    "rememberedBatch",
    "namespaceLease",
    "unindexedNamespace",
    "trimmableNamespace",
  ] as const) {
    for await (const key of check.keys(table)) {
      check.holds(check.has(namespaceKey(namespaceIdOf(key))), "every row has its namespace", key);
    }
  }
  for await (const { key, row } of check.table("rememberedBatch", RememberedBatchRowSchema)) {
    check.holds(row.version > 0n, "a remembered batch has a version", key);
  }
  for await (const { key, row } of check.table("namespaceLease", NamespaceLeaseRowSchema)) {
    check.holds(row.token.length === 16, "a lease has a token", key);
  }
}

type ScopeSums = Map<string, { namespaces: bigint; bytes: bigint; documents: bigint }>;

function addScopes(scopes: ScopeSums, row: NamespaceRow): void {
  const use = scopeUseOf(row);
  for (const scope of ["", row.project]) {
    const key = searchScopeKey(row.org, scope);
    const sum = scopes.get(key) ?? { namespaces: 0n, bytes: 0n, documents: 0n };
    sum.namespaces += use.namespaces;
    sum.bytes += use.bytes;
    sum.documents += use.documents;
    scopes.set(key, sum);
  }
}

async function checkScopes(check: Check, scopes: ScopeSums): Promise<void> {
  for (const [key, sum] of scopes) {
    const row = check.row(key, SearchScopeRowSchema);
    const isSame =
      row === undefined
        ? sum.namespaces === 0n
        : row.namespaces === sum.namespaces && row.bytes === sum.bytes && row.documents === sum.documents;
    check.holds(isSame, "an organization and a project sum up their namespaces", key);
  }
  for await (const { key, row } of check.table("searchScope", SearchScopeRowSchema)) {
    check.holds(scopes.has(key) || row.namespaces === 0n, "the namespaces of a scope exist", key);
  }
}
