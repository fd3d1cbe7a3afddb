import {
  type Document,
  type NamespaceName,
  type NamespaceService,
  parseBatch,
  parseQuery,
  parseSchema,
  SearchError,
} from "../../search/index.ts";
import type { Coverage } from "../coverage.ts";
import { check } from "../failure.ts";
import type { Failure } from "../workload/answers.ts";
import type { Caller, Execution } from "../workload/operations.ts";
import type { PlainDocument, PlainId, PlainQuery } from "./documents.ts";
import { NamespaceHistory, type NamespaceWrite, type OpenBranch } from "./history.ts";
import type { Moment, NamespaceAction, NamespaceOperation } from "./plan.ts";
import { batchRequest, documentOf, PLAIN_SCHEMA, queryRequest } from "./requests.ts";

const ROOT = "root";
const PAGE_DOCUMENTS = 100;
const SCHEMA = parseSchema(PLAIN_SCHEMA);

export const namespaceNamed = (name: string): NamespaceName => ({ org: "sim", project: "sim", name });

/** Carries planned operations on namespaces out, and records what clients see of them. */
export class NamespaceOperations {
  readonly histories: NamespaceHistory[] = [];
  readonly #coverage: Coverage;
  readonly #branches = new Set<OpenBranch>();
  readonly #root = new NamespaceHistory(ROOT);

  constructor(coverage: Coverage) {
    this.#coverage = coverage;
  }

  /** Those that nobody has asked to delete. */
  get live(): readonly NamespaceHistory[] {
    return this.histories.filter(({ isClosing }) => !isClosing);
  }

  begin({ action, pick, id }: NamespaceOperation & { readonly id: number }, caller: Caller): Execution {
    return execution(async () => {
      await this.#makeRoot(caller);
      const { live } = this;
      const history = live[Math.floor(pick * live.length)];
      return history === undefined ? "no namespace is left" : this.#act(history, action, id, caller);
    });
  }

  /** Everything of which the outcome is not known is asked for again, as clients do: with that it is known. Rejects while the cluster does not answer. */
  resolve(caller: Caller): Execution {
    return execution(async () => {
      await this.#makeRoot(caller);
      for (const branch of [...this.#branches]) await this.#branch(branch, caller);
      for (const history of this.histories) {
        if (history.isClosing) await this.#delete(history, caller);
        else for (const write of [...history.open]) await this.#write(history, write, caller);
      }
      return "every outcome is known";
    });
  }

  /** All documents of a namespace that is not deleted, in the order of the ids. */
  readAll(history: NamespaceHistory, caller: Caller): Execution {
    return execution(() => this.#export(history, PAGE_DOCUMENTS, "strong", caller));
  }

  deleteAll(caller: Caller): Execution {
    return execution(async () => {
      for (const history of this.histories) await this.#delete(history, caller);
      return "every namespace is deleted";
    });
  }

  /** Of everything, every byte is read and compared. */
  verify(history: NamespaceHistory, { search }: Caller): Execution {
    return execution(async () => {
      const { problems, documents } = await search.verify(namespaceNamed(history.name), {});
      check(problems.length === 0, "namespaces: segments and batches are readable", () =>
        problems.join(", "),
      );
      return `verified ${documents} documents`;
    });
  }

  async #makeRoot({ search }: Caller): Promise<void> {
    if (this.histories.includes(this.#root)) return;
    await search.createNamespace(namespaceNamed(ROOT), { schema: SCHEMA });
    if (!this.histories.includes(this.#root)) this.histories.push(this.#root);
  }

  #act(history: NamespaceHistory, action: NamespaceAction, id: number, caller: Caller): Promise<string> {
    switch (action.kind) {
      case "write": {
        const ifVersion = action.isForKnownVersion ? history.known : undefined;
        return this.#write(history, history.invoke(`write-${id}`, action.batch, ifVersion), caller);
      }
      case "fetch":
        return this.#fetch(history, action.ids, action.moment, caller);
      case "query":
        return this.#query(history, action.query, action.moment, caller);
      case "export":
        return this.#export(history, action.limit, action.moment, caller);
      case "branch": {
        const branch = { name: `branch-${id}`, source: history, after: history.known };
        this.#branches.add(branch);
        return this.#branch(branch, caller);
      }
      case "compact":
        return this.#compact(history, caller);
      case "delete":
        // Of a namespace that is deleted nobody can find out what came of such a write.
        if (history.open.size > 0) return Promise.resolve("not deleted: the outcome of a write is not known");
        return this.#delete(history, caller);
    }
  }

  async #write(history: NamespaceHistory, write: NamespaceWrite, { search }: Caller): Promise<string> {
    const name = namespaceNamed(history.name);
    const batch = parseBatch(batchRequest(write.batch, write.ifVersion));
    try {
      const result = await search.write(name, batch, { idempotencyKey: write.key });
      const { upserted, patched, deleted, repeated } = result;
      history.wrote(write, Number(result.version), { upserted, patched, deleted });
      this.#coverage.mark(repeated ? "batch repeated" : "batch written");
      return `version ${result.version}`;
    } catch (error) {
      if (codeOf(error) !== "version-conflict") throw this.#gone(history, error);
      history.refused(write);
      this.#coverage.mark("batch refused for its version");
      return "another version";
    }
  }

  async #fetch(
    history: NamespaceHistory,
    ids: readonly PlainId[],
    moment: Moment,
    { search }: Caller,
  ): Promise<string> {
    return this.#reading(history, moment, async (options) => {
      const asked = ids.map((id) => (typeof id === "number" ? BigInt(id) : id));
      const { version, documents } = await search.fetch(namespaceNamed(history.name), asked, options);
      return {
        kind: "some",
        version: Number(version),
        ids,
        documents: documents.map((one) => (one === undefined ? undefined : plainOf(one))),
      };
    });
  }

  async #query(
    history: NamespaceHistory,
    query: PlainQuery,
    moment: Moment,
    { search }: Caller,
  ): Promise<string> {
    return this.#reading(history, moment, async (options) => {
      const asked = [parseQuery(queryRequest(query))];
      const { version, results } = await search.query(namespaceNamed(history.name), asked, options);
      const hits = results[0]!.hits.map(({ id }) => plainId(id));
      return { kind: "query", version: Number(version), query, hits };
    });
  }

  /** Page by page, all of one version. */
  async #export(
    history: NamespaceHistory,
    limit: number,
    moment: Moment,
    { search }: Caller,
  ): Promise<string> {
    return this.#reading(history, moment, async (options) => {
      const documents: PlainDocument[] = [];
      let page = await search.exportPage(namespaceNamed(history.name), { ...options, limit });
      const { version } = page;
      for (;;) {
        documents.push(...page.documents.map(plainOf));
        const cursor = page.nextCursor;
        if (cursor === undefined) break;
        page = await search.exportPage(namespaceNamed(history.name), { ...options, limit, cursor });
        check(page.version === version, "namespaces: an export shows one version", () => history.name);
      }
      return { kind: "all", version: Number(version), documents };
    });
  }

  async #reading(
    history: NamespaceHistory,
    moment: Moment,
    read: (
      options: Parameters<NamespaceService["fetch"]>[2],
    ) => Promise<Parameters<NamespaceHistory["saw"]>[0]>,
  ): Promise<string> {
    const { first, known } = history;
    const past = typeof moment === "number" ? first + Math.floor(moment * (known - first + 1)) : undefined;
    try {
      const sight = await read({
        consistency: moment === "eventual" ? "eventual" : "strong",
        ...(past !== undefined && { at: { kind: "version", version: BigInt(past) } }),
      });
      check(
        past === undefined || sight.version === past,
        "namespaces: the past is read as asked for",
        () => `${history.name}: version ${past} was asked for, and version ${sight.version} shown`,
      );
      history.saw(sight, moment === "strong" ? known : undefined);
      if (past !== undefined && past < known) this.#coverage.mark("namespace read in the past");
      return `saw version ${sight.version}`;
    } catch (error) {
      const code = codeOf(error);
      if (past !== undefined && code === "failed-precondition") return "the past is over";
      // A node that lags behind need not know it yet.
      if (moment === "eventual" && code === "not-found") return "not known here";
      throw this.#gone(history, error);
    }
  }

  async #branch(branch: OpenBranch, { search }: Caller): Promise<string> {
    const { name, source } = branch;
    const target = namespaceNamed(name);
    const info = await search.branch(namespaceNamed(source.name), target, {}).catch((error: unknown) => {
      // An earlier attempt made it.
      if (codeOf(error) === "already-exists") return search.getNamespace(target);
      if (codeOf(error) === "not-found" && source.isClosing) return undefined;
      throw error;
    });
    if (!this.#branches.delete(branch)) return "made meanwhile";
    if (info === undefined) return "its source is deleted";
    check(info.parent !== undefined, "answers", () => `the branch ${name} has no parent`);
    this.histories.push(source.branched(branch, Number(info.parent.version)));
    this.#coverage.mark("branch made");
    return `branch of version ${info.parent.version}`;
  }

  async #compact(history: NamespaceHistory, { search, signal }: Caller): Promise<string> {
    try {
      const { segmentsBefore, segmentsAfter } = await search.compact(namespaceNamed(history.name), {
        signal,
      });
      return `compacted ${segmentsBefore} segments into ${segmentsAfter}`;
    } catch (error) {
      throw this.#gone(history, error);
    }
  }

  async #delete(history: NamespaceHistory, { search }: Caller): Promise<string> {
    if (history.isGone) return "deleted before";
    const isAgain = history.isClosing;
    history.isClosing = true;
    await search.deleteNamespace(namespaceNamed(history.name)).catch((error: unknown) => {
      if (!isAgain || codeOf(error) !== "not-found") throw error;
    });
    history.isGone = true;
    this.#coverage.mark("namespace deleted");
    return "deleted";
  }

  /** That it is not found is an answer only when somebody has deleted it. */
  #gone({ isClosing, name }: NamespaceHistory, error: unknown): unknown {
    check(
      isClosing || codeOf(error) !== "not-found",
      "namespaces: what was made is there",
      () => `${name} is not found, and nobody deleted it`,
    );
    return error;
  }
}

/** What the history knows of it, it knows by itself: a write without an answer stays open. */
function execution(act: () => Promise<string>): Execution {
  return {
    answer: act(),
    failed: (_failure: Exclude<Failure, "unexpected">) => undefined,
    lost: () => undefined,
  };
}

function codeOf(error: unknown): string | undefined {
  return error instanceof SearchError ? error.code : undefined;
}

function plainId(id: Document["id"]): PlainId {
  return typeof id === "bigint" ? Number(id) : id;
}

function plainOf({ id, attributes, text, vectors }: Document): PlainDocument {
  return documentOf({
    id: plainId(id),
    attributes: Object.fromEntries([...attributes].map(([name, value]) => [name, value as string | number])),
    words: text.get("words"),
    point: [...(vectors.get("vector") ?? [])],
  });
}
