/** Which dimensions an index has and where. docs/internals/search-sparse.md. */

import { SearchError } from "../errors.ts";
import { ByteReader, damaged } from "../packed/byte-reader.ts";
import { ByteWriter } from "../packed/byte-writer.ts";

const MAGIC = 0x50_53_4b_53; // "SKSP"
const VERSION = 1;
/** Dimensions of a block of the section `dimensions`. */
export const DIMENSIONS_OF_BLOCK = 128;
const MAX_DIMENSION = 0xffff_ffff;

export interface SparseHead {
  readonly rowCount: number;
  readonly vectors: number;
  readonly blocks: readonly DimensionBlock[];
  /** Of each section that it points into. */
  readonly dimensionsBytes: number;
  readonly postingsBytes: number;
}

/** A run of dimensions, with the first of them and where its postings begin. */
export interface DimensionBlock {
  readonly dimension: number;
  readonly dimensionsAt: number;
  readonly postingsAt: number;
}

export function writeSparseHead(head: SparseHead): Uint8Array {
  const writer = new ByteWriter();
  writer.uint32(MAGIC);
  writer.varint(VERSION);
  for (const value of [
    head.rowCount,
    head.vectors,
    head.dimensionsBytes,
    head.postingsBytes,
    head.blocks.length,
  ])
    writer.varint(value);
  let before: DimensionBlock = { dimension: 0, dimensionsAt: 0, postingsAt: 0 };
  for (const block of head.blocks) {
    writer.varint(block.dimension - before.dimension);
    writer.varint(block.dimensionsAt - before.dimensionsAt);
    writer.varint(block.postingsAt - before.postingsAt);
    before = block;
  }
  return writer.take();
}

/** "format-too-new" for a later version, "data-damaged" for anything that `writeSparseHead` does not write. */
export function readSparseHead(bytes: Uint8Array): SparseHead {
  const reader = new ByteReader(bytes);
  if (reader.uint32() !== MAGIC) throw damaged("this is no sparse index");
  const version = reader.varint();
  if (version > VERSION) throw new SearchError("format-too-new", `sparse index of version ${version}`);
  if (version !== VERSION) throw damaged(`there is no version ${version}`);
  const rowCount = reader.varint(0xffff_ffff);
  const vectors = reader.varint(rowCount);
  const [dimensionsBytes, postingsBytes, count] = [reader.varint(), reader.varint(), reader.varint()];
  if (count > reader.left) throw damaged("the head is shorter than its blocks");
  const blocks: DimensionBlock[] = [];
  for (let i = 0; i < count; i++) {
    const before = blocks.at(-1);
    const block = {
      dimension: (before?.dimension ?? 0) + reader.varint(MAX_DIMENSION),
      dimensionsAt: (before?.dimensionsAt ?? 0) + reader.varint(dimensionsBytes),
      postingsAt: (before?.postingsAt ?? 0) + reader.varint(postingsBytes),
    };
    if (
      block.dimension > MAX_DIMENSION ||
      block.dimensionsAt >= dimensionsBytes ||
      block.postingsAt >= postingsBytes
    )
      throw damaged("a block lies outside its section");
    if (
      before === undefined
        ? block.dimensionsAt !== 0
        : block.dimension <= before.dimension || block.dimensionsAt === before.dimensionsAt
    )
      throw damaged("blocks are not in order");
    blocks.push(block);
  }
  reader.end();
  return { rowCount, vectors, blocks, dimensionsBytes, postingsBytes };
}

/** Where the elements of a dimension lie. */
export interface Dimension {
  readonly dimension: number;
  /** Rows. */
  readonly count: number;
  readonly postingsAt: number;
  readonly postingsBytes: number;
}

/** The dimensions of a block, ascending. */
export function readDimensions(
  bytes: Uint8Array,
  block: DimensionBlock,
  rowCount: number,
): readonly Dimension[] {
  const reader = new ByteReader(bytes);
  const dimensions: Dimension[] = [];
  let { dimension, postingsAt } = block;
  while (reader.left > 0) {
    const gap = reader.varint(MAX_DIMENSION);
    if ((gap === 0) !== (dimensions.length === 0)) throw damaged("dimensions are not in order");
    dimension += gap;
    const count = reader.varint(rowCount);
    const postingsBytes = reader.varint();
    if (count === 0 || dimension > MAX_DIMENSION) throw damaged("a dimension has no rows or is none");
    if (dimensions.length === DIMENSIONS_OF_BLOCK) throw damaged("a block has too many dimensions");
    dimensions.push({ dimension, count, postingsAt, postingsBytes });
    postingsAt += postingsBytes;
  }
  return dimensions;
}
