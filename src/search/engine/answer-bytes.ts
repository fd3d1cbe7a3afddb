import { SearchError } from "../errors.ts";
import type { Document, DocumentId } from "../model/document.ts";
import { documentBytes } from "../model/fit-document.ts";
import { LIMITS } from "../model/limits.ts";
import type { NamespaceSnapshot } from "./snapshot.ts";

const READ_AT_ONCE = 128;

/** Counts the documents of one answer, which is in memory several times before it is sent. "limit-exceeded": they are too large together. */
export class AnswerBytes {
  #bytes = 0;

  add(document: Document): void {
    this.#bytes += documentBytes(document);
    const most = LIMITS.answerBytes;
    if (this.#bytes <= most) return;
    throw new SearchError(
      "limit-exceeded",
      `the documents of an answer have at most ${most} bytes: ask for fewer, or in a query for fewer fields`,
      { limit: "answerBytes", most, given: this.#bytes },
    );
  }
}

/** Documents in the order of the ids, as far as they fit into one answer: no more is read. */
export async function fetchAnswer(
  snapshot: NamespaceSnapshot,
  ids: readonly DocumentId[],
  nowMs: number,
): Promise<readonly (Document | undefined)[]> {
  const documents: (Document | undefined)[] = [];
  const bytes = new AnswerBytes();
  for (let from = 0; from < ids.length; from += READ_AT_ONCE) {
    const read = await snapshot.fetch(ids.slice(from, from + READ_AT_ONCE), nowMs);
    for (const document of read) if (document !== undefined) bytes.add(document);
    documents.push(...read);
  }
  return documents;
}
