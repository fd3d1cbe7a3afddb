/**
 * Changes of one namespace's manifest, collected and then written together: rows, the references of their blobs, and the namespace's totals. A row is
 * added live, moves into the past when it is superseded, and is dropped from either place. Which rows are meant is checked by the commands.
 */

import { create, fromBinary } from "@bufbuild/protobuf";
import { assert } from "../base/index.ts";
import type { ManifestName } from "../gen/skerry/meta/v1/commands_pb.js";
import {
  ManifestKind,
  type ManifestRow,
  ManifestRowSchema,
  type ManifestTotals,
  ManifestTotalsSchema,
  type NamespaceRow,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { ApplyState } from "./apply-state.ts";
import { writeNewBlobs } from "./heads.ts";
import { type ManifestPlace, manifestKey, manifestReferrer } from "./keys.ts";
import type { AcceptedBlob } from "./manifest.ts";
import { totalsOf } from "./namespaces.ts";
import { ReferenceChanges } from "./references.ts";

export function placeOf(name: {
  readonly kind: ManifestKind;
  readonly number: bigint;
  readonly removedRevision: bigint;
}): ManifestPlace | undefined {
  const letter = letterOf(name.kind);
  return letter && { letter, number: name.number, removedRevision: name.removedRevision };
}

function letterOf(kind: ManifestKind): ManifestPlace["letter"] | undefined {
  switch (kind) {
    case ManifestKind.BATCH:
      return "b";
    case ManifestKind.SEGMENT:
      return "s";
    case ManifestKind.DELETES:
      return "d";
    default:
      return undefined;
  }
}

export function readManifestRow(
  state: ApplyState,
  namespaceId: bigint,
  name: Pick<ManifestName, "kind" | "number" | "removedRevision">,
): ManifestRow | undefined {
  const place = placeOf(name);
  return place && state.read(manifestKey(namespaceId, place), ManifestRowSchema);
}

export function decodeManifestRow(value: Uint8Array): ManifestRow {
  return fromBinary(ManifestRowSchema, value);
}

export class ManifestChanges {
  readonly #state: ApplyState;
  readonly #namespaceId: bigint;
  readonly #references: ReferenceChanges;
  readonly #totals: ManifestTotals;

  constructor(state: ApplyState, namespace: NamespaceRow) {
    this.#state = state;
    this.#namespaceId = namespace.namespaceId;
    this.#references = new ReferenceChanges(state);
    this.#totals = { ...totalsOf(namespace) };
  }

  /** A live row whose blob comes into being with it. */
  addNew(row: ManifestRow, blobs: readonly AcceptedBlob[]): void {
    writeNewBlobs(this.#state, blobs, manifestReferrer(this.#namespaceId, liveOrPast(row)));
    this.#write(row, 1n);
  }

  /** A live row of a blob that is there already. */
  addShared(row: ManifestRow): void {
    this.#references.add([wholeBlob(row)], manifestReferrer(this.#namespaceId, liveOrPast(row)));
    this.#write(row, 1n);
  }

  /** Rewrites a live row whose blob stays: what its detail says has changed. */
  rewrite(row: ManifestRow): void {
    this.#state.write(manifestKey(this.#namespaceId, liveOrPast(row)), ManifestRowSchema, row);
  }

  /** A live row becomes one of the past. */
  supersede(row: ManifestRow, revision: bigint): void {
    assert(row.removedRevision === 0n, "only a live row is superseded");
    this.drop(row);
    this.addShared({ ...row, removedRevision: revision, removedAtMs: this.#state.nowMs });
  }

  drop(row: ManifestRow): void {
    const place = liveOrPast(row);
    this.#references.drop([wholeBlob(row)], manifestReferrer(this.#namespaceId, place));
    this.#state.delete(manifestKey(this.#namespaceId, place));
    this.#count(row, -1n);
  }

  /** Writes the references; gives the totals as they are now. */
  settle(): ManifestTotals {
    this.#references.settle();
    return this.#totals;
  }

  #write(row: ManifestRow, sign: bigint): void {
    this.#state.write(manifestKey(this.#namespaceId, liveOrPast(row)), ManifestRowSchema, row);
    this.#count(row, sign);
  }

  #count(row: ManifestRow, sign: bigint): void {
    countRow(this.#totals, row, sign);
  }
}

/** Adds a row to the totals, or takes it away (`sign` -1). */
export function countRow(totals: ManifestTotals, row: ManifestRow, sign: bigint): void {
  if (row.removedRevision > 0n) {
    totals.past += sign;
    totals.pastBytes += sign * row.size;
    return;
  }
  switch (row.detail.case) {
    case "batch":
      totals.batches += sign;
      totals.batchBytes += sign * row.size;
      totals.batchUpserts += sign * row.detail.value.upserts;
      return;
    case "segment":
      totals.segments += sign;
      totals.segmentBytes += sign * row.size;
      totals.segmentRows += sign * row.detail.value.rows;
      return;
    case "deletes":
      totals.deletes += sign;
      totals.deletesBytes += sign * row.size;
      totals.deletedRows += sign * row.detail.value.rows;
      return;
    default:
      assert(false, "a manifest row has a detail");
  }
}

export function emptyTotals(): ManifestTotals {
  return create(ManifestTotalsSchema);
}

function liveOrPast(row: ManifestRow): ManifestPlace {
  const place = placeOf(row);
  assert(place !== undefined, "a manifest row has a kind");
  return place;
}

function wholeBlob(row: ManifestRow) {
  return {
    $typeName: "skerry.meta.v1.BlobSlice" as const,
    blobId: row.blobId,
    offset: 0n,
    length: row.size,
  };
}
