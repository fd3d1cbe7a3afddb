import { compareBytes } from "../../../base/index.ts";
import { SearchError } from "../../errors.ts";
import { encodeWords } from "./byte-lists.ts";
import type { ContainerWriter } from "./container.ts";
import { encodeExpiry } from "./expiry.ts";
import type { MergeSource } from "./merge-source.ts";

/** The rows of the sources that stay, one source after another: two numbers for each. */
export class InputRows {
  readonly length: number;
  /** By input. */
  readonly sources: Uint16Array;
  readonly rows: Uint32Array;

  constructor(sources: readonly MergeSource[]) {
    this.length = sources.reduce((sum, { rows }) => sum + rows.length, 0);
    this.sources = new Uint16Array(this.length);
    this.rows = new Uint32Array(this.length);
    let at = 0;
    for (const [source, { rows }] of sources.entries()) {
      this.sources.fill(source, at, at + rows.length);
      this.rows.set(rows, at);
      at += rows.length;
    }
  }
}

/** By row of a source: 1 + its row in the new segment; none has one yet. */
export function noPlaces({ container }: MergeSource): Uint32Array {
  return new Uint32Array(container.rowCount);
}

/** The rows of the new segment. */
export class MergedRows {
  readonly sources: readonly MergeSource[];
  readonly places: readonly Uint32Array[];
  readonly #inputs: InputRows;
  readonly #order: Uint32Array;

  constructor(sources: readonly MergeSource[], inputs: InputRows, order: Uint32Array) {
    this.sources = sources;
    this.#inputs = inputs;
    this.#order = order;
    this.places = sources.map((source) => noPlaces(source));
    for (const [row, input] of order.entries())
      this.places[inputs.sources[input]!]![inputs.rows[input]!] = row + 1;
  }

  get count(): number {
    return this.#order.length;
  }

  /** Where a row of a source goes. */
  rowOf(source: number): (row: number) => number | undefined {
    const places = this.places[source]!;
    return (row) => (places[row] === 0 ? undefined : places[row]! - 1);
  }

  /** What `take` has of each row's origin, in their order. */
  *of<T>(take: (source: number, row: number) => T): Generator<T> {
    for (const input of this.#order) yield take(this.#inputs.sources[input]!, this.#inputs.rows[input]!);
  }

  writeDocuments(writer: ContainerWriter): void {
    this.#writePieces(writer, ["documents", "document-ends"], (source, row) =>
      this.sources[source]!.documentAt(row),
    );
    this.#writePieces(writer, ["ids", "id-ends"], (source, row) => this.sources[source]!.idAt(row));
    writer.add({ kind: "id-order", field: "", bytes: encodeWords(this.#byId()) });
    const expiring = this.sources.flatMap((source, i) =>
      source.expiring.map(({ expiresAtMs, row }) => ({ expiresAtMs, row: this.places[i]![row]! - 1 })),
    );
    writer.add({ kind: "expiry", field: "", bytes: encodeExpiry(expiring) });
  }

  #writePieces(
    writer: ContainerWriter,
    [kind, endsKind]: readonly [string, string],
    pieceOf: (source: number, row: number) => Uint8Array,
  ): void {
    const ends = new Uint32Array(this.count);
    let [end, row] = [0, 0];
    writer.begin(kind, "");
    for (const piece of this.of(pieceOf)) {
      writer.write(piece);
      end += piece.length;
      if (end >= 2 ** 32)
        throw new SearchError("limit-exceeded", "the documents of one index segment are over 4 GiB");
      ends[row++] = end;
    }
    writer.add({ kind: endsKind, field: "", bytes: encodeWords(ends) });
  }

  /** The orders of the sources, merged. */
  #byId(): Uint32Array {
    const orders = this.sources.map(({ idOrder }, i) => idOrder.filter((row) => this.places[i]![row]! > 0));
    const next = orders.map(() => 0);
    const merged = new Uint32Array(this.count);
    for (let at = 0; at < merged.length; at++) {
      let least = -1;
      for (const [i, order] of orders.entries()) {
        if (next[i] === order.length) continue;
        if (least < 0 || compareBytes(this.#nextId(orders, next, i), this.#nextId(orders, next, least)) < 0)
          least = i;
      }
      merged[at] = this.places[least]![orders[least]![next[least]!++]!]! - 1;
    }
    return merged;
  }

  #nextId(orders: readonly Uint32Array[], next: readonly number[], source: number): Uint8Array {
    return this.sources[source]!.idAt(orders[source]![next[source]!]!);
  }
}
