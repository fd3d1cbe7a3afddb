import { describe, expect, it } from "vitest";
import type { PlainBatch, PlainDocument } from "./documents.ts";
import { NamespaceHistory, type Sight } from "./history.ts";
import { judgeNamespaces } from "./judge.ts";

const document = (id: number, n: number): PlainDocument => ({
  id,
  attributes: { n },
  words: "ash",
  point: [n, 0, 0, 0],
});
const upserts = (...documents: PlainDocument[]): PlainBatch => ({
  upserts: documents,
  patches: [],
  deletes: [],
});
const all = (version: number, ...documents: PlainDocument[]): Sight => ({ kind: "all", version, documents });

/** A namespace with the versions that the batches make, each acknowledged with what it did. */
function written(...batches: PlainBatch[]): NamespaceHistory {
  const history = new NamespaceHistory("root");
  for (const [at, batch] of batches.entries()) {
    const write = history.invoke(`write-${at}`, batch, undefined);
    history.wrote(write, at + 1, { upserted: batch.upserts.length, patched: 0, deleted: 0 });
  }
  return history;
}

const one = document(1, 1);
const two = document(2, 2);
const newer = document(1, 9);

describe("what clients saw of a namespace", () => {
  it("is explained by its writes", () => {
    const history = written(upserts(one, two), upserts(newer));
    history.saw(all(2, newer, two), 2);
    history.saw({ kind: "some", version: 1, ids: [2, 3], documents: [two, undefined] }, undefined);
    history.saw(
      { kind: "query", version: 2, query: { kind: "order", direction: "desc", limit: 1 }, hits: [1] },
      2,
    );
    expect(judgeNamespaces([history])).toBe(true);
  });

  it.each<[string, Sight]>([
    ["a document that nobody wrote", all(1, one, two, document(3, 3))],
    ["half of a batch", all(1, one)],
    ["a document of a later version", all(1, newer, two)],
    ["absence of what was acknowledged", { kind: "some", version: 2, ids: [2], documents: [undefined] }],
    [
      "another order",
      { kind: "query", version: 2, query: { kind: "order", direction: "asc", limit: 9 }, hits: [1, 2] },
    ],
    [
      "not the nearest",
      { kind: "query", version: 2, query: { kind: "nearest", point: [9, 0, 0, 0], limit: 1 }, hits: [2] },
    ],
    [
      "a word that is missed",
      { kind: "query", version: 1, query: { kind: "word", word: "ash", limit: 9 }, hits: [1] },
    ],
  ])("may not be %s", (_what, sight) => {
    const history = written(upserts(one, two), upserts(newer));
    history.saw(sight, undefined);
    expect(() => judgeNamespaces([history])).toThrow("showed");
  });

  it("may not be older than what was known when a strong read began", () => {
    const history = written(upserts(one), upserts(two));
    expect(() => history.saw(all(1, one), 2)).toThrow("a strong read began");
    history.saw(all(1, one), undefined);
  });

  it("may not lack a write, or have one twice", () => {
    const history = written(upserts(one));
    expect(() =>
      history.wrote(history.invoke("again", upserts(two), undefined), 1, {
        upserted: 1,
        patched: 0,
        deleted: 0,
      }),
    ).toThrow("version 1 is that of");
    const gap = written(upserts(one));
    gap.saw(all(3, one), undefined);
    expect(() => judgeNamespaces([gap])).toThrow("nobody wrote version 2");
  });

  it("has later versions for later writes, and the next one for a write for a version", () => {
    const history = written(upserts(one), upserts(two));
    const counts = { upserted: 1, patched: 0, deleted: 0 };
    const late = history.invoke("late", upserts(two), undefined);
    history.saw(all(4, one, two), undefined);
    expect(() => history.wrote(history.invoke("later", upserts(one), undefined), 3, counts)).toThrow(
      "began after",
    );
    history.wrote(late, 3, counts);
    expect(() => history.wrote(history.invoke("for 4", upserts(one), 4), 6, counts)).toThrow(
      "is for version 4",
    );
  });

  it("must be what writers were told", () => {
    const history = written(upserts(one));
    const write = history.invoke("insert", { ...upserts(newer), condition: "insert-only" }, undefined);
    history.wrote(write, 2, { upserted: 1, patched: 0, deleted: 0 });
    expect(() => judgeNamespaces([history])).toThrow("was told");
  });

  it("is left undecided where a write to a deleted namespace has no answer", () => {
    const history = written(upserts(one));
    history.invoke("lost", upserts(two), undefined);
    history.saw(all(2, one, two), undefined);
    expect(judgeNamespaces([history])).toBe(false);
  });
});

describe("a branch", () => {
  it("goes on from its parent, and neither changes the other", () => {
    const parent = written(upserts(one), upserts(two));
    const branch = parent.branched({ name: "branch", source: parent, after: 2 }, 2);
    branch.wrote(branch.invoke("own", upserts(newer), undefined), 3, { upserted: 1, patched: 0, deleted: 0 });
    branch.saw(all(3, newer, two), 3);
    parent.saw(all(2, one, two), 2);
    expect(judgeNamespaces([branch, parent])).toBe(true);
    parent.saw(all(2, newer, two), 2);
    expect(() => judgeNamespaces([branch, parent])).toThrow("showed");
  });

  it("has what was acknowledged before it", () => {
    const parent = written(upserts(one), upserts(two));
    expect(() => parent.branched({ name: "branch", source: parent, after: 2 }, 1)).toThrow("asked for after");
  });
});
