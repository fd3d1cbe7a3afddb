import { createReadStream } from "node:fs";
import {
  ArgumentError,
  type Document,
  type Namespace,
  SkerryError,
  UpsertAllError,
  type UpsertProgress,
} from "../../src/client/index.ts";
import { CommandError } from "./exit.ts";
import { linesOf } from "./lines.ts";
import { json, refused } from "./namespace-calls.ts";

const NOTHING: UpsertProgress = { documents: 0, batches: 0, version: 0 };

/**
 * Writes documents, one JSON object a line, from a file or else from standard input. What ends it early is a CommandError that says which line it is about, and
 * how many documents are durable.
 */
export async function upsertLines(
  namespace: Namespace,
  file: string | undefined,
  batchDocuments: number,
): Promise<UpsertProgress> {
  const lines = new DocumentLines(file);
  let durable = NOTHING;
  try {
    return await namespace.upsertAll(lines.documents(), {
      batchDocuments,
      onProgress: (progress) => {
        durable = progress;
        if (process.stderr.isTTY) process.stderr.write(`\r${progress.documents} documents`);
      },
    });
  } catch (error) {
    const { message, exitCode, isUnsure } = lines.whatIsWrong(error);
    const count = `${isUnsure ? "at least " : ""}${durable.documents}`;
    throw new CommandError(
      `${message}\n  ${count} documents are durable; a document that is written again replaces itself`,
      exitCode,
    );
  } finally {
    if (process.stderr.isTTY) process.stderr.write("\n");
  }
}

interface Wrong {
  readonly message: string;
  readonly exitCode: number;
  /** A batch may have been written nevertheless. */
  readonly isUnsure: boolean;
}

/** A file of documents, and which line each is on. */
class DocumentLines {
  readonly #file: string | undefined;
  readonly #name: string;
  /** Of documents that are not written yet. */
  readonly #lines = new WeakMap<Document, number>();
  #line = 0;

  constructor(file: string | undefined) {
    this.#file = file;
    this.#name = file ?? "standard input";
  }

  async *documents(): AsyncIterable<Document> {
    for await (const line of linesOf(this.#pieces())) {
      this.#line++;
      const where = this.#place(this.#line);
      const text = textOf(line, where);
      if (text.trim() === "") continue;
      const document = json(text, where);
      if (typeof document !== "object" || document === null || Array.isArray(document))
        throw new CommandError(`${where} is not a JSON object`, 2);
      this.#lines.set(document as Document, this.#line);
      yield document as Document;
    }
  }

  /** What to say of what `upsertAll` rejected with. Throws what is a bug. */
  whatIsWrong(error: unknown): Wrong {
    if (error instanceof CommandError)
      return { message: error.message, exitCode: error.exitCode, isUnsure: false };
    if (error instanceof ArgumentError)
      return {
        message: error.message.replace(/^documents\[\d+\]\.?/, `${this.#place(this.#line)}: `),
        exitCode: 2,
        isUnsure: false,
      };
    if (!(error instanceof SkerryError)) throw error;
    const { message, exitCode } = refused(error);
    const isUnsure = error.status === 0 || error.status >= 500;
    return {
      message: error instanceof UpsertAllError ? this.#placed(message, error) : message,
      exitCode,
      isUnsure,
    };
  }

  /** "upserts[3].text.title" is nothing that the file has: the line instead. */
  #placed(message: string, { documents }: UpsertAllError): string {
    const [path = "", at] = /upserts\[(\d+)\](?:\.|: )?/.exec(message) ?? [];
    const document = at === undefined ? undefined : documents[Number(at)];
    const line = document === undefined ? undefined : this.#lines.get(document);
    return line === undefined ? message : `${this.#place(line)}: ${message.replace(path, "")}`;
  }

  #place(line: number): string {
    return `${this.#name}, line ${line}`;
  }

  async *#pieces(): AsyncIterable<Uint8Array> {
    const input = this.#file === undefined ? process.stdin : createReadStream(this.#file);
    try {
      yield* input as AsyncIterable<Uint8Array>;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      throw new CommandError(
        code === "ENOENT" ? `there is no file ${this.#file}` : `${this.#name} cannot be read: ${message}`,
        2,
      );
    }
  }
}

/** Without the mark that some programs begin UTF-8 with. */
function textOf(line: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(line);
  } catch {
    throw new CommandError(`${where} is not UTF-8`, 2);
  }
}
