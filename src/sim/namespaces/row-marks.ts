import { fromBinary } from "@bufbuild/protobuf";
import { toHex } from "../../base/index.ts";
import { ManifestRowSchema, NamespaceLeaseRowSchema } from "../../gen/skerry/meta/v1/rows_pb.js";
import { TABLES, tableLetter } from "../../meta/index.ts";
import type { StoreChange } from "../../platform/index.ts";
import type { Coverage } from "../coverage.ts";

/** What the background work on namespaces came to, read from the rows that it leaves. */
export class NamespaceRowMarks {
  readonly #coverage: Coverage;
  /** Blobs of segments and deletes: branches have rows of the same. */
  readonly #blobs = new Set<string>();
  /** By its key: the token of a lease that was not given back. */
  readonly #leases = new Map<string, string>();

  constructor(coverage: Coverage) {
    this.#coverage = coverage;
  }

  /** In the order of the log, each once. */
  changed(change: StoreChange): void {
    switch (tableLetter(change.key)) {
      case TABLES.manifest:
        if (change.kind === "put") this.#manifest(change.value);
        break;
      case TABLES.namespaceLease:
        this.#lease(change);
        break;
      case TABLES.namespace:
        if (change.kind === "delete") this.#coverage.mark("namespace forgotten");
        break;
    }
  }

  #manifest(value: Uint8Array): void {
    const { blobId, detail } = fromBinary(ManifestRowSchema, value);
    const blob = toHex(blobId);
    if (detail.case === "batch" || detail.case === undefined || this.#blobs.has(blob)) return;
    this.#blobs.add(blob);
    if (detail.case === "deletes") this.#coverage.mark("namespace deletes written");
    else this.#coverage.mark(detail.value.level === 0 ? "namespace flushed" : "namespace merged");
  }

  #lease(change: StoreChange): void {
    if (change.kind === "delete") {
      this.#leases.delete(change.key);
      return;
    }
    const token = toHex(fromBinary(NamespaceLeaseRowSchema, change.value).token);
    const before = this.#leases.get(change.key);
    if (before !== undefined && before !== token) this.#coverage.mark("lease taken over");
    this.#leases.set(change.key, token);
  }
}
