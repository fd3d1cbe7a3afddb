/** The promise: an oplog that lost, doubled, invented or reordered a change is found out by what clients were told. */

import { describe, expect, it } from "vitest";
import { HistoryRecorder, type ObjectInput, type ObjectOutput } from "../linearizability/index.ts";
import { checkOplogs, type OplogEntry } from "./index.ts";

const bucket = "bucket";
const put = (key: string, content: string): ObjectInput => ({ kind: "put", bucket, key, content });
const done: ObjectOutput = { kind: "done" };
const found = (content: string): ObjectOutput => ({ kind: "found", content });

/** Two puts of a, one of b, a removal of b; a get between; a put of unknown outcome that happened; and one that did not. */
function history() {
  const recorder = new HistoryRecorder<ObjectInput, ObjectOutput>();
  const call = (input: ObjectInput, output: ObjectOutput) => recorder.invoke(1, input).returned(output);
  call(put("a", "a1"), done);
  call(put("b", "b1"), done);
  call({ kind: "get", bucket, key: "a" }, found("a1"));
  call({ kind: "list", bucket, prefix: "", after: "", limit: 9 }, listed(["a", "a1"], ["b", "b1"]));
  call(put("a", "a2"), done);
  call({ kind: "delete", bucket, key: "b" }, done);
  recorder.invoke(2, put("a", "a3"));
  recorder.invoke(3, put("a", "never"));
  call({ ...put("a", "a4"), ifAbsent: true } as ObjectInput, { kind: "refused" });
  call({ kind: "get", bucket, key: "a" }, found("a3"));
  return recorder.operations();
}

function listed(...objects: readonly [string, string][]): ObjectOutput {
  return { kind: "listed", objects: objects.map(([key, content]) => ({ key, content })), isTruncated: false };
}

const entry = (kind: OplogEntry["kind"], key = "", content = "") => ({ kind, bucket, key, content });
const GOOD = [
  entry("bucket"),
  entry("written", "a", "a1"),
  entry("written", "b", "b1"),
  entry("written", "a", "a2"),
  entry("removed", "b"),
  entry("written", "a", "a3"),
];

type Unnumbered = Omit<OplogEntry, "sequence">;
const numbered = (entries: readonly Unnumbered[]): OplogEntry[] =>
  entries.map((each, at) => ({ ...each, sequence: at + 1 }));

function kinds(...oplogs: readonly (readonly Unnumbered[])[]): readonly string[] {
  const nodes = oplogs.map((entries, at) => ({ name: `node ${at + 1}`, entries: numbered(entries) }));
  return [...new Set(checkOplogs(nodes, history()).anomalies.map(({ kind }) => kind))];
}

const without = (at: number) => GOOD.toSpliced(at, 1);
const swapped = (one: number, other: number) => GOOD.with(one, GOOD[other]!).with(other, GOOD[one]!);

describe("an oplog", () => {
  it("that is right passes, and so does a node that is behind", () => {
    expect(kinds(GOOD, GOOD.slice(0, 3), [], GOOD)).toEqual([]);
  });

  it.each([
    ["that lost an acknowledged put", [without(3)], "lost"],
    ["that lost an unacknowledged put that was read", [without(5)], "incompatible-order"],
    ["that has a put twice", [[...GOOD, entry("written", "a", "a2")]], "duplicate"],
    ["that has a put that was refused", [[...GOOD, entry("written", "a", "a4")]], "phantom"],
    ["that has a removal that nobody asked for", [[...GOOD, entry("removed", "a")]], "phantom"],
    ["in which acknowledged puts changed places", [swapped(1, 2)], "G0-realtime"],
    ["that differs from another node's", [GOOD, swapped(3, 4)], "incompatible-order"],
  ] as const)("%s is found out", (_what, oplogs, kind) => {
    expect(kinds(...oplogs)).toContain(kind);
  });

  it("with a gap is found out", () => {
    const entries = numbered(GOOD).map((each) => (each.sequence === 6 ? { ...each, sequence: 7 } : each));
    const { anomalies } = checkOplogs([{ name: "node 1", entries }], history());
    expect(anomalies.map(({ lines }) => lines[0])).toContain("the oplog of node 1 has 7 at place 6");
  });

  it("convicts a listing that saw two moments at once", () => {
    const recorder = new HistoryRecorder<ObjectInput, ObjectOutput>();
    const list: ObjectInput = { kind: "list", bucket, prefix: "", after: "", limit: 9 };
    const open = recorder.invoke(2, list);
    for (const [key, content] of [
      ["a", "a1"],
      ["b", "b1"],
      ["a", "a2"],
      ["b", "b2"],
    ] as const) {
      recorder.invoke(1, put(key, content)).returned(done);
    }
    // b2 came after a2, and a1 before it.
    open.returned(listed(["a", "a1"], ["b", "b2"]));
    const entries = numbered([
      entry("written", "a", "a1"),
      entry("written", "b", "b1"),
      entry("written", "a", "a2"),
      entry("written", "b", "b2"),
    ]);
    const { anomalies } = checkOplogs([{ name: "node 1", entries }], recorder.operations());
    expect(anomalies.map(({ kind }) => kind)).toEqual(["G-single"]);
  });
});
