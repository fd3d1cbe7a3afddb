/** The head of a text index: what stays in memory while it is open. docs/internals/search-text.md, Head. */

import { compareKeys } from "../../../base/index.ts";
import { SearchError } from "../../errors.ts";
import { ByteReader, damaged } from "../../packed/byte-reader.ts";
import { ByteWriter } from "../../packed/byte-writer.ts";
import type { IndexedTextField } from "../ports.ts";

const MAGIC = 0x58_54_4b_53; // "SKTX"
const VERSION = 1;
const MAX_FIELDS = 1_024;
const MAX_NAME_BYTES = 1_024;

export interface TextHead {
  readonly rowCount: number;
  readonly fields: readonly IndexedTextField[];
  readonly blocks: readonly DictionaryBlock[];
  /** Of each section that it points into. */
  readonly termsBytes: number;
  readonly postingsBytes: number;
  readonly positionsBytes: number;
}

/** A run of terms in the section `terms`, with the first of them and where its postings begin; those of the others follow in order. */
export interface DictionaryBlock {
  readonly field: number;
  readonly term: string;
  readonly termsAt: number;
  readonly postingsAt: number;
  readonly positionsAt: number;
}

/** The order of terms: by field, then by the bytes of UTF-8. */
export function compareTerms(
  left: { readonly field: number; readonly term: string },
  right: { readonly field: number; readonly term: string },
): number {
  return left.field - right.field || compareKeys(left.term, right.term);
}

export function writeHead(head: TextHead): Uint8Array {
  const writer = new ByteWriter();
  const encoder = new TextEncoder();
  const text = (value: string) => {
    const bytes = encoder.encode(value);
    writer.varint(bytes.length);
    writer.bytes(bytes);
  };
  writer.uint32(MAGIC);
  writer.varint(VERSION);
  for (const value of [head.rowCount, head.termsBytes, head.postingsBytes, head.positionsBytes])
    writer.varint(value);
  writer.varint(head.fields.length);
  for (const { name, analyzer, documents, tokens } of head.fields) {
    text(name);
    text(analyzer);
    writer.varint(documents);
    writer.varint(tokens);
  }
  writer.varint(head.blocks.length);
  let before: DictionaryBlock = { field: 0, term: "", termsAt: 0, postingsAt: 0, positionsAt: 0 };
  for (const block of head.blocks) {
    writer.varint(block.field);
    text(block.term);
    writer.varint(block.termsAt - before.termsAt);
    writer.varint(block.postingsAt - before.postingsAt);
    writer.varint(block.positionsAt - before.positionsAt);
    before = block;
  }
  return writer.take();
}

/** "format-too-new" for a later version, "data-damaged" for anything that `writeHead` does not write. */
export function readHead(bytes: Uint8Array): TextHead {
  const reader = new ByteReader(bytes);
  if (reader.uint32() !== MAGIC) throw damaged("this is no text index");
  const version = reader.varint();
  if (version > VERSION) throw new SearchError("format-too-new", `text index of version ${version}`);
  if (version !== VERSION) throw damaged(`there is no version ${version}`);
  const rowCount = reader.varint(0xffff_ffff);
  const [termsBytes, postingsBytes, positionsBytes] = [reader.varint(), reader.varint(), reader.varint()];
  const fields = Array.from({ length: reader.varint(MAX_FIELDS) }, () => readField(reader, rowCount));
  const count = reader.varint();
  if (count > reader.left) throw damaged("the head is shorter than its blocks");
  const blocks: DictionaryBlock[] = [];
  for (let i = 0; i < count; i++) {
    const block = readBlock(reader, blocks.at(-1));
    if (block.field >= fields.length) throw damaged("a term is of no field");
    blocks.push(block);
  }
  reader.end();
  const last = blocks.at(-1);
  if (
    last !== undefined &&
    (last.termsAt >= termsBytes || last.postingsAt >= postingsBytes || last.positionsAt > positionsBytes)
  )
    throw damaged("a block lies outside its section");
  return { rowCount, fields, blocks, termsBytes, postingsBytes, positionsBytes };
}

function readField(reader: ByteReader, rowCount: number): IndexedTextField {
  const [name, analyzer] = [readText(reader), readText(reader)];
  const documents = reader.varint(rowCount);
  return { name, analyzer, documents, tokens: reader.varint() };
}

function readBlock(reader: ByteReader, before: DictionaryBlock | undefined): DictionaryBlock {
  const block = {
    field: reader.varint(MAX_FIELDS),
    term: readText(reader),
    termsAt: (before?.termsAt ?? 0) + reader.varint(),
    postingsAt: (before?.postingsAt ?? 0) + reader.varint(),
    positionsAt: (before?.positionsAt ?? 0) + reader.varint(),
  };
  if (before === undefined ? block.termsAt !== 0 : block.termsAt === before.termsAt)
    throw damaged("a block begins where it cannot");
  if (before !== undefined && compareTerms(before, block) >= 0) throw damaged("blocks are not in order");
  return block;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function readText(reader: ByteReader): string {
  return decodeTerm(reader.take(reader.varint(MAX_NAME_BYTES)));
}

export function decodeTerm(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw damaged("a text is not UTF-8");
  }
}
