import { describe, expect, it } from "vitest";
import { SearchError } from "../errors.ts";
import { EVERY_FIELD } from "../testing/random-documents.ts";
import { UpsertCollector } from "./collect-upserts.ts";
import { fitBatch } from "./fit-batch.ts";
import { parseBatch } from "./parse-batch.ts";
import { EMPTY_SCHEMA } from "./schema.ts";

function refusal(action: () => unknown): SearchError {
  try {
    action();
  } catch (error) {
    if (error instanceof SearchError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const fitted = (plain: unknown, schema = EVERY_FIELD) => fitBatch(parseBatch(plain), schema);

describe("a batch", () => {
  it("is read in all its parts", () => {
    const { batch, schema } = fitted({
      upserts: [{ id: 1, attributes: { seen: "1970-01-01" } }],
      patches: [{ id: 2, attributes: { year: null } }],
      deletes: ["x", 3],
      delete_by_filter: ["seen", "Lt", "1970-01-02"],
      patch_by_filter: { filter: ["sold", "Eq", true], set: { attributes: { price: 0 } } },
      if: ["year", "Lt", { new: "year" }],
      if_version: 7,
    });
    expect(schema).toBe(EVERY_FIELD);
    expect(batch.upserts[0]?.attributes.get("seen")).toBe(0);
    expect(batch.patches[0]?.attributes.get("year")).toBeNull();
    expect(batch.deletes).toEqual(["x", 3n]);
    expect(batch.deleteByFilter).toEqual({
      kind: "compare",
      field: "seen",
      operator: "lt",
      value: 86_400_000,
    });
    expect(batch.patchByFilter?.set.attributes.get("price")).toBe(0);
    expect(batch.condition).toEqual({ kind: "compare-new", field: "year", operator: "lt", newField: "year" });
    expect(batch.ifVersion).toBe(7n);
  });

  it("adds the fields of what it writes to the schema", () => {
    const { schema } = fitted(
      {
        upserts: [{ id: 1, attributes: { a: 1 } }],
        patches: [{ id: 2, text: { t: "x" } }],
        patch_by_filter: { filter: ["a", "Eq", 1], set: { attributes: { b: true } } },
      },
      EMPTY_SCHEMA,
    );
    expect([...schema.attributes.keys(), ...schema.text.keys()]).toEqual(["a", "b", "t"]);
  });

  it.each([
    [{ upserts: [{ id: 1 }, { id: 1 }] }, "twice"],
    [{ upserts: [{ id: 1 }], deletes: [1] }, "twice"],
    [{ patches: [{ id: 1, attributes: { color: 3 } }] }, "patches[0].attributes.color"],
    [{ upserts: [{ id: 1, vector: [1] }] }, "upserts[0].vectors.vector"],
    [{ delete_by_filter: ["nothing", "Eq", 1] }, "no field"],
    [{ delete_by_filter: ["year", "Lt", { new: "year" }] }, "only the condition"],
    [{ if_version: -1 }, "no version"],
    [{ rows: [] }, "unknown key"],
    [{ patch_by_filter: { filter: ["And", []] } }, "expected an object"],
  ])("is refused: %j", (plain, message) => expect(refusal(() => fitted(plain)).message).toContain(message));

  it("has bounds", () => {
    const ids = Array.from({ length: 10_001 }, (_, i) => i);
    expect(refusal(() => fitted({ deletes: ids })).details.limit).toBe("batchDocuments");
    const halves = {
      upserts: ids.slice(0, 5_001).map((id) => ({ id })),
      deletes: ids.slice(5_001).concat(10_002),
    };
    expect(refusal(() => fitted(halves)).details.limit).toBe("batchDocuments");
    const large = { title: "x".repeat(500_000), body: "x".repeat(500_000) };
    const upserts = Array.from({ length: 34 }, (_, id) => ({ id, text: large }));
    expect(refusal(() => fitted({ upserts })).details.limit).toBe("batchBytes");
  });
});

describe("documents that come one after the other", () => {
  const collect = (documents: Iterable<unknown>) => {
    const upserts = new UpsertCollector();
    for (const document of documents) upserts.add(document);
    return upserts.batch();
  };
  function* endless(attributes: object) {
    for (let id = 0; ; id++) yield { id, attributes };
  }

  it("are the batch that they would be together", () => {
    const upserts = [{ id: 1, attributes: { a: [true, "x"], b: null } }, { id: "b" }];
    expect(collect(upserts)).toEqual(parseBatch({ upserts }));
    expect(refusal(() => collect([{ id: 1 }, { id: [] }])).details.path).toBe("upserts[1].id");
  });

  it.each([
    ["documents", {}, "batchDocuments"],
    [
      "bytes",
      Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, "x".repeat(8_000)])),
      "batchBytes",
    ],
    [
      "values that have no bytes",
      Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`f${i}`, Array<string>(1_024).fill("")])),
      "batchBytes",
    ],
  ])("are refused while they come when they have too many %s", (_, attributes, limit) => {
    expect(refusal(() => collect(endless(attributes))).details.limit).toBe(limit);
  });
});
