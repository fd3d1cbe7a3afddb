import { describe, expect, it } from "vitest";
import { compareBytes, createPrng } from "../../base/index.ts";
import { SearchError } from "../errors.ts";
import { EVERY_FIELD, randomDocument, randomId } from "../testing/random-documents.ts";
import { addToSchema, equalSchemas } from "./check-schema.ts";
import { compareIds, type Document, patchDocument } from "./document.ts";
import { decodeDocument, encodeDocument } from "./encode-document.ts";
import { decodeId, encodeId } from "./encode-id.ts";
import { schemaFromStored, schemaToStored } from "./encode-schema.ts";
import { fitDocument } from "./fit-document.ts";
import { inferSchema } from "./infer-schema.ts";
import { checkName } from "./names.ts";
import { parseDocument, parsePatch } from "./parse-document.ts";
import { documentToPlain } from "./plain-document.ts";
import { parseSchema, schemaToPlain } from "./plain-schema.ts";
import { utf8Bytes } from "./scalar.ts";
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

const fitted = (plain: unknown) => fitDocument(parseDocument(plain), EVERY_FIELD, "");

it("the bytes of a text are those of its UTF-8", () => {
  const seed = Date.now();
  console.log(`seed ${seed}`);
  const random = createPrng(seed);
  const units = [0x61, 0x7f, 0x80, 0x7ff, 0x800, 0xd7ff, 0xd83d, 0xde00, 0xdfff, 0xe000, 0xffff];
  for (let round = 0; round < 500; round++) {
    const text = String.fromCharCode(...Array.from({ length: random.below(8) }, () => random.pick(units)));
    expect(utf8Bytes(text)).toBe(new TextEncoder().encode(text).length);
  }
});

describe("a document", () => {
  it("is the same after its plain form and after its bytes", () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    for (let round = 0; round < 300; round++) {
      const document = randomDocument(random, randomId(random));
      expect(fitted(documentToPlain(document, EVERY_FIELD))).toEqual(document);
      const bytes = encodeDocument(document);
      expect(decodeDocument(bytes)).toEqual(document);
      expect(encodeDocument(decodeDocument(bytes))).toEqual(bytes);
    }
  });

  it("keeps ids that are numbers and strings apart, in one order", () => {
    const ids = [0n, 7n, 2n ** 64n - 1n, "", "0", "7", "a", "\uffee", "\u{1f600}"].filter((id) => id !== "");
    for (const left of ids) {
      expect(decodeId(encodeId(left))).toBe(left);
      for (const right of ids)
        expect(Math.sign(compareIds(left, right))).toBe(
          Math.sign(compareBytes(encodeId(left), encodeId(right))),
        );
    }
    for (const bytes of [[], [0], [1], [1, 2], [2], [3, 65], [2, 0xff]])
      expect(refusal(() => decodeId(Uint8Array.from(bytes))).code).toBe("data-damaged");
  });

  it("holds values as their fields do", () => {
    const document = fitted({
      id: 7,
      vector: [1, 0, 0, 0],
      sparse: { terms: { indices: [9, 2, 4], values: [1, 2, 0] } },
      attributes: {
        price: 3,
        year: 2n ** 60n,
        seen: "1970-01-02",
        owner: "A0000000-0000-4000-8000-000000000000",
        sold: null,
      },
      expires_at: "1970-01-01T01:00:00+01:00",
    });
    expect(document.id).toBe(7n);
    expect([...document.attributes]).toEqual([
      ["price", 3],
      ["year", 2n ** 60n],
      ["seen", 86_400_000],
      ["owner", "a0000000-0000-4000-8000-000000000000"],
    ]);
    expect(document.sparse.get("terms")).toEqual({
      indices: Uint32Array.of(2, 9),
      values: Float32Array.of(2, 1),
    });
    expect(document.expiresAtMs).toBe(0);
    expect(Object.is(fitted({ id: 1, attributes: { price: -0 } }).attributes.get("price"), 0)).toBe(true);
  });

  it("holds whole numbers of any size in its float fields, as JSON writes them", () => {
    const price = (value: number | bigint) =>
      fitted({ id: 1, attributes: { price: value } }).attributes.get("price");
    expect(price(2n ** 63n)).toBe(2 ** 63);
    expect(price(-(10n ** 20n))).toBe(-1e20);
    expect(price(10n ** 308n)).toBe(1e308);
    expect(refusal(() => price(10n ** 309n)).code).toBe("invalid-argument");
  });

  it("knows how many days a month has", () => {
    const seen = (value: string) => fitted({ id: 1, attributes: { seen: value } }).attributes.get("seen");
    expect(seen("2028-02-29")).toBe(Date.UTC(2028, 1, 29));
    expect(seen("2000-02-29T23:59:59-01:00")).toBe(Date.UTC(2000, 2, 1, 0, 59, 59));
    expect(seen("2027-12-31T00:00:00+14:00")).toBe(Date.UTC(2027, 11, 30, 10));
    for (const none of [
      "2027-02-29",
      "2027-02-30T00:00:00Z",
      "2027-04-31T23:00:00+01:00",
      "1900-02-29",
      "2027-01-32",
    ])
      expect(refusal(() => seen(none)).message, none).toContain("is no datetime");
  });

  it.each([
    ["no id", {}, "has an id"],
    ["an empty id", { id: "" }, "not empty"],
    ["a negative id", { id: -1 }, "from 0 to"],
    ["an id beyond 53 bits as a number", { id: 2 ** 60 }, "whole"],
    ["an unknown key", { id: 1, color: "red" }, "unknown key"],
    ["dimensions", { id: 1, vector: [1, 2, 3] }, "has 4 dimensions, not 3"],
    ["an infinite element", { id: 1, vector: [1, 2, 3, 1e39] }, "finite"],
    ["a vector of zeros by cosine", { id: 1, vector: [0, 0, 0, 0] }, "no direction"],
    ["a vector twice", { id: 1, vector: [1, 2, 3, 4], vectors: { vector: [1, 2, 3, 4] } }, "twice"],
    ["bad base64", { id: 1, vector: "AAA" }, "base64"],
    [
      "a sparse index twice",
      { id: 1, sparse: { terms: { indices: [3, 3], values: [1, 1] } } },
      "given twice",
    ],
    [
      "sparse of two lengths",
      { id: 1, sparse: { terms: { indices: [3], values: [1, 1] } } },
      "1 indices, but 2",
    ],
    ["a fractional int", { id: 1, attributes: { year: 1.5 } }, "no int"],
    ["an int beyond 64 bits", { id: 1, attributes: { year: 2n ** 63n } }, "2^63"],
    ["NaN", { id: 1, attributes: { price: Number.NaN } }, "finite"],
    ["infinity", { id: 1, attributes: { price: Infinity } }, "finite"],
    ["a string for a bool", { id: 1, attributes: { sold: "yes" } }, "no bool"],
    ["a datetime without zone", { id: 1, attributes: { seen: "2026-01-01T00:00:00" } }, "datetime"],
    ["a datetime that is none", { id: 1, attributes: { seen: "2026-13-01" } }, "datetime"],
    ["a short uuid", { id: 1, attributes: { owner: "abc" } }, "no uuid"],
    ["an array for one value", { id: 1, attributes: { color: ["red"] } }, "not an array"],
    ["one value for an array", { id: 1, attributes: { tags: "red" } }, "holds an array"],
    ["null in an array", { id: 1, attributes: { tags: [null] } }, "expected a string"],
    ["half a surrogate pair", { id: 1, attributes: { color: "\ud800" } }, "surrogate"],
    ["text that is no string", { id: 1, text: { title: 3 } }, "expected a string"],
  ])("is refused with %s", (_, plain, message) => {
    const error = refusal(() => fitted(plain));
    expect(error.code).toBe("invalid-argument");
    expect(error.message).toContain(message);
  });

  it.each([
    ["idBytes", { id: "x".repeat(257) }],
    ["stringBytes", { id: 1, attributes: { color: "ä".repeat(4097) } }],
    ["arrayElements", { id: 1, attributes: { sizes: new Array(1025).fill(1) } }],
    ["textBytes", { id: 1, text: { title: "x".repeat(524_289) } }],
    ["dimensions", { id: 1, vectors: { vector: new Array(16_385).fill(1) } }],
    ["sparseEntries", { id: 1, sparse: { terms: { indices: new Array(4097).fill(1), values: [] } } }],
    [
      "documentFields",
      { id: 1, attributes: Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`a${i}`, 1])) },
    ],
    ["fieldNameCharacters", { id: 1, attributes: { ["a".repeat(65)]: 1 } }],
    ["documentBytes", { id: 1, text: { title: "x".repeat(524_288), body: "x".repeat(524_288) } }],
  ])("is refused over the limit %s", (limit, plain) => {
    const error = refusal(() => fitted(plain));
    expect(error.code).toBe("limit-exceeded");
    expect(error.details.limit).toBe(limit);
    expect(error.details.given).toBeGreaterThan(error.details.most ?? Infinity);
  });

  it("does not take names for more than names", () => {
    const plain = JSON.parse('{"id":1,"attributes":{"__proto__":"x","constructor":"y"}}') as unknown;
    const document = parseDocument(plain);
    expect([...document.attributes.keys()]).toEqual(["__proto__", "constructor"]);
    expect(refusal(() => parseDocument({ id: 1, attributes: { id: 3 } })).message).toContain("document's id");
    expect(refusal(() => parseDocument({ id: 1, attributes: { "a b": 3 } })).message).toContain("field name");
  });

  it("changes by a patch in what the patch names", () => {
    const old: Document = fitted({
      id: "a",
      text: { title: "one", body: "two" },
      attributes: { year: 1, sold: true },
    });
    const patch = parsePatch({
      id: "a",
      text: { title: null },
      attributes: { year: 2, color: "red" },
      expires_at: 5,
    });
    expect(patchDocument(old, patch)).toEqual(
      fitted({
        id: "a",
        text: { body: "two" },
        attributes: { year: 2, sold: true, color: "red" },
        expires_at: 5,
      }),
    );
    expect(
      patchDocument({ ...old, expiresAtMs: 3 }, parsePatch({ id: "a", expires_at: null })).expiresAtMs,
    ).toBeUndefined();
  });
});

describe("a schema", () => {
  it("is the same after its plain form and after its message", () => {
    expect(parseSchema(schemaToPlain(EVERY_FIELD))).toEqual(EVERY_FIELD);
    expect(equalSchemas(schemaFromStored(schemaToStored(EVERY_FIELD)), EVERY_FIELD)).toBe(true);
    expect(parseSchema({ attributes: { year: "int", tags: "string[]" } }).attributes).toEqual(
      new Map([
        ["year", { type: "int", array: false, filterable: true }],
        ["tags", { type: "string", array: true, filterable: true }],
      ]),
    );
  });

  it("is inferred from the first documents", () => {
    const documents = [
      { id: 1, vector: [1, 2], text: { title: "x" }, attributes: { n: 1, s: "x", list: [], b: true } },
      { id: 2, sparse: { terms: { indices: [], values: [] } }, attributes: { n: 1.5, list: [3n] } },
    ].map((plain) => parseDocument(plain));
    const schema = inferSchema(documents, EMPTY_SCHEMA);
    expect(schemaToPlain(schema)).toMatchObject({
      vectors: { vector: { dimensions: 2, metric: "cosine", element: "f32" } },
      sparse: { terms: {} },
      text: { title: { language: "english" } },
      attributes: {
        n: { type: "float" },
        s: { type: "string" },
        list: { type: "int[]" },
        b: { type: "bool" },
      },
    });
    expect(inferSchema(documents, schema)).toBe(schema);
  });

  it.each([
    ["only empty arrays", [{ id: 1, attributes: { x: [] } }], "empty arrays"],
    [
      "two types",
      [
        { id: 1, attributes: { x: 1 } },
        { id: 2, attributes: { x: "1" } },
      ],
      "is int in one place and string",
    ],
    [
      "array and not",
      [
        { id: 1, attributes: { x: [1] } },
        { id: 2, attributes: { x: 1 } },
      ],
      "is an array in one",
    ],
    ["two kinds", [{ id: 1, attributes: { x: 1 }, text: { x: "y" } }], "it is a text field"],
  ])("is not inferred from %s", (_, documents, message) => {
    const error = refusal(() =>
      inferSchema(
        documents.map((plain) => parseDocument(plain)),
        EMPTY_SCHEMA,
      ),
    );
    expect(error.message).toContain(message);
  });

  it("takes additions and names the way out of other changes", () => {
    const added = addToSchema(
      EVERY_FIELD,
      parseSchema({ attributes: { extra: "bool" }, text: { body: { weight: 3 } } }),
    );
    expect(added.attributes.get("extra")?.type).toBe("bool");
    expect(added.text.get("body")?.weight).toBe(3);
    expect(added.vectors).toEqual(EVERY_FIELD.vectors);
    for (const plain of [
      { attributes: { year: "float" } },
      { attributes: { year: "int[]" } },
      { attributes: { note: "string" } },
      { vectors: { vector: { dimensions: 8 } } },
      { vectors: { vector: { dimensions: 4, metric: "dot" } } },
      { text: { title: { k1: 2 } } },
    ]) {
      const error = refusal(() => addToSchema(EVERY_FIELD, parseSchema(plain)));
      expect(error.code).toBe("schema-conflict");
      expect(error.message).toContain("copy the namespace");
    }
  });

  it.each([
    [{ attributes: { year: "integer" } }, "expected one of"],
    [{ vectors: { v: { dimensions: 0 } } }, "from 1 on"],
    [{ text: { t: { b: 2 } } }, "from 0 to 1"],
    [{ fields: {} }, "unknown key"],
    [{ text: { t: {} }, attributes: { t: "int" } }, "it is a text field"],
  ])("is refused: %j", (plain, message) => {
    expect(refusal(() => parseSchema(plain)).message).toContain(message);
  });

  it("has bounds", () => {
    const many = Object.fromEntries(Array.from({ length: 513 }, (_, i) => [`a${i}`, "int"]));
    expect(refusal(() => parseSchema({ attributes: many })).details.limit).toBe("schemaFields");
    const vectors = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`v${i}`, { dimensions: 2 }]));
    expect(refusal(() => parseSchema({ vectors })).details.limit).toBe("vectorFields");
  });
});

describe("names", () => {
  it.each(["a", "0", "a-b_c", "x".repeat(63)])("take %s", (name) => checkName("namespace", name));
  it.each(["", "A", "-a", "a/b", "..", "a.b", "x".repeat(64), "a\n"])("refuse %j", (name) => {
    expect(refusal(() => checkName("namespace", name)).code).toBe("invalid-argument");
  });
});
