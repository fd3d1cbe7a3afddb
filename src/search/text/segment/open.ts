import { damaged } from "../../packed/byte-reader.ts";
import type { TextIndex, TextIndexReaders } from "../ports.ts";
import { matchingRows, prepareQuery } from "../prepared-query.ts";
import { readHead } from "./head.ts";
import { SegmentTerms } from "./segment-terms.ts";

/**
 * Opens a built index: reads its head, in one wave. A query then takes two: the terms, and the postings with what else it needs.
 * "data-damaged" or "format-too-new" when the head is not one.
 */
export async function openTextIndex(readers: TextIndexReaders): Promise<TextIndex> {
  const head = readHead(await readers.head.read(0, readers.head.sizeBytes));
  const { lengths, terms, postings, positions } = readers;
  if (lengths.sizeBytes !== head.rowCount * head.fields.length)
    throw damaged("the lengths are not of these rows");
  if (terms.sizeBytes !== head.termsBytes) throw damaged("the terms have another length");
  if (postings.sizeBytes !== head.postingsBytes) throw damaged("the postings have another length");
  if (positions.sizeBytes !== head.positionsBytes) throw damaged("the positions have another length");
  const source = new SegmentTerms(head, readers);
  return {
    rowCount: head.rowCount,
    fields: head.fields,
    prepare: (query) => prepareQuery(source, query),
    matchingRows: (query, pass) => matchingRows(source, query, pass),
  };
}
