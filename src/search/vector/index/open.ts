import type { RangeReader } from "../../ports.ts";
import type { RowSet } from "../../rows/row-set.ts";
import { uint32sOf } from "../elements.ts";
import { damaged } from "../format/damaged.ts";
import { decodeHead, fullBytes, HEAD_BYTES, type Head, layoutOf } from "../format/head.ts";
import { decodeTree } from "../format/tree.ts";
import { ExactSteps, searchTogether, type VectorSteps } from "../joint-search.ts";
import type { VectorKernels } from "../kernels/kernels.ts";
import type { VectorAnswer, VectorIndex, VectorSearch } from "../vector-index.ts";
import { FullVectors } from "./full-vectors.ts";
import { ListSearch, type StoredLists } from "./list-search.ts";
import { RowPlaces } from "./row-places.ts";
import { positionsApart } from "./rows-apart.ts";

const EXACT_CANDIDATES = 256;

export interface OpenVectorIndex {
  /** Of the index alone: its first byte is at 0, its size is that of the index. */
  readonly reader: RangeReader;
  readonly kernels: VectorKernels;
  /** Up to so many allowed vectors are all compared in full, which costs no more than going through the lists. Default 256. */
  readonly exactCandidates?: number;
}

/**
 * Reads the head, then in one wave what stays in memory: the map of rows, if there is one, and the centroids. Rejects with "data-damaged" or
 * "format-too-new"; hostile bytes do no more than that.
 */
export async function openVectorIndex(open: OpenVectorIndex): Promise<VectorIndex> {
  const { reader, kernels, exactCandidates = EXACT_CANDIDATES } = open;
  if (reader.sizeBytes < HEAD_BYTES) throw damaged("is shorter than its head");
  const head = decodeHead(await reader.read(0, HEAD_BYTES));
  const layout = layoutOf(head);
  if (layout.end !== reader.sizeBytes) throw damaged("has another size than its head says");
  const mapBytes = head.rowsInOrder ? 0 : head.vectorCount * 4;
  const [map, tree] = await reader.readMany([
    { offset: layout.rowMap, length: mapBytes },
    { offset: layout.tree, length: layout.end - layout.tree },
  ]);
  const places = new RowPlaces(head, head.rowsInOrder ? undefined : uint32sOf(map!));
  const records = { reader, start: layout.full, recordBytes: fullBytes(head.field) };
  const full = new FullVectors({ head, records, places, kernels });
  const stored =
    head.listCount === 0
      ? undefined
      : { reader, kernels, head, layout, full, tree: decodeTree(head, tree!, kernels) };
  const lists = stored === undefined ? undefined : new ListSearch(stored);
  return new StoredVectorIndex({ head, places, full, stored, lists, exactCandidates });
}

interface Parts {
  readonly head: Head;
  readonly places: RowPlaces;
  readonly full: FullVectors;
  /** Undefined, both: too few vectors for lists. */
  readonly stored: StoredLists | undefined;
  readonly lists: ListSearch | undefined;
  readonly exactCandidates: number;
}

class StoredVectorIndex implements VectorIndex {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get field() {
    return this.#parts.head.field;
  }

  get rowCount() {
    return this.#parts.head.rowCount;
  }

  get vectorCount() {
    return this.#parts.head.vectorCount;
  }

  rowsWithVector(): Promise<RowSet> {
    return Promise.resolve(this.#parts.places.all());
  }

  async search(search: VectorSearch): Promise<VectorAnswer> {
    const [answer] = await searchTogether([this.steps(search)], search.k);
    return answer as VectorAnswer;
  }

  steps({ query, k, allowed, exact = false, pass }: VectorSearch): VectorSteps {
    const { head, places, full, lists, exactCandidates } = this.#parts;
    const positions = allowed === undefined ? undefined : places.positionsOf(allowed);
    const matching = positions?.count ?? head.vectorCount;
    const on = { metric: head.field.metric, query };
    if (lists === undefined || exact)
      return new ExactSteps(on, () => full.searchAll({ query, k, pass }, allowed));
    if (positions === undefined || matching > exactCandidates)
      return lists.begin({ query, k, allowed: positions });
    return new ExactSteps(on, () =>
      full.searchPositions({ query, k, pass }, positions.inRange(0, head.vectorCount)),
    );
  }

  async rowsApart(pass: () => Promise<void>): Promise<readonly number[]> {
    const { stored, places } = this.#parts;
    const positions = stored === undefined ? [] : await positionsApart(stored, pass);
    return positions.map((position) => places.rowAt(position));
  }

  async vectorsOf(rows: Uint32Array): Promise<readonly (Float32Array | undefined)[]> {
    const places = Array.from(rows, (row) => this.#parts.places.positionOf(row));
    const positions = Uint32Array.from(new Set(places.filter((place) => place !== undefined))).sort();
    const vectors = await this.#parts.full.at(positions);
    const { dimensions } = this.#parts.head.field;
    const starts = new Map(Array.from(positions, (position, i) => [position, i * dimensions]));
    return places.map((place) => {
      const start = place === undefined ? undefined : starts.get(place);
      return start === undefined ? undefined : vectors.slice(start, start + dimensions);
    });
  }
}
