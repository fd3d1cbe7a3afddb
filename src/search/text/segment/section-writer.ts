import { assert } from "../../../base/index.ts";
import { ByteWriter } from "../../packed/byte-writer.ts";
import type { IndexedTextField, TextIndexSections } from "../ports.ts";
import { DICTIONARY_BLOCK_TERMS, writeTerm } from "./dictionary-block.ts";
import { compareTerms, type DictionaryBlock, writeHead } from "./head.ts";
import { type PostingsToWrite, writePostings } from "./posting-blocks.ts";

/** Writes the sections of an index term by term, in their order. */
export class SectionWriter {
  readonly #rowCount: number;
  readonly #fields: readonly { readonly lengthCodes: Uint8Array }[];
  readonly #terms = new ByteWriter();
  readonly #postings = new ByteWriter();
  readonly #positions = new ByteWriter();
  readonly #blocks: DictionaryBlock[] = [];
  readonly #encoder = new TextEncoder();
  #termsInBlock = 0;
  #before: { readonly field: number; readonly term: string; readonly bytes: Uint8Array } | undefined;

  constructor(rowCount: number, fields: readonly { readonly lengthCodes: Uint8Array }[]) {
    this.#rowCount = rowCount;
    this.#fields = fields;
  }

  addTerm(field: number, term: string, list: PostingsToWrite): void {
    const before = this.#before;
    assert(before === undefined || compareTerms(before, { field, term }) < 0, "search.text-terms-in-order");
    const starts = { postingsAt: this.#postings.length, positionsAt: this.#positions.length };
    if (before === undefined || this.#termsInBlock === DICTIONARY_BLOCK_TERMS) {
      this.#blocks.push({ field, term, termsAt: this.#terms.length, ...starts });
      this.#termsInBlock = 0;
    }
    writePostings(list, this.#fields[field]!.lengthCodes, {
      postings: this.#postings,
      positions: this.#positions,
    });
    const bytes = this.#encoder.encode(term);
    const written = {
      field,
      term: bytes,
      count: list.rows.length,
      postingsBytes: this.#postings.length - starts.postingsAt,
      positionsBytes: this.#positions.length - starts.positionsAt,
    };
    const shares = this.#termsInBlock > 0 && before !== undefined;
    writeTerm(this.#terms, written, shares ? { field: before.field, term: before.bytes } : undefined);
    this.#termsInBlock++;
    this.#before = { field, term, bytes };
  }

  finish(fields: readonly IndexedTextField[]): TextIndexSections {
    const head = writeHead({
      rowCount: this.#rowCount,
      fields,
      blocks: this.#blocks,
      termsBytes: this.#terms.length,
      postingsBytes: this.#postings.length,
      positionsBytes: this.#positions.length,
    });
    const lengths = new ByteWriter();
    for (const { lengthCodes } of this.#fields) lengths.bytes(lengthCodes);
    return {
      head,
      lengths: lengths.take(),
      terms: this.#terms.take(),
      postings: this.#postings.take(),
      positions: this.#positions.take(),
    };
  }
}
