import { assert } from "../../base/index.ts";
import { damaged } from "../packed/byte-reader.ts";
import type { ByteRange, RangeReader } from "../ports.ts";
import { type Dimension, readDimensions, readSparseHead, type SparseHead } from "./head.ts";
import type { SparseIndex, SparseIndexReaders, SparseSearchRequest, SparseSearchResult } from "./ports.ts";
import { SparseList } from "./postings.ts";
import { rankSparse } from "./rank.ts";

/** Opens a built index: reads its head, in one wave. "data-damaged" or "format-too-new" when it is not one. */
export async function openSparseIndex(readers: SparseIndexReaders): Promise<SparseIndex> {
  const head = readSparseHead(await readers.head.read(0, readers.head.sizeBytes));
  if (readers.dimensions.sizeBytes !== head.dimensionsBytes)
    throw damaged("the dimensions have another length");
  if (readers.postings.sizeBytes !== head.postingsBytes) throw damaged("the postings have another length");
  return {
    rowCount: head.rowCount,
    vectors: head.vectors,
    search: (request) => search(head, readers, request),
  };
}

async function search(
  head: SparseHead,
  readers: SparseIndexReaders,
  { query, k, allowed, pass }: SparseSearchRequest,
): Promise<SparseSearchResult> {
  assert(allowed.size === head.rowCount, "search.sparse-rows-of-the-index");
  const found = await findDimensions(head, readers.dimensions, query.indices);
  const lists = await readRanges(
    readers.postings,
    found.map(({ dimension: { postingsAt: offset, postingsBytes: length } }) => {
      if (offset + length > head.postingsBytes) throw damaged("a list lies outside its section");
      return { offset, length };
    }),
  );
  const terms = found.map(({ dimension, place }, i) => ({
    value: query.values[place]!,
    list: new SparseList(lists[i]!, dimension.count, head.rowCount),
  }));
  const totalPostings = found.reduce((sum, { dimension }) => sum + dimension.count, 0);
  if (k === 0) return { hits: [], scoredPostings: 0, totalPostings };
  return { ...(await rankSparse(terms, { k, allowed, pass })), totalPostings };
}

/** The dimensions of the query that the index has, in their order, with their place in the query. */
async function findDimensions(
  head: SparseHead,
  reader: RangeReader,
  indices: Uint32Array,
): Promise<readonly { readonly dimension: Dimension; readonly place: number }[]> {
  const wanted = Array.from(indices, (index) => blockOf(head, index));
  const blocks = [...new Set(wanted)].filter((block) => block >= 0).sort((left, right) => left - right);
  const ranges = blocks.map((block) => {
    const offset = head.blocks[block]!.dimensionsAt;
    return { offset, length: (head.blocks[block + 1]?.dimensionsAt ?? head.dimensionsBytes) - offset };
  });
  const bytes = await readRanges(reader, ranges);
  const known = new Map<number, Dimension>();
  for (const [i, block] of blocks.entries())
    for (const dimension of readDimensions(bytes[i]!, head.blocks[block]!, head.rowCount))
      known.set(dimension.dimension, dimension);
  return Array.from(indices, (index, place) => ({ dimension: known.get(index), place })).flatMap(
    ({ dimension, place }) => (dimension === undefined ? [] : [{ dimension, place }]),
  );
}

/** The block that a dimension would be in: the last one that begins at or before it, or -1. */
function blockOf({ blocks }: SparseHead, dimension: number): number {
  let low = 0;
  let high = blocks.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (blocks[middle]!.dimension <= dimension) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

function readRanges(reader: RangeReader, ranges: readonly ByteRange[]): Promise<readonly Uint8Array[]> {
  return ranges.length === 0 ? Promise.resolve([]) : reader.readMany(ranges);
}
