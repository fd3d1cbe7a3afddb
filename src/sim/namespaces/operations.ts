import { SearchError } from "../../search/index.ts";
import type { Coverage } from "../coverage.ts";
import { check } from "../failure.ts";
import { NamespaceHistory, type NamespaceWrite, type OpenBranch, type Sight } from "./history.ts";
import type { Moment, NamespaceAction, NamespaceOperation } from "./plan.ts";
import type { NamespacePort, PlainRead } from "./port.ts";
import { batchRequest, PLAIN_SCHEMA, queryRequest } from "./requests.ts";

const ROOT = "root";
const PAGE_DOCUMENTS = 100;

/**
 * Carries planned operations on namespaces out, and records what clients see of them. Everything resolves with what was said, for the trace, and rejects as the port does; what is
 * known of it by then stands in the histories.
 */
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

  async perform(
    { action, pick, id }: NamespaceOperation & { readonly id: number },
    port: NamespacePort,
  ): Promise<string> {
    await this.#makeRoot(port);
    const { live } = this;
    const history = live[Math.floor(pick * live.length)];
    return history === undefined ? "no namespace is left" : this.#act(history, action, id, port);
  }

  /** Everything of which the outcome is not known is asked for again, as clients do: with that it is known. Rejects while the cluster does not answer. */
  async resolve(port: NamespacePort): Promise<string> {
    await this.#makeRoot(port);
    for (const branch of [...this.#branches]) await this.#branch(branch, port);
    for (const history of this.histories) {
      if (history.isClosing) await this.#delete(history, port);
      else for (const write of [...history.open]) await this.#write(history, write, port);
    }
    return "every outcome is known";
  }

  /** All documents of a namespace that is not deleted, in the order of the ids. */
  readAll(history: NamespaceHistory, port: NamespacePort): Promise<string> {
    return this.#export(history, PAGE_DOCUMENTS, "strong", port);
  }

  async deleteAll(port: NamespacePort): Promise<string> {
    for (const history of this.histories) await this.#delete(history, port);
    return "every namespace is deleted";
  }

  /** Of everything, every byte is read and compared. */
  async verify({ name }: NamespaceHistory, port: NamespacePort): Promise<string> {
    const problems = await port.verify(name);
    check(problems.length === 0, "namespaces: segments and batches are readable", () => problems.join(", "));
    return "verified";
  }

  async #makeRoot(port: NamespacePort): Promise<void> {
    if (this.histories.includes(this.#root)) return;
    await port.create(ROOT, PLAIN_SCHEMA).catch((error: unknown) => {
      // Somebody else made it meanwhile, and a write has brought an attribute that is not in the schema which it was made with.
      if (codeOf(error) !== "already-exists" || !this.histories.includes(this.#root)) throw error;
    });
    if (!this.histories.includes(this.#root)) this.histories.push(this.#root);
  }

  #act(history: NamespaceHistory, action: NamespaceAction, id: number, port: NamespacePort): Promise<string> {
    const { name } = history;
    switch (action.kind) {
      case "write": {
        const ifVersion = action.isForKnownVersion ? history.known : undefined;
        return this.#write(history, history.invoke(`write-${id}`, action.batch, ifVersion), port);
      }
      case "fetch": {
        const { ids, moment } = action;
        return this.#reading(history, moment, async (read) => ({
          kind: "some",
          ids,
          ...(await port.fetch(name, ids, read)),
        }));
      }
      case "query": {
        const { query, moment } = action;
        return this.#reading(history, moment, async (read) => ({
          kind: "query",
          query,
          ...(await port.query(name, queryRequest(query), read)),
        }));
      }
      case "export":
        return this.#export(history, action.limit, action.moment, port);
      case "branch": {
        const branch = { name: `branch-${id}`, source: history, after: history.known };
        this.#branches.add(branch);
        return this.#branch(branch, port);
      }
      case "compact":
        return port.compact(name).catch((error: unknown) => {
          throw this.#gone(history, error);
        });
      case "delete":
        // Of a namespace that is deleted nobody can find out what came of such a write.
        if (history.open.size > 0) return Promise.resolve("not deleted: the outcome of a write is not known");
        if (this.live.length === 1) return Promise.resolve("not deleted: it is the last one");
        return this.#delete(history, port);
    }
  }

  async #write(history: NamespaceHistory, write: NamespaceWrite, port: NamespacePort): Promise<string> {
    write.tries++;
    try {
      const request = batchRequest(write.batch, write.ifVersion);
      const { version, counts, repeated } = await port.write(history.name, request, write.key);
      history.wrote(write, version, counts);
      this.#coverage.mark(repeated ? "batch repeated" : "batch written");
      return `version ${version}`;
    } catch (error) {
      if (isNotDone(error)) {
        history.undone(write);
        this.#coverage.mark("batch not done");
      }
      if (codeOf(error) !== "version-conflict") throw this.#gone(history, error);
      history.refused(write);
      this.#coverage.mark("batch refused for its version");
      return "another version";
    }
  }

  #export(history: NamespaceHistory, limit: number, moment: Moment, port: NamespacePort): Promise<string> {
    return this.#reading(history, moment, async (read) => ({
      kind: "all",
      ...(await port.export(history.name, limit, read)),
    }));
  }

  async #reading(
    history: NamespaceHistory,
    moment: Moment,
    read: (how: PlainRead) => Promise<Sight>,
  ): Promise<string> {
    const { first, known } = history;
    const past = typeof moment === "number" ? first + Math.floor(moment * (known - first + 1)) : undefined;
    try {
      const consistency = moment === "eventual" ? "eventual" : "strong";
      const sight = await read({ consistency, atVersion: past });
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

  async #branch(branch: OpenBranch, port: NamespacePort): Promise<string> {
    const { name, source } = branch;
    let version: number | undefined;
    try {
      // An earlier attempt may have made it: its source may be deleted by now, and a new branch be refused.
      await port.branch(source.name, name).catch((error: unknown) => {
        const code = codeOf(error);
        const isDeleted = code === "not-found" && source.isClosing;
        if (code !== "already-exists" && !isDeleted) throw this.#gone(source, error);
      });
      version = await port.parentVersion(name);
    } catch (error) {
      if (codeOf(error) !== "not-found" || !source.isClosing) throw error;
      this.#branches.delete(branch);
      return "its source is deleted";
    }
    if (!this.#branches.delete(branch)) return "made meanwhile";
    check(version !== undefined, "answers", () => `the branch ${name} has no parent`);
    this.histories.push(source.branched(branch, version));
    this.#coverage.mark("branch made");
    return `branch of version ${version}`;
  }

  async #delete(history: NamespaceHistory, port: NamespacePort): Promise<string> {
    if (history.isGone) return "deleted before";
    const isAgain = history.isClosing;
    history.isClosing = true;
    await port.delete(history.name).catch((error: unknown) => {
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

/** The codes with which a write is promised not to have been done, and not to be done later. */
function isNotDone(error: unknown): boolean {
  const code = codeOf(error);
  return code === "unavailable" || code === "overloaded";
}

function codeOf(error: unknown): string | undefined {
  return error instanceof SearchError ? error.code : undefined;
}
