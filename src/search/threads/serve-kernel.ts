import { assert, type ThreadPort } from "../../base/index.ts";
import type { SearchKernel } from "../engine/kernel.ts";
import { SearchError } from "../errors.ts";
import type { Document } from "../model/document.ts";
import { decodeDocument } from "../model/encode-document.ts";
import type { Schema } from "../model/schema.ts";
import { RowSet } from "../rows/row-set.ts";
import type { DocumentPage, FromSearchThread, ToSearchThread } from "./protocol.ts";

type Merge = ToSearchThread & { readonly kind: "merge" };

/** The search thread's side: does one job after the other with a kernel of its own. */
export function serveKernel(
  channel: ThreadPort<FromSearchThread, ToSearchThread>,
  kernel: Pick<SearchKernel, "buildSegment" | "mergeSegments">,
): void {
  new Server(channel, kernel).begin();
}

class Server {
  readonly #channel: ThreadPort<FromSearchThread, ToSearchThread>;
  readonly #kernel: Pick<SearchKernel, "buildSegment" | "mergeSegments">;
  /** Of the job that is under way. */
  #abort = new AbortController();
  #build: { readonly schema: Schema; readonly pages: DocumentPage[] } | undefined;

  constructor(
    channel: ThreadPort<FromSearchThread, ToSearchThread>,
    kernel: Pick<SearchKernel, "buildSegment" | "mergeSegments">,
  ) {
    this.#channel = channel;
    this.#kernel = kernel;
  }

  begin(): void {
    this.#channel.onMessage((message) => this.#receive(message));
  }

  #receive(message: ToSearchThread): void {
    switch (message.kind) {
      case "build":
        this.#abort = new AbortController();
        this.#build = { schema: message.schema, pages: [] };
        return;
      case "documents":
        this.#take(message.page, message.isLast);
        return;
      case "merge":
        this.#abort = new AbortController();
        void this.#answer(() => this.#merged(message));
        return;
      case "cancel":
        this.#abort.abort(new Error("the job was cancelled"));
    }
  }

  #take(page: DocumentPage, isLast: boolean): void {
    const build = this.#build;
    assert(build !== undefined, "search.thread-has-a-job");
    build.pages.push(page);
    if (!isLast) return;
    this.#build = undefined;
    void this.#answer(async () => {
      const documents = build.pages.flatMap(documentsOf);
      const bytes = await this.#kernel.buildSegment(documents, build.schema, this.#abort.signal);
      return { kind: "built", bytes };
    });
  }

  async #merged({ sources, schema, nowMs }: Merge): Promise<FromSearchThread> {
    const files = sources.map(({ bytes, rows, deleted }) => ({
      bytes,
      deleted: RowSet.fromWords(rows, deleted),
    }));
    try {
      return {
        kind: "merged",
        ...(await this.#kernel.mergeSegments(files, { schema, nowMs }, this.#abort.signal)),
      };
    } finally {
      // Now, and not when there is garbage to collect: a thread that has nothing to do makes none.
      for (const { bytes } of sources) bytes.buffer.transfer(0);
    }
  }

  /** Never rejects: whatever comes of the job is its answer. */
  async #answer(job: () => Promise<FromSearchThread>): Promise<void> {
    const { signal } = this.#abort;
    try {
      const answer = await job();
      this.#channel.post(answer, buffersOf(answer));
    } catch (error) {
      this.#channel.post(
        signal.aborted && error === signal.reason ? { kind: "cancelled" } : failureOf(error),
      );
    }
  }
}

function documentsOf({ bytes, ends }: DocumentPage): readonly Document[] {
  return ends.map((end, at) => decodeDocument(bytes.subarray(ends[at - 1] ?? 0, end)));
}

/** What need not be copied. */
function buffersOf(answer: FromSearchThread): readonly ArrayBuffer[] {
  if (answer.kind === "built") return [answer.bytes.buffer as ArrayBuffer];
  if (answer.kind !== "merged") return [];
  return [...(answer.parts ?? []), ...answer.places].map(({ buffer }) => buffer as ArrayBuffer);
}

function failureOf(error: unknown): FromSearchThread {
  if (error instanceof SearchError) {
    const { code, message, details } = error;
    return { kind: "refused", code, message, details };
  }
  const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  return { kind: "threw", message, stack };
}
