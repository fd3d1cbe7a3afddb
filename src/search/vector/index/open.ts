import type { ByteRange, RangeReader } from "../../ports.ts";
import { RowSet } from "../../rows/row-set.ts";
import { decodeElements, uint32sOf } from "../elements.ts";
import { scanExactly } from "../exact-scan.ts";
import {
  damaged,
  decodeHead,
  fullBytes,
  HEAD_BYTES,
  type Head,
  type Layout,
  layoutOf,
} from "../format/head.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import { Scorer } from "../scorer.ts";
import { TopHits } from "../top-hits.ts";
import type { VectorAnswer, VectorIndex, VectorSearch } from "../vector-index.ts";

/** Bytes of full vectors that an exact search holds at once. */
const EXACT_WAVE_BYTES = 16_777_216;

export interface OpenVectorIndex {
  /** Of the index alone: its first byte is at 0, its size is that of the index. */
  readonly reader: RangeReader;
  readonly kernels: VectorKernels;
}

/** Reads the head and what stays in memory. Rejects with "data-damaged" or "format-too-new"; hostile bytes do no more than that. */
export async function openVectorIndex({ reader, kernels }: OpenVectorIndex): Promise<VectorIndex> {
  if (reader.sizeBytes < HEAD_BYTES) throw damaged("is shorter than its head");
  const head = decodeHead(await reader.read(0, HEAD_BYTES));
  const layout = layoutOf(head);
  if (layout.end !== reader.sizeBytes) throw damaged("has another size than its head says");
  const rowMap = head.rowsInOrder
    ? undefined
    : checkedMap(head, uint32sOf(await reader.read(layout.rowMap, head.vectorCount * 4)));
  return new StoredVectorIndex({ reader, kernels }, head, layout, rowMap);
}

function checkedMap(head: Head, map: Uint32Array): Uint32Array {
  const seen = RowSet.empty(head.rowCount);
  for (const row of map) {
    if (row >= head.rowCount || seen.has(row))
      throw damaged("maps its vectors to no rows or to one row twice");
    seen.add(row);
  }
  return map;
}

class StoredVectorIndex implements VectorIndex {
  readonly #reader: RangeReader;
  readonly #kernels: VectorKernels;
  readonly #head: Head;
  readonly #layout: Layout;
  readonly #rowMap: Uint32Array | undefined;
  #positions: ReadonlyMap<number, number> | undefined;

  constructor(open: OpenVectorIndex, head: Head, layout: Layout, rowMap: Uint32Array | undefined) {
    this.#reader = open.reader;
    this.#kernels = open.kernels;
    this.#head = head;
    this.#layout = layout;
    this.#rowMap = rowMap;
  }

  get field() {
    return this.#head.field;
  }

  get rowCount() {
    return this.#head.rowCount;
  }

  get vectorCount() {
    return this.#head.vectorCount;
  }

  rowsWithVector(): Promise<RowSet> {
    const rows = RowSet.empty(this.#head.rowCount);
    if (this.#rowMap === undefined) rows.addRange(0, this.#head.vectorCount);
    else for (const row of this.#rowMap) rows.add(row);
    return Promise.resolve(rows);
  }

  async search({ query, k, allowed }: VectorSearch): Promise<VectorAnswer> {
    const { field, vectorCount } = this.#head;
    const dimensions = field.dimensions;
    const top = new TopHits(k);
    const scorer = new Scorer(this.#kernels, field, query);
    const step = Math.max(1, Math.floor(EXACT_WAVE_BYTES / fullBytes(field)));
    let [candidates, waves] = [0, 0];
    for (let first = 0; first < vectorCount; first += step) {
      const end = Math.min(vectorCount, first + step);
      if (allowed !== undefined && !this.#anyAllowed(allowed, first, end)) continue;
      waves++;
      const bytes = await this.#reader.read(this.#rangeOf(first).offset, (end - first) * fullBytes(field));
      const vectors = decodeElements(field.element, bytes, this.#kernels);
      const scanned = { vectors, dimensions, rowAt: (i: number) => this.#rowAt(first + i) };
      candidates += scanExactly(scanned, allowed, scorer, top);
    }
    const hits = top.toSorted();
    return { hits, candidates, reranked: candidates, listsProbed: 0, exhaustive: true, waves };
  }

  async vectorsOf(rows: Uint32Array): Promise<readonly (Float32Array | undefined)[]> {
    const positions = Array.from(rows, (row) => this.#positionOf(row));
    const known = positions.filter((position) => position !== undefined);
    const parts = await this.#reader.readMany(known.map((position) => this.#rangeOf(position)));
    let next = 0;
    return positions.map((position) =>
      position === undefined
        ? undefined
        : decodeElements(this.#head.field.element, parts[next++]!, this.#kernels),
    );
  }

  #anyAllowed(allowed: RowSet, first: number, end: number): boolean {
    if (this.#rowMap === undefined) return allowed.countRange(first, end) > 0;
    return this.#rowMap.subarray(first, end).some((row) => allowed.has(row));
  }

  #rowAt(position: number): number {
    return this.#rowMap === undefined ? position : this.#rowMap[position]!;
  }

  #positionOf(row: number): number | undefined {
    if (this.#rowMap === undefined) return row < this.#head.vectorCount ? row : undefined;
    this.#positions ??= new Map(Array.from(this.#rowMap, (r, position) => [r, position]));
    return this.#positions.get(row);
  }

  #rangeOf(position: number): ByteRange {
    const length = fullBytes(this.#head.field);
    return { offset: this.#layout.full + position * length, length };
  }
}
