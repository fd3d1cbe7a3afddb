import { check } from "../failure.ts";
import type { PlainBatch, PlainCounts, PlainDocument, PlainId, PlainQuery } from "./documents.ts";

/** A write that was asked for. `version` is its place in the history of its namespace; undefined: nobody knows whether it has one. */
export interface NamespaceWrite {
  readonly key: string;
  readonly batch: PlainBatch;
  readonly ifVersion: number | undefined;
  /** The newest version that anybody knew when it was first called. */
  readonly after: number;
  version?: number;
  counts?: PlainCounts;
  /** How often it was called. */
  tries: number;
}

/** What an answer showed of one version. */
export type Sight = { readonly version: number } & (
  | { readonly kind: "all"; readonly documents: readonly PlainDocument[] }
  | {
      readonly kind: "some";
      readonly ids: readonly PlainId[];
      readonly documents: readonly (PlainDocument | undefined)[];
    }
  | { readonly kind: "query"; readonly query: PlainQuery; readonly hits: readonly PlainId[] }
);

/** A branch that was asked for. */
export interface OpenBranch {
  readonly name: string;
  readonly source: NamespaceHistory;
  /** The newest version of the source that anybody knew. */
  readonly after: number;
}

/**
 * What clients did to one namespace and saw of it, while it goes on. Versions are the order of its writes, so what clients were told must fit one history: each version has one
 * write, and later calls have later versions. What lies in a version is judged at the end (`judge.ts`).
 */
export class NamespaceHistory {
  readonly name: string;
  readonly parent: { readonly history: NamespaceHistory; readonly version: number } | undefined;
  /** What got a version, by it. */
  readonly writes = new Map<number, NamespaceWrite>();
  /** Whose outcome nobody knows. */
  readonly open = new Set<NamespaceWrite>();
  readonly sights: Sight[] = [];
  /** Somebody has asked to delete it: it may be gone. */
  isClosing = false;
  isGone = false;
  #known: number;

  constructor(name: string, parent?: NamespaceHistory["parent"]) {
    this.name = name;
    this.parent = parent;
    this.#known = this.first;
  }

  /** The version with which it begins. */
  get first(): number {
    return this.parent?.version ?? 0;
  }

  /** The newest version that anybody was told: no strong read that begins now may be older. */
  get known(): number {
    return this.#known;
  }

  invoke(key: string, batch: PlainBatch, ifVersion: number | undefined): NamespaceWrite {
    const write = { key, batch, ifVersion, after: this.#known, tries: 0 };
    this.open.add(write);
    return write;
  }

  wrote(write: NamespaceWrite, version: number, counts: PlainCounts): void {
    const other = this.writes.get(version);
    check(other === undefined || other === write, "namespaces: each version has one write", () =>
      this.#says(`version ${version} is that of ${other?.key} and of ${write.key}`),
    );
    check(version > write.after, "namespaces: later writes have later versions", () =>
      this.#says(`${write.key} began after version ${write.after} and got version ${version}`),
    );
    check(
      write.ifVersion === undefined || version === write.ifVersion + 1,
      "namespaces: a write for a version is the next one",
      () => this.#says(`${write.key} is for version ${write.ifVersion} and got version ${version}`),
    );
    this.open.delete(write);
    this.writes.set(version, write);
    write.version = version;
    write.counts = counts;
    this.#learned(version);
  }

  /** It was for another version than the newest, and did nothing. */
  refused(write: NamespaceWrite): void {
    check(write.ifVersion !== undefined, "answers", () =>
      this.#says(`${write.key} met a version's conflict`),
    );
    this.open.delete(write);
    this.#learned(write.ifVersion + 1);
  }

  /** Its caller was told that it was not done and will not be: no version may turn out to be its own. What a later try is told says nothing about the ones before it. */
  undone(write: NamespaceWrite): void {
    if (write.tries === 1) this.open.delete(write);
  }

  /** `after`: what was known when the read began; undefined where it need not be the newest. */
  saw(sight: Sight, after: number | undefined): void {
    check(after === undefined || sight.version >= after, "namespaces: no stale strong reads", () =>
      this.#says(`version ${after} was known, a strong read began after it and showed ${sight.version}`),
    );
    this.sights.push(sight);
    this.#learned(sight.version);
  }

  /** A branch of it at `version`. */
  branched({ name, after }: OpenBranch, version: number): NamespaceHistory {
    check(version >= after, "namespaces: a branch has what was acknowledged", () =>
      this.#says(`the branch ${name} of version ${version} was asked for after version ${after}`),
    );
    this.#learned(version);
    return new NamespaceHistory(name, { history: this, version });
  }

  #learned(version: number): void {
    this.#known = Math.max(this.#known, version);
  }

  #says(what: string): string {
    return `${this.name}: ${what}`;
  }
}
