import { SearchError } from "../../errors.ts";
import type { Schema } from "../../model/schema.ts";
import { RowSet } from "../../rows/row-set.ts";
import { openVectorIndex, type VectorIndex, type VectorKernels } from "../../vector/index.ts";
import type { SearchUnit } from "../ports.ts";
import { type Checksum, takeContent } from "./blocks.ts";
import { decodeEnds, decodeWords, pieceAt } from "./byte-lists.ts";
import { Container } from "./container.ts";
import { decodeExpiry, type Expiry } from "./expiry.ts";
import { segmentUnit } from "./segment-unit.ts";

export interface MergeSourceInput {
  /** Taken over: it is no file any more afterwards. */
  readonly file: Uint8Array;
  /** Rows to leave out. */
  readonly deleted: RowSet;
  /** Of the namespace now. */
  readonly schema: Schema;
  readonly kernels: VectorKernels;
  readonly checksum: Checksum;
  /** What expires by then is left out, too. */
  readonly nowMs: number;
  readonly pause: () => Promise<void>;
}

/** A segment that goes into another one: its rows that stay, and its parts as they lie, none of them copied. "data-damaged" where they do not fit. */
export class MergeSource {
  readonly unit: SearchUnit;
  readonly container: Container;
  /** Rows that stay, ascending. */
  readonly rows: Uint32Array;
  /** Of rows that stay. */
  readonly expiring: readonly Expiry[];
  /** The rows in the order of their ids. */
  readonly idOrder: Uint32Array;
  readonly #documents: Pieces;
  readonly #ids: Pieces;
  readonly #kernels: VectorKernels;

  private constructor(
    input: MergeSourceInput,
    unit: SearchUnit,
    container: Container,
    lists: { expiry: Uint8Array; documents: Pieces; ids: Pieces; idOrder: Uint8Array },
  ) {
    const { rowCount } = container;
    if (input.deleted.size !== rowCount)
      throw new SearchError("data-damaged", "deleted rows are of another segment");
    this.unit = unit;
    this.container = container;
    const expiring = decodeExpiry(lists.expiry, rowCount);
    const gone = input.deleted.copy();
    for (const { expiresAtMs, row } of expiring) if (expiresAtMs <= input.nowMs) gone.add(row);
    this.rows = gone.complement().toRows();
    this.expiring = expiring.filter(({ row }) => !gone.has(row));
    this.idOrder = decodeWords(lists.idOrder, rowCount);
    if (
      RowSet.of(
        rowCount,
        this.idOrder.filter((row) => row < rowCount),
      ).count() !== rowCount
    )
      throw new SearchError("data-damaged", "the ids of an index segment cannot be read");
    this.#documents = lists.documents;
    this.#ids = lists.ids;
    this.#kernels = input.kernels;
  }

  static async open(input: MergeSourceInput): Promise<MergeSource> {
    const { file, checksum, pause } = input;
    const container = await Container.ofContent(await takeContent(file, checksum, pause));
    const unit = segmentUnit(container, { name: "source", ...input });
    const [expiry, idOrder] = await Promise.all([whole(container, "expiry"), whole(container, "id-order")]);
    const documents = await Pieces.read(container, "documents", "document-ends");
    const ids = await Pieces.read(container, "ids", "id-ends");
    return new MergeSource(input, unit, container, { expiry, documents, ids, idOrder });
  }

  /** As it is stored. */
  documentAt(row: number): Uint8Array {
    return this.#documents.at(row);
  }

  /** Undefined: the field came later. */
  async vectors(field: string): Promise<VectorIndex | undefined> {
    const reader = this.container.section("vector", field);
    if (reader === undefined) return undefined;
    const index = await openVectorIndex({ reader, kernels: this.#kernels });
    if (index.rowCount !== this.container.rowCount)
      throw new SearchError("data-damaged", "an index segment has a part of another number of rows");
    return index;
  }

  /** As it is stored: its order is that of the ids. */
  idAt(row: number): Uint8Array {
    return this.#ids.at(row);
  }
}

/** A section in memory. */
export async function whole(container: Container, kind: string, field = ""): Promise<Uint8Array> {
  const section = container.required(kind, field);
  return await section.read(0, section.sizeBytes);
}

/** Pieces of a section by row. */
class Pieces {
  readonly #bytes: Uint8Array;
  readonly #ends: Uint32Array;

  private constructor(bytes: Uint8Array, ends: Uint32Array) {
    this.#bytes = bytes;
    this.#ends = ends;
  }

  static async read(container: Container, kind: string, ends: string): Promise<Pieces> {
    const [bytes, ended] = await Promise.all([whole(container, kind), whole(container, ends)]);
    return new Pieces(bytes, decodeEnds(ended, container.rowCount, bytes.length));
  }

  at(row: number): Uint8Array {
    const { offset, length } = pieceAt(this.#ends, row);
    return this.#bytes.subarray(offset, offset + length);
  }
}
