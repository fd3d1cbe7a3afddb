import { fromBinary } from "@bufbuild/protobuf";
import { toHex } from "../../base/index.ts";
import { AppliedRowSchema, BlobRowSchema, BlobState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { APPLIED_KEY, TABLES, tableLetter } from "../../meta/index.ts";
import type { StoreChange } from "../../platform/index.ts";
import type { SimulatedNode } from "../cluster/simulated-node.ts";
import type { Coverage, CoverageMark } from "../coverage.ts";
import { check } from "../failure.ts";
import { NamespaceRowMarks } from "../namespaces/row-marks.ts";

type Known = BlobState | "gone";

/** What may become of a blob in one batch; several steps may lie in one. */
const FORBIDDEN: readonly (readonly [from: Known, to: Known])[] = [
  [BlobState.DELETING, BlobState.LIVE],
  [BlobState.DELETING, BlobState.PENDING_DELETE],
  ["gone", BlobState.LIVE],
  ["gone", BlobState.PENDING_DELETE],
  ["gone", BlobState.DELETING],
];

const MARKS: readonly (readonly [from: Known | undefined, to: Known, mark: CoverageMark])[] = [
  [BlobState.LIVE, BlobState.PENDING_DELETE, "blob lost its last reference"],
  [BlobState.PENDING_DELETE, BlobState.LIVE, "blob revived"],
  [BlobState.PENDING_DELETE, BlobState.DELETING, "blob ordered unlinked"],
  [BlobState.DELETING, "gone", "blob forgotten"],
];

/** Replicas have the same state at the same index; blobs go through their states in one direction but for a revival. */
export class StateChecker {
  readonly #coverage: Coverage;
  readonly #namespaces: NamespaceRowMarks;
  readonly #hashes = new Map<bigint, string>();
  readonly #blobs = new Map<string, Known>();
  /** By blob: nodes that were told to unlink it. */
  readonly #ordered = new Map<string, ReadonlySet<bigint>>();
  #newest = 0n;

  constructor(coverage: Coverage) {
    this.#coverage = coverage;
    this.#namespaces = new NamespaceRowMarks(coverage);
  }

  /** Nodes that were told to unlink a blob: those that were recorded for it when it began to be deleted. */
  toldToUnlink(blobHex: string): ReadonlySet<bigint> {
    return this.#ordered.get(blobHex) ?? new Set();
  }

  /** A batch that a node has written into its state store, or into that of a snapshot which it receives. */
  written(node: SimulatedNode, changes: readonly StoreChange[]): void {
    const applied = changes.findLast(({ key }) => key === APPLIED_KEY);
    if (applied?.kind !== "put") return;
    const { index, stateHash } = fromBinary(AppliedRowSchema, applied.value);
    const hash = toHex(stateHash);
    const known = this.#hashes.get(index);
    if (known === undefined) this.#hashes.set(index, hash);
    else {
      check(
        known === hash,
        "equal state hashes",
        () => `${node.name} has the state ${hash} at ${index}, another node had ${known}`,
      );
    }
    if (index <= this.#newest) return;
    this.#newest = index;
    for (const change of changes) {
      if (tableLetter(change.key) === TABLES.blob) this.#blobChanged(change);
      else this.#namespaces.changed(change);
    }
  }

  #note(blobHex: string, change: StoreChange): Known {
    if (change.kind === "delete") return "gone";
    const blob = fromBinary(BlobRowSchema, change.value);
    if (blob.state === BlobState.DELETING && !this.#ordered.has(blobHex)) {
      this.#ordered.set(blobHex, new Set(blob.chunks.flatMap(({ nodeIds }) => nodeIds)));
    }
    return blob.state;
  }

  #blobChanged(change: StoreChange): void {
    const blobHex = change.key.slice(-32);
    const now = this.#note(blobHex, change);
    const before = this.#blobs.get(blobHex);
    check(
      !FORBIDDEN.some(([from, to]) => from === before && to === now),
      "blob states",
      () => `blob ${blobHex} went from ${before} to ${now}`,
    );
    for (const [from, to, mark] of MARKS) if (from === before && to === now) this.#coverage.mark(mark);
    this.#blobs.set(blobHex, now);
  }
}
