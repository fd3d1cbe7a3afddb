import { SearchError } from "../../../src/search/errors.ts";
import { bindFilter } from "../../../src/search/filter/bind-filter.ts";
import { documentPredicate } from "../../../src/search/filter/match-document.ts";
import { parseFilter } from "../../../src/search/filter/parse-filter.ts";
import { textPredicate } from "../../../src/search/filter/text-predicate.ts";
import { decodeDocument, encodeDocument } from "../../../src/search/model/encode-document.ts";
import { fitBatch } from "../../../src/search/model/fit-batch.ts";
import { parseBatch } from "../../../src/search/model/parse-batch.ts";
import { documentToPlain } from "../../../src/search/model/plain-document.ts";
import { bindQuery } from "../../../src/search/query/bind-query.ts";
import { parseQuery } from "../../../src/search/query/parse-query.ts";
import { EVERY_FIELD } from "../../../src/search/testing/random-documents.ts";
import { type FuzzTarget, refusalLabel, same } from "../target.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

const BATCHES = [
  {
    upserts: [
      {
        id: 1,
        vector: [1, 2, 3, 4],
        text: { title: "tide" },
        attributes: { year: 3, tags: ["x"], seen: "2026-01-02" },
      },
    ],
  },
  {
    patches: [{ id: "a", attributes: { price: null } }],
    deletes: [7],
    if: ["year", "Lt", { new: "year" }],
    if_version: 3,
  },
  {
    delete_by_filter: ["color", "Regex", "b(l|r)*"],
    patch_by_filter: {
      filter: ["sold", "Eq", true],
      set: { sparse: { terms: { indices: [1], values: [2] } } },
    },
  },
];
const FILTERS = [
  [
    "And",
    [
      ["color", "Glob", "b[a-z]*"],
      ["Not", ["tags", "ContainsAny", ["x"]]],
      ["name", "Fuzzy", "x"],
    ],
  ],
  [
    "Or",
    [
      ["seen", "Gte", "2026-01-02T03:04:05Z"],
      ["title", "Phrase", "a b"],
      ["id", "In", [1, "x"]],
    ],
  ],
  ["color", "Fuzzy", "blue", { distance: 2, prefix: true }],
  ["color", "IRegex", "^[^a-c]{2,3}(x|\\d)+$"],
];
const QUERIES = [
  {
    top_k: 3,
    vector: [1, 2, 3, 4],
    text: { query: "tide", fields: { title: 2 } },
    fusion: { method: "rrf", k: 6 },
    include: ["title"],
  },
  {
    order_by: [["year", "desc", "missing_first"]],
    facets: ["tags"],
    aggregate: { metrics: { a: ["avg", "price"] }, group_by: ["color"] },
  },
  {
    rank_by: [
      "Sum",
      [
        ["Attribute", "year", { missing: 1 }],
        ["Weight", 2, ["Decay", ["Attribute", "seen"], { origin: 0, scale: 1 }]],
      ],
    ],
  },
];

const TABLE = [
  (plain: unknown) => {
    const { batch, schema } = fitBatch(parseBatch(plain), EVERY_FIELD);
    // What is accepted is one document in every form.
    for (const document of batch.upserts) {
      const bytes = encodeDocument(document);
      same(encodeDocument(decodeDocument(bytes)), bytes, "a document after its bytes");
      const again = fitBatch(parseBatch({ upserts: [documentToPlain(document, schema)] }), schema).batch
        .upserts[0];
      same(again && encodeDocument(again), bytes, "a document after its plain form");
    }
  },
  (plain: unknown) => {
    const filter = bindFilter(parseFilter(plain), EVERY_FIELD);
    same(bindFilter(filter, EVERY_FIELD), filter, "a filter that was bound already");
    documentPredicate(filter, textPredicate(EVERY_FIELD))(undefined);
  },
  (plain: unknown) => {
    bindQuery(parseQuery(plain), EVERY_FIELD);
  },
];

/** Batches, filters and queries in JSON; the first byte of an input chooses. Only refusals with a code. */
export const searchInput: FuzzTarget = {
  name: "search-input",
  dictionary: [
    "And",
    "Or",
    "Not",
    "Eq",
    "Regex",
    "Glob",
    "Fuzzy",
    "__proto__",
    "1e400",
    "-0",
    "null",
    '{"new":"year"}',
    "\\ud800",
    "id",
    "year",
  ],
  seeds: () =>
    [BATCHES, FILTERS, QUERIES].flatMap((inputs, kind) =>
      inputs.map((plain) => encoder.encode(`${kind}${JSON.stringify(plain)}`)),
    ),
  property(input) {
    let plain: unknown;
    try {
      plain = JSON.parse(decoder.decode(input.subarray(1)));
    } catch {
      return "no JSON";
    }
    const kind = ((input[0] ?? 0) - 48) % TABLE.length;
    try {
      TABLE[Math.abs(kind)]?.(plain);
      return `accepted ${kind}`;
    } catch (error) {
      return refusalLabel([SearchError], error);
    }
  },
};
