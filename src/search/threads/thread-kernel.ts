import { assert, concatBytes } from "../../base/index.ts";
import type { Timers } from "../../platform/index.ts";
import type { MergedFile, SearchKernel } from "../engine/kernel.ts";
import type { Document } from "../model/document.ts";
import { encodeDocument } from "../model/encode-document.ts";
import { documentBytes } from "../model/fit-document.ts";
import type { Schema } from "../model/schema.ts";
import type { MergedSegment } from "../unit/segment/merge-segments.ts";
import type { DocumentPage, MergeSourceMessage } from "./protocol.ts";
import type { SendJob, ThreadPool } from "./thread-pool.ts";

/** Work on less is done at once here: to tell another thread of it would take about as long. */
const INLINE_BYTES = 64 * 1024;
/** About so much of the documents is encoded for the other thread in one turn of the event loop. */
const PAGE_BYTES = 256 * 1024;

export interface ThreadKernelOptions {
  readonly local: SearchKernel;
  readonly pool: ThreadPool;
  readonly timers: Timers;
}

/** Builds and merges segments on other threads, and does everything else as `local` does. What comes out is the same, byte for byte. */
export class ThreadKernel implements SearchKernel {
  readonly #options: ThreadKernelOptions;
  readonly memoryUnit: SearchKernel["memoryUnit"];
  readonly damagedSections: SearchKernel["damagedSections"];
  readonly openSegment: SearchKernel["openSegment"];
  readonly query: SearchKernel["query"];
  readonly matcher: SearchKernel["matcher"];

  constructor(options: ThreadKernelOptions) {
    const { local } = options;
    this.#options = options;
    this.memoryUnit = (...given) => local.memoryUnit(...given);
    this.damagedSections = (...given) => local.damagedSections(...given);
    this.openSegment = (...given) => local.openSegment(...given);
    this.query = (...given) => local.query(...given);
    this.matcher = (...given) => local.matcher(...given);
  }

  async buildSegment(
    documents: readonly Document[],
    schema: Schema,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { local, pool, timers } = this.#options;
    if (isSmall(documents)) return local.buildSegment(documents, schema, signal);
    const send: SendJob = async (post) => {
      post({ kind: "build", schema });
      for (let first = 0; first < documents.length; ) {
        signal.throwIfAborted();
        const page = pageFrom(documents, first);
        first += page.ends.length;
        post({ kind: "documents", page, isLast: first === documents.length }, [page.bytes.buffer]);
        await new Promise<void>((resolve) => timers.endOfTurn(resolve));
      }
    };
    const answer = await pool.run(send, signal);
    assert(answer.kind === "built", "search.thread-answers-its-job");
    return answer.bytes;
  }

  async mergeSegments(
    sources: readonly MergedFile[],
    how: { readonly schema: Schema; readonly nowMs: number },
    signal: AbortSignal,
  ): Promise<MergedSegment> {
    const sizeBytes = sources.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (sizeBytes <= INLINE_BYTES) return this.#options.local.mergeSegments(sources, how, signal);
    const send: SendJob = async (post) => {
      const messages = sources.map(sourceMessage);
      post(
        { kind: "merge", sources: messages, ...how },
        messages.map(({ bytes }) => bytes.buffer),
      );
    };
    const answer = await this.#options.pool.run(send, signal);
    assert(answer.kind === "merged", "search.thread-answers-its-job");
    const { parts, rowCount, places } = answer;
    return { parts, rowCount, places };
  }
}

function isSmall(documents: readonly Document[]): boolean {
  let sizeBytes = 0;
  for (const document of documents) {
    sizeBytes += documentBytes(document);
    if (sizeBytes > INLINE_BYTES) return false;
  }
  return true;
}

function pageFrom(documents: readonly Document[], first: number): DocumentPage {
  const parts: Uint8Array[] = [];
  const ends: number[] = [];
  for (let at = first, end = 0; at < documents.length && end < PAGE_BYTES; at++) {
    const bytes = encodeDocument(documents[at]!);
    parts.push(bytes);
    end += bytes.length;
    ends.push(end);
  }
  return { bytes: concatBytes(parts), ends };
}

/** A file that is a part of a larger buffer is copied, so that what is handed over is its own. The set of deleted rows stays here too. */
function sourceMessage({ bytes, deleted }: MergedFile): MergeSourceMessage {
  const { buffer } = bytes;
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  const own = isWhole ? new Uint8Array(buffer) : new Uint8Array(bytes);
  return { bytes: own, rows: deleted.size, deleted: deleted.words };
}
