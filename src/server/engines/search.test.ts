import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { DeleteNamespaceSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import { type Metadata, MetaError } from "../../meta/index.ts";
import { type NamespaceStore, SearchError } from "../../search/index.ts";
import { namespaceStore } from "./namespace-store.ts";
import { closingSignal } from "./search.ts";

const failure = new MetaError("unavailable", "this node cannot read its metadata now");

/** As a node whose disk does not give a row: some reads throw at once, others reject. */
const view = new Proxy({} as Metadata["view"], {
  get: (_target, name) => {
    if (name === "appliedTimeMs") return () => 7;
    const isAsked =
      /^(namespaceNames|manifest|manifestPast|namespaceIds|.*Namespaces|(oldestR|r)ememberedBatches)$/;
    if (isAsked.test(String(name))) return () => Promise.reject(failure);
    return () => {
      throw failure;
    };
  },
});
const metadata = {
  view,
  submit: () => Promise.reject(failure),
  barrier: () => Promise.reject(failure),
} as unknown as Metadata;

const page = { after: 0n, limit: 1 };
const READS: readonly (readonly [string, (store: NamespaceStore) => unknown])[] = [
  ["namespaceName", (store) => store.view.namespaceName("o", "p", "n")],
  ["namespace", (store) => store.view.namespace(1n)],
  [
    "namespaceNames",
    (store) => store.view.namespaceNames({ org: "o", project: "p", prefix: "", after: "", limit: 1 }),
  ],
  ["manifest", (store) => store.view.manifest(1n, { kind: "batch", ...page })],
  ["manifestPast", (store) => store.view.manifestPast(1n, { afterRevision: 0n, limit: 1 })],
  ["namespaceIds", (store) => store.view.namespaceIds(page)],
  ["unindexedNamespaces", (store) => store.view.unindexedNamespaces(page)],
  ["trimmableNamespaces", (store) => store.view.trimmableNamespaces(page)],
  ["rememberedBatches", (store) => store.view.rememberedBatches(1n, 0, 1)],
  ["oldestRememberedBatches", (store) => store.view.oldestRememberedBatches(1n, 1)],
  ["rememberedBatch", (store) => store.view.rememberedBatch(1n, new Uint8Array(32))],
  ["searchScope", (store) => store.view.searchScope("o", "")],
  ["namespaceLease", (store) => store.view.namespaceLease(1n, 1)],
  ["barrier", (store) => store.barrier()],
];

describe("a node that cannot read its metadata", () => {
  test.each(READS)("refuses %s of a namespace, to be tried on another node", async (_name, read) => {
    const answer = (async () => read(namespaceStore(metadata)))();
    await expect(answer).rejects.toThrow(SearchError);
    await expect(answer).rejects.toMatchObject({ code: "unavailable", cause: failure });
  });

  test("tells the time that it has", () => {
    expect(namespaceStore(metadata).view.appliedTimeMs()).toBe(7);
  });
});

describe("a command without an answer", () => {
  test.each([
    ["unavailable", { code: "unavailable", details: {} }],
    // As an object's write answers it: whoever sent it must look, or repeat it by its idempotency key.
    ["outcome-unknown", { code: "deadline-exceeded", details: {} }],
    ["overloaded", { code: "overloaded", details: { retryAfterMs: 1000 } }],
  ] as const)("tells what was not done from what is not known: %s", async (code, expected) => {
    const cause = new MetaError(code, "no answer");
    const store = namespaceStore({ view, submit: () => Promise.reject(cause) } as unknown as Metadata);
    const answer = store.submit({ case: "deleteNamespace", value: create(DeleteNamespaceSchema) });
    await expect(answer).rejects.toMatchObject({ ...expected, message: "no answer", cause });
  });
});

describe("a node that stops", () => {
  test.each(["before", "after"])("says so to those who wait: stopped %s they came", (when) => {
    const stopping = new AbortController();
    if (when === "before") stopping.abort(new Error("for another reason"));
    const closing = closingSignal(stopping.signal);
    if (when === "after") {
      expect(closing.aborted).toBe(false);
      stopping.abort(new Error("for another reason"));
    }
    expect(closing.reason).toBeInstanceOf(SearchError);
    expect(closing.reason).toMatchObject({ code: "unavailable" });
  });
});
