import { ArgumentError } from "./errors.ts";
import { type Http, parseAnswer } from "./http.ts";
import { checkTarget } from "./names.ts";
import type {
  CompactReport,
  Document,
  DocumentId,
  NamespaceInfo,
  Query,
  QueryResult,
  ReadOptions,
  RecallReport,
  Schema,
  Settings,
  VerifyReport,
  WarmReport,
  WriteBatch,
  WriteResult,
} from "./types.ts";
import { type UpsertAllOptions, type UpsertProgress, upsertAll } from "./upsert-all.ts";

export interface WriteOptions {
  /** A second write with the same key within 24 hours gets the first one's answer. Default: a new one for each call, so that a retry does nothing twice. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

/** For calls that may take minutes: they have no time limit, and are not repeated once the server may have begun. */
export interface LongCallOptions {
  /** Ends the wait. What the server has begun may go on. */
  readonly signal?: AbortSignal;
}

/** One namespace. Nothing is asked of the server before a method is called. */
export class Namespace {
  readonly #http: Http;
  readonly #path: string;

  constructor(http: Http, path: string) {
    this.#http = http;
    this.#path = path;
  }

  /** Makes it, or finds it with the same schema. SkerryError "already_exists" for another schema. */
  async create(
    options: { readonly schema?: Schema; readonly settings?: Settings } = {},
  ): Promise<NamespaceInfo> {
    const { namespace } = await this.#json<{ namespace: NamespaceInfo }>("PUT", "", options);
    return namespace;
  }

  async info(): Promise<NamespaceInfo> {
    return (await this.#json<{ namespace: NamespaceInfo }>("GET", "")).namespace;
  }

  async update(changes: { readonly schema?: Schema; readonly settings?: Settings }): Promise<NamespaceInfo> {
    return (await this.#json<{ namespace: NamespaceInfo }>("PATCH", "", changes)).namespace;
  }

  /**
   * Its branches stay. Not repeated when the answer was lost: by then the name may be that of another one. SkerryError "unreachable" and "timeout" leave open
   * whether it was deleted.
   */
  async delete(): Promise<void> {
    await this.#http.json<unknown>(
      { method: "DELETE", path: this.#path, isOnce: true },
      (refused, before) => {
        // It is gone, by the attempt before or by somebody else.
        if (before === undefined || refused.code !== "not_found") throw refused;
      },
    );
  }

  /** One atomic batch: durable, and seen by every strong read, when it resolves. */
  async write(
    batch: WriteBatch,
    { idempotencyKey = crypto.randomUUID(), signal }: WriteOptions = {},
  ): Promise<WriteResult> {
    if (idempotencyKey === "") throw new ArgumentError("an idempotency key is not empty");
    return this.#http.json<WriteResult>({
      method: "POST",
      path: `${this.#path}/documents`,
      body: batch,
      headers: { "idempotency-key": idempotencyKey },
      signal,
    });
  }

  /** Any number of documents, in batches. Rejects with UpsertAllError for the first batch that was refused. */
  upsertAll(
    documents: Iterable<Document> | AsyncIterable<Document>,
    options: UpsertAllOptions = {},
  ): Promise<UpsertProgress> {
    const { signal } = options;
    const write = (upserts: readonly Document[]) =>
      this.write({ upserts }, { ...(signal !== undefined && { signal }) });
    return upsertAll(documents, write, options);
  }

  /** In no order; those that are not there are left out. */
  async fetch(ids: readonly DocumentId[], options: ReadOptions = {}): Promise<readonly Document[]> {
    const body = { ids, ...options };
    return (await this.#json<{ documents: Document[] }>("POST", "/documents/fetch", body)).documents;
  }

  query(query: Query, options: ReadOptions = {}): Promise<QueryResult & { readonly version: number }> {
    return this.#json("POST", "/query", { ...query, ...options });
  }

  /** Up to 16 queries of one snapshot. */
  queryMany(
    queries: readonly Query[],
    options: ReadOptions = {},
  ): Promise<{ readonly results: readonly QueryResult[]; readonly version: number }> {
    return this.#json("POST", "/query", { queries, ...options });
  }

  /** Reads everything again and compares checksums, counts, and what the parts of the index say about each other. Takes a while. */
  verify(options: LongCallOptions = {}): Promise<VerifyReport> {
    return this.#long("/verify", {}, options.signal);
  }

  /** Writes everything into as few index segments as may be. Needs an admin key. */
  compact(options: LongCallOptions = {}): Promise<CompactReport> {
    return this.#long("/compact", {}, options.signal);
  }

  /** Reads it into the caches of the node that answers. */
  warm(options: LongCallOptions = {}): Promise<WarmReport> {
    return this.#long("/warm", {}, options.signal);
  }

  /** Keeps it in the caches of every node, in a budget of their own. Needs an admin key. */
  async pin(): Promise<NamespaceInfo> {
    return (await this.#json<{ namespace: NamespaceInfo }>("POST", "/pin", {})).namespace;
  }

  /** Needs an admin key. */
  async unpin(): Promise<NamespaceInfo> {
    return (await this.#json<{ namespace: NamespaceInfo }>("POST", "/unpin", {})).namespace;
  }

  /** What part of the exact answers the vector index finds: of `queries`, or else of `samples` (25) vectors of the namespace, with `top_k` (10) results each. */
  recall(
    options: LongCallOptions & {
      readonly queries?: readonly Query[];
      readonly samples?: number;
      readonly top_k?: number;
    } = {},
  ): Promise<RecallReport> {
    const { signal, ...body } = options;
    return this.#long("/recall", body, signal);
  }

  /** Every document of one state, in the order of ids. */
  async *export(
    options: Omit<ReadOptions, "timeout_ms"> & { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<Document> {
    const { signal, ...read } = options;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(read)) if (value !== undefined) query.set(name, String(value));
    const path = `${this.#path}/export?${query}`;
    for await (const line of this.#http.lines({ method: "GET", path, signal })) {
      const { document } = parseAnswer<{ readonly document?: Document }>(line);
      if (document !== undefined) yield document;
    }
  }

  /**
   * `target`: "name" beside this one, or "org/project/name". Not repeated when the answer was lost. SkerryError "unreachable", "timeout", "deadline_exceeded" and,
   * behind a proxy, "unavailable" leave open whether it was made.
   */
  async branch(
    target: string,
    at: { readonly at_version?: number | bigint; readonly at_time_ms?: number } = {},
  ): Promise<NamespaceInfo> {
    checkTarget(target);
    const call = { method: "POST", path: `${this.#path}/branch`, body: { target, ...at }, isOnce: true };
    const { namespace } = await this.#http.json<{ namespace: NamespaceInfo }>(call, (refused, before) => {
      // That one may have been made by the attempt before, or by somebody else.
      throw refused.code === "already_exists" ? (before ?? refused) : refused;
    });
    return namespace;
  }

  /** Writes every document again, into a schema that may be another one. */
  async copy(
    target: string,
    options: LongCallOptions & {
      readonly at_version?: number | bigint;
      readonly at_time_ms?: number;
      readonly schema?: Schema;
    } = {},
  ): Promise<NamespaceInfo> {
    checkTarget(target);
    const { signal, ...body } = options;
    return (await this.#long<{ namespace: NamespaceInfo }>("/copy", { target, ...body }, signal)).namespace;
  }

  #long<T>(path: string, body: unknown, signal: AbortSignal | undefined): Promise<T> {
    return this.#http.json<T>({ method: "POST", path: `${this.#path}${path}`, body, signal, isLong: true });
  }

  #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    return this.#http.json<T>({ method, path: `${this.#path}${path}`, ...(body !== undefined && { body }) });
  }
}
