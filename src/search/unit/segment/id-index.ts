import { compareBytes, firstIndex } from "../../../base/index.ts";
import { SearchError } from "../../errors.ts";
import type { DocumentId } from "../../model/document.ts";
import { decodeId, encodeId } from "../../model/encode-id.ts";
import { decodeEnds, decodeWords, pieceAt } from "./byte-lists.ts";
import type { Container } from "./container.ts";

/** The ids of a segment: by row, and the rows in the order of the ids. In memory once it was asked for. */
export class IdIndex {
  readonly #bytes: Uint8Array;
  readonly #ends: Uint32Array;
  readonly #order: Uint32Array;

  private constructor(bytes: Uint8Array, ends: Uint32Array, order: Uint32Array) {
    this.#bytes = bytes;
    this.#ends = ends;
    this.#order = order;
  }

  /** One wave: its three sections lie one after another. */
  static async open(container: Container): Promise<IdIndex> {
    const readers = [
      container.required("ids"),
      container.required("id-ends"),
      container.required("id-order"),
    ];
    const [ids, ends, order] = await Promise.all(readers.map((reader) => reader.read(0, reader.sizeBytes)));
    if (ids === undefined || ends === undefined || order === undefined) throw idDamaged();
    const { rowCount } = container;
    const rows = decodeWords(order, rowCount);
    if (rows.some((row) => row >= rowCount)) throw idDamaged();
    return new IdIndex(ids, decodeEnds(ends, rowCount, ids.length), rows);
  }

  idOf(row: number): DocumentId {
    return decodeId(this.#bytesOf(row));
  }

  rowOf(id: DocumentId): number | undefined {
    const wanted = encodeId(id);
    const row = this.#order[firstIndex(this.#order.length, (at) => this.#compare(at, wanted) >= 0)];
    return row !== undefined && compareBytes(this.#bytesOf(row), wanted) === 0 ? row : undefined;
  }

  /** The rows behind an id, or all of them, in the order of their ids. */
  *rowsAfter(id: DocumentId | undefined): Generator<number> {
    const wanted = id === undefined ? undefined : encodeId(id);
    const from =
      wanted === undefined ? 0 : firstIndex(this.#order.length, (at) => this.#compare(at, wanted) > 0);
    for (let at = from; at < this.#order.length; at++) yield this.#order[at]!;
  }

  /** The id at a place in the order, and another one. */
  #compare(at: number, id: Uint8Array): number {
    return compareBytes(this.#bytesOf(this.#order[at]!), id);
  }

  #bytesOf(row: number): Uint8Array {
    const { offset, length } = pieceAt(this.#ends, row);
    return this.#bytes.subarray(offset, offset + length);
  }
}

function idDamaged(): SearchError {
  return new SearchError("data-damaged", "the ids of an index segment cannot be read");
}
