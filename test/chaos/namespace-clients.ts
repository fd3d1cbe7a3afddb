/** Clients of namespaces, through every node, and the history that what they saw must fit: the workload and the judge of the simulated cluster. */
import type { Prng } from "../../src/base/index.ts";
import { SearchError, type SearchErrorCode } from "../../src/search/errors.ts";
import { Coverage } from "../../src/sim/coverage.ts";
import { CheckFailure } from "../../src/sim/failure.ts";
import { judgeNamespaces } from "../../src/sim/namespaces/judge.ts";
import { NamespaceOperations } from "../../src/sim/namespaces/operations.ts";
import { drawNamespaceAction, type NamespaceAction } from "../../src/sim/namespaces/plan.ts";
import type { NamespacePort } from "../../src/sim/namespaces/port.ts";
import { pause } from "../support/seeded.ts";
import { HttpFailure, restNamespaces } from "./rest-namespaces.ts";

const CLIENTS = 2;
const GREATEST_NAMESPACES = 8;
const REQUEST_TIMEOUT_MS = 8000;
const FINAL_TIMEOUT_MS = 60_000;
const FINAL_ATTEMPTS = 4;
const PAUSE_MS = 30;
/** How often what has no answer is asked for again while faults go on. */
const RESOLVING = 0.03;

/** Refusals that a cluster in trouble may give. "not-found" and a past that is over are judged where they are met. */
const OF_TROUBLE: ReadonlySet<SearchErrorCode> = new Set([
  "unavailable",
  "overloaded",
  "deadline-exceeded",
  "cancelled",
  "not-found",
  "failed-precondition",
]);

export class NamespaceClients {
  readonly #endpoints: readonly string[];
  readonly #apiKey: string;
  readonly #prng: Prng;
  readonly #coverage = new Coverage();
  readonly #operations = new NamespaceOperations(this.#coverage);
  readonly #errors = new Map<string, number>();
  readonly #violations: string[] = [];
  #calls = 0;
  #answered = 0;
  #isStopping = false;
  #running: Promise<void>[] = [];

  /** An endpoint for each node. */
  constructor(options: {
    readonly endpoints: readonly string[];
    readonly apiKey: string;
    readonly prng: Prng;
  }) {
    this.#endpoints = options.endpoints;
    this.#apiKey = options.apiKey;
    this.#prng = options.prng;
  }

  get violations(): readonly string[] {
    return this.#violations;
  }

  get figures() {
    const histories = this.#operations.histories;
    const versions = histories.reduce((sum, { writes }) => sum + writes.size, 0);
    const sights = histories.reduce((sum, history) => sum + history.sights.length, 0);
    return {
      calls: `${this.#calls} (${this.#answered} answered), ${histories.length} namespaces, ${versions} batches, ${sights} reads judged`,
      marks: spelled(this.#coverage.counts()),
      errors: spelled(this.#errors),
    };
  }

  start(): void {
    this.#running = Array.from({ length: CLIENTS }, (_, client) =>
      this.#run(client, this.#prng.fork(`client-${client}`)),
    );
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#running);
  }

  /** When all is healed: what came of every write is found out, every node shows every namespace, and one reads all of their bytes. */
  async readAll(): Promise<void> {
    await this.#atLast(0, "find out what came of writes", (port) => this.#operations.resolve(port));
    for (const node of this.#endpoints.keys()) {
      for (const history of this.#operations.live) {
        await this.#atLast(node, `show ${history.name}`, (port) => this.#operations.readAll(history, port));
      }
    }
    for (const history of this.#operations.live) {
      await this.#atLast(0, `verify ${history.name}`, (port) => this.#operations.verify(history, port));
    }
  }

  /** Adds to the violations. */
  judge(): void {
    try {
      judgeNamespaces(this.#operations.histories);
    } catch (error) {
      if (!(error instanceof CheckFailure)) throw error;
      this.#violations.push(`${error.checker}: ${error.message}`);
    }
  }

  async #run(client: number, prng: Prng): Promise<void> {
    for (let id = client; !this.#isStopping; id += CLIENTS) {
      const port = this.#port(prng.below(this.#endpoints.length), REQUEST_TIMEOUT_MS);
      const action = this.#draw(prng);
      const operation = { kind: "namespace", pick: prng.unit(), action, id } as const;
      const isAnswered = prng.chance(RESOLVING)
        ? await this.#call(() => this.#operations.resolve(port))
        : await this.#call(() => this.#operations.perform(operation, port));
      await pause(isAnswered ? PAUSE_MS : 10 * PAUSE_MS);
    }
  }

  /** Neither more and more namespaces, nor none. */
  #draw(prng: Prng): NamespaceAction {
    for (;;) {
      const action = drawNamespaceAction(prng, this.#calls < CLIENTS);
      const live = this.#operations.live.length;
      if (action.kind === "branch" && live >= GREATEST_NAMESPACES) continue;
      if (action.kind === "delete" && live <= 2) continue;
      return action;
    }
  }

  async #atLast(
    node: number,
    what: string,
    perform: (port: NamespacePort) => Promise<string>,
  ): Promise<void> {
    for (let attempt = 1; attempt <= FINAL_ATTEMPTS; attempt++) {
      if (await this.#call(() => perform(this.#port(node, FINAL_TIMEOUT_MS)))) return;
      await pause(attempt * 1000);
    }
    this.#violations.push(`at the end node ${node + 1} cannot ${what}`);
  }

  #port(node: number, timeoutMs: number): NamespacePort {
    return restNamespaces({ endpoint: this.#endpoints[node] ?? "", apiKey: this.#apiKey, timeoutMs });
  }

  /** False when it was not answered. */
  async #call(perform: () => Promise<string>): Promise<boolean> {
    this.#calls++;
    try {
      await perform();
      this.#answered++;
      return true;
    } catch (error) {
      const name = nameOf(error);
      this.#errors.set(name, (this.#errors.get(name) ?? 0) + 1);
      if (isWrong(error)) this.#violations.push(`namespaces: ${name}: ${String(error)}`);
      return false;
    }
  }
}

/** Skerry must not answer this. 500 says that it is not known; without an answer nothing is said. */
function isWrong(error: unknown): boolean {
  if (error instanceof CheckFailure) return true;
  if (error instanceof SearchError) return !OF_TROUBLE.has(error.code);
  return error instanceof HttpFailure && error.status >= 300 && error.status < 500;
}

function nameOf(error: unknown): string {
  if (error instanceof CheckFailure) return error.checker;
  if (error instanceof SearchError) return error.code;
  if (error instanceof HttpFailure) return `${error.status} ${error.code}`;
  const { name, cause } = error as { readonly name?: string; readonly cause?: { readonly code?: string } };
  return cause?.code ?? name ?? "Error";
}

function spelled(counts: Iterable<readonly [string, number]>): string {
  return [...counts].map(([name, count]) => `${name} ${count}`).join(", ") || "none";
}
