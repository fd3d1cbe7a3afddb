/** A run of terms, each with what it shares with the one before. docs/internals/search-text.md, Terms. */

import { ByteReader, damaged } from "../../packed/byte-reader.ts";
import type { ByteWriter } from "../../packed/byte-writer.ts";
import type { TermEntry } from "../term-source.ts";
import { compareTerms, type DictionaryBlock, decodeTerm } from "./head.ts";

/** Terms of a block. */
export const DICTIONARY_BLOCK_TERMS = 64;
const MAX_TERM_BYTES = 1_024;
const MAX_LIST_BYTES = 2 ** 40;

/** A term with where its postings lie. */
export interface SegmentTerm extends TermEntry {
  readonly postingsAt: number;
  readonly postingsBytes: number;
  readonly positionsAt: number;
  readonly positionsBytes: number;
}

export interface TermToWrite {
  readonly field: number;
  /** UTF-8. */
  readonly term: Uint8Array;
  readonly count: number;
  readonly postingsBytes: number;
  readonly positionsBytes: number;
}

/** `before`: the term before it in the block, which shares nothing when it is of another field. */
export function writeTerm(
  writer: ByteWriter,
  { field, term, count, postingsBytes, positionsBytes }: TermToWrite,
  before: Pick<TermToWrite, "field" | "term"> | undefined,
): void {
  let shared = 0;
  if (before?.field === field) while (shared < term.length && term[shared] === before.term[shared]) shared++;
  writer.varint(field - (before?.field ?? field));
  writer.varint(shared);
  writer.varint(term.length - shared);
  writer.bytes(term.subarray(shared));
  writer.varint(count);
  writer.varint(postingsBytes);
  writer.varint(positionsBytes);
}

/** The terms of a block in their order. "data-damaged" for anything that `writeTerm` does not write. */
export function readTerms(
  bytes: Uint8Array,
  block: DictionaryBlock,
  rowCount: number,
): readonly SegmentTerm[] {
  const reader = new ByteReader(bytes);
  const scratch = new Uint8Array(MAX_TERM_BYTES);
  const terms: SegmentTerm[] = [];
  let { field, postingsAt, positionsAt } = block;
  let length = 0;
  while (reader.left > 0) {
    const skipped = reader.varint(0xffff);
    field += skipped;
    const shared = reader.varint(skipped === 0 ? length : 0);
    const rest = reader.take(reader.varint(MAX_TERM_BYTES - shared));
    scratch.set(rest, shared);
    length = shared + rest.length;
    const term = decodeTerm(scratch.subarray(0, length));
    const count = reader.varint(rowCount);
    if (count === 0) throw damaged("a term has no rows");
    const postingsBytes = reader.varint(MAX_LIST_BYTES);
    const positionsBytes = reader.varint(MAX_LIST_BYTES);
    const found = { field, term, count, postingsAt, postingsBytes, positionsAt, positionsBytes };
    const before = terms.at(-1);
    if (before === undefined ? compareTerms(block, found) !== 0 : compareTerms(before, found) >= 0)
      throw damaged("terms are not in order");
    if (terms.length === DICTIONARY_BLOCK_TERMS) throw damaged("a block has too many terms");
    terms.push(found);
    postingsAt += postingsBytes;
    positionsAt += positionsBytes;
  }
  return terms;
}
