import { check } from "../failure.ts";
import {
  answerOf,
  applyBatch,
  inOrder,
  keyOfDocument,
  type PlainDocument,
  type PlainDocuments,
} from "./documents.ts";
import type { NamespaceHistory, Sight } from "./history.ts";
import { comparable } from "./requests.ts";

/** The documents of every version. */
type States = ReadonlyMap<number, PlainDocuments>;

/**
 * Whether what was written explains what was seen: the documents of each version are those of the one before and its write, every answer is that of its version, and a branch goes on
 * from what its parent was then. False: of a namespace that was deleted while writes to it had no answer, versions are left that nobody can explain.
 */
export function judgeNamespaces(histories: readonly NamespaceHistory[]): boolean {
  const known = new Map<NamespaceHistory, States>();
  let isComplete = true;
  for (const history of histories) {
    const states = statesOf(history, known);
    for (const sight of history.sights) {
      const documents = states.get(sight.version);
      if (documents === undefined) isComplete = false;
      else judgeSight(history.name, sight, documents);
    }
  }
  return isComplete;
}

function statesOf(history: NamespaceHistory, known: Map<NamespaceHistory, States>): States {
  const before = known.get(history);
  if (before !== undefined) return before;
  const { parent, first } = history;
  const begin = parent === undefined ? new Map() : statesOf(parent.history, known).get(first);
  const states = new Map<number, PlainDocuments>();
  known.set(history, states);
  let documents: PlainDocuments | undefined = begin;
  for (let version = first; documents !== undefined; version++) {
    states.set(version, documents);
    documents = version < history.known ? nextState(history, version + 1, documents) : undefined;
  }
  return states;
}

/** Undefined: nobody can know what it is. */
function nextState(
  history: NamespaceHistory,
  version: number,
  documents: PlainDocuments,
): PlainDocuments | undefined {
  const write = history.writes.get(version);
  if (write === undefined) {
    check(
      history.open.size > 0,
      "namespaces: each version has one write",
      () => `${history.name}: nobody wrote version ${version}`,
    );
    return undefined;
  }
  const { documents: next, counts } = applyBatch(documents, write.batch);
  check(
    JSON.stringify(counts) === JSON.stringify(write.counts),
    "namespaces: writers are told what was done",
    () =>
      `${history.name} version ${version}: ${write.key} did ${JSON.stringify(counts)} and was told ${JSON.stringify(write.counts)}`,
  );
  return next;
}

function judgeSight(name: string, sight: Sight, documents: PlainDocuments): void {
  const [expected, shown] = compared(sight, documents);
  check(
    expected === shown,
    "namespaces: answers are those of their version",
    () => `${name} version ${sight.version}: ${describe(sight)} showed ${shown}, which is ${expected}`,
  );
}

function compared(sight: Sight, documents: PlainDocuments): readonly [expected: string, shown: string] {
  switch (sight.kind) {
    case "all":
      return [keysOf(inOrder(documents)), keysOf(sight.documents)];
    case "some":
      return [keysOf(sight.ids.map((id) => documents.get(id))), keysOf(sight.documents)];
    case "query": {
      const { query, hits } = sight;
      return [
        JSON.stringify(comparable(query, answerOf(documents, query))),
        JSON.stringify(comparable(query, hits)),
      ];
    }
  }
}

function describe(sight: Sight): string {
  if (sight.kind === "query") return JSON.stringify(sight.query);
  return sight.kind === "all" ? "an export" : `a fetch of ${JSON.stringify(sight.ids)}`;
}

function keysOf(documents: readonly (PlainDocument | undefined)[]): string {
  return documents.map((one) => (one === undefined ? "absent" : keyOfDocument(one))).join("\n");
}
