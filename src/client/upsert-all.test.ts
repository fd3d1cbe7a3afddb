/** Of the promise: what `upsertAll` says is durable is all that is, whatever ends it; and the last document of an id stays. */
import { describe, expect, it } from "vitest";
import { ArgumentError, SkerryError } from "./errors.ts";
import type { Document, WriteResult } from "./types.ts";
import { UpsertAllError, type UpsertProgress, upsertAll } from "./upsert-all.ts";

const refused = new SkerryError("upserts[1].n: it is no int", {
  code: "invalid_argument",
  status: 400,
  requestId: "r1",
  details: { path: "upserts[1].n" },
});

/** Batches that are written when the test says so. */
class Store {
  readonly begun: (readonly Document[])[] = [];
  readonly #ends: PromiseWithResolvers<WriteResult>[] = [];

  readonly write = (batch: readonly Document[]): Promise<WriteResult> => {
    const end = Promise.withResolvers<WriteResult>();
    this.begun.push(batch);
    this.#ends.push(end);
    return end.promise;
  };

  end(at: number): Promise<void> {
    const { length: upserted } = this.begun[at]!;
    this.#ends[at]?.resolve({ version: at + 1, upserted, patched: 0, deleted: 0, repeated: false });
    return settled();
  }

  refuse(at: number, error: unknown): Promise<void> {
    this.#ends[at]?.reject(error);
    return settled();
  }
}

/** Everything has been done that waits for nothing. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

const documents = (count: number): Document[] => Array.from({ length: count }, (_, id) => ({ id }));

describe("upsertAll", () => {
  it.each([
    ["the source throws", new Error("bad line")],
    [
      "a document cannot be written",
      new ArgumentError("documents[4].attributes.n: NaN cannot be written as JSON"),
    ],
  ])("waits for what is under way when %s", async (_, expected) => {
    const store = new Store();
    function* source(): Iterable<Document> {
      yield* documents(4);
      if (expected instanceof ArgumentError) yield { id: "x", attributes: { n: Number.NaN } };
      throw expected;
    }
    let progress: UpsertProgress | undefined;
    let ended: unknown;
    const run = upsertAll(source(), store.write, {
      batchDocuments: 1,
      concurrency: 5,
      onProgress: (now) => {
        progress = now;
      },
    }).catch((error: unknown) => {
      ended = error;
    });
    await settled();
    for (const at of [0, 1, 2, 3]) {
      expect(ended).toBeUndefined();
      await store.end(at);
    }
    await run;
    expect(ended).toEqual(expected);
    expect([store.begun.length, progress?.documents]).toEqual([4, 4]);
  });

  it("says which batch was refused, and what is durable", async () => {
    const store = new Store();
    const run = upsertAll(documents(9), store.write, { batchDocuments: 3 });
    await settled();
    const failed = run.catch((error: unknown) => error);
    await store.refuse(1, refused);
    await store.end(0);
    await store.end(2);
    const error = await failed;
    expect(error).toBeInstanceOf(UpsertAllError);
    expect(error).toBeInstanceOf(SkerryError);
    expect(error).toMatchObject({
      message: refused.message,
      code: "invalid_argument",
      status: 400,
      requestId: "r1",
      details: refused.details,
      documents: [{ id: 3 }, { id: 4 }, { id: 5 }],
      progress: { documents: 6, batches: 2, version: 3 },
    });
  });

  it("writes documents of one id one after another", async () => {
    const store = new Store();
    const ids = ["x", "y", "x", 7, 7n, "7"];
    const run = upsertAll(
      ids.map((id, n) => ({ id, attributes: { n } })),
      store.write,
      { batchDocuments: 1 },
    );
    const begun = () => store.begun.map(([document]) => document?.attributes?.["n"]);
    await settled();
    expect(begun()).toEqual([0, 1]);
    await store.end(1);
    expect(begun()).toEqual([0, 1]);
    await store.end(0);
    expect(begun()).toEqual([0, 1, 2, 3]);
    await store.end(3);
    expect(begun()).toEqual([0, 1, 2, 3, 4, 5]);
    for (const at of [2, 4, 5]) await store.end(at);
    expect(await run).toEqual({ documents: 6, batches: 6, version: 6 });
  });

  it("does not write a document after an older one of its id has failed", async () => {
    const store = new Store();
    const run = upsertAll([{ id: "x" }, { id: "x" }], store.write, { batchDocuments: 1 });
    await settled();
    const failed = expect(run).rejects.toBeInstanceOf(UpsertAllError);
    await store.refuse(0, refused);
    await failed;
    expect(store.begun.length).toBe(1);
  });

  it("ends with the reason of its caller", async () => {
    const store = new Store();
    const caller = new AbortController();
    const run = upsertAll(documents(3), store.write, {
      batchDocuments: 1,
      concurrency: 1,
      signal: caller.signal,
    });
    await settled();
    const reason = new Error("enough");
    const failed = expect(run).rejects.toBe(reason);
    caller.abort(reason);
    await store.end(0);
    await failed;
    expect(store.begun.length).toBe(1);
  });
});
