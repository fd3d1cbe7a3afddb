import { create } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import {
  DocumentService,
  type Value,
  ValueListSchema,
  ValueSchema,
} from "../../gen/skerry/search/v1/search_pb.js";
import { EngineWorld } from "../../search/engine/testing/engine-world.ts";
import { parseSchema } from "../../search/index.ts";
import { asked } from "../testing/fake-namespaces.ts";
import { BIG, DOCS, lastAsked, NAME, PATH, SearchApi } from "../testing/search-api.ts";
import { as, codeOf, TestApi } from "../testing/test-api.ts";

const search = SearchApi.forTests();

describe("a batch", () => {
  it("is the same over REST and over Connect", async () => {
    const rest = await search.post(`${PATH}/documents`, {
      upserts: [
        {
          id: "a",
          vector: [1, 0.5],
          sparse: { terms: { indices: [3, 1], values: [0.25, 2] } },
          text: { title: "rocks" },
          attributes: { year: 2024, tags: ["x", "y"], big: "BIG", on: true, ratio: 0.5 },
          expires_at: 5000,
        },
        { id: 7 },
      ],
      patches: [{ id: "b", text: { title: null }, attributes: { year: null } }],
      deletes: ["c", 8],
      delete_by_filter: ["year", "Lt", 2000],
      patch_by_filter: { filter: ["Not", ["tags", "Contains", "x"]], set: { attributes: { seen: true } } },
      if: [
        "And",
        [
          ["id", "Exists"],
          ["year", "Lt", { new: "year" }],
        ],
      ],
      if_version: 3,
    });
    expect(rest).toMatchObject({
      status: 200,
      body: { version: 4, upserted: 2, patched: 1, deleted: 2, repeated: false },
    });
    const overRest = lastAsked();

    const value = (kind: object) => ({ kind }) as never;
    const condition = (field: string, operator: string, more: object) =>
      ({ kind: { case: "condition", value: { field, operator, ...more } } }) as never;
    await search.documents.writeDocuments(
      {
        ...DOCS,
        upserts: [
          {
            id: { id: { case: "text", value: "a" } },
            vectors: { vector: { packed: new Uint8Array(Float32Array.of(1, 0.5).buffer) } },
            sparse: { terms: { indices: [3, 1], values: [0.25, 2] } },
            text: { title: "rocks" },
            attributes: {
              year: value({ case: "intValue", value: 2024n }),
              tags: value({
                case: "listValue",
                value: { values: ["x", "y"].map((text) => value({ case: "stringValue", value: text })) },
              }),
              big: value({ case: "intValue", value: BIG }),
              on: value({ case: "boolValue", value: true }),
              ratio: value({ case: "floatValue", value: 0.5 }),
            },
            expiresAtMs: 5000n,
          },
          { id: { id: { case: "number", value: 7n } } },
        ],
        patches: [
          {
            id: { id: { case: "text", value: "b" } },
            removedText: ["title"],
            attributes: { year: value({ case: "nullValue", value: true }) },
          },
        ],
        deletes: [{ id: { case: "text", value: "c" } }, { id: { case: "number", value: 8n } }],
        deleteByFilter: condition("year", "Lt", { value: value({ case: "intValue", value: 2000n }) }),
        patchByFilter: {
          filter: {
            kind: {
              case: "not",
              value: condition("tags", "Contains", { value: value({ case: "stringValue", value: "x" }) }),
            },
          },
          set: { attributes: { seen: value({ case: "boolValue", value: true }) } },
        },
        if: {
          kind: {
            case: "and",
            value: {
              filters: [condition("id", "Exists", {}), condition("year", "Lt", { newField: "year" })],
            },
          },
        },
        ifVersion: 3n,
      },
      as("writer"),
    );
    expect(lastAsked()).toEqual(overRest);
    expect(overRest?.[0]).toEqual(NAME);
  });

  it("comes with an idempotency key in the header or in the message", async () => {
    await search.api.rest("POST", `${PATH}/documents`, {
      key: "writer",
      body: '{"deletes":["a"]}',
      header: { "idempotency-key": "once" },
    });
    expect(asked.at(-1)?.arguments[2]).toMatchObject({ idempotencyKey: "once" });
    await search.post(`${PATH}/documents`, { deletes: ["a"], idempotency_key: "twice" });
    expect(asked.at(-1)?.arguments[2]).toMatchObject({ idempotencyKey: "twice" });
    const both = (body: object, inHeader: string) =>
      search.api.rest("POST", `${PATH}/documents`, {
        key: "writer",
        body: JSON.stringify({ deletes: ["a"], ...body }),
        header: { "idempotency-key": inHeader },
      });
    await both({}, "");
    expect(asked.at(-1)?.arguments[2]).not.toHaveProperty("idempotencyKey");
    await both({ idempotency_key: "twice" }, "twice");
    expect(asked.at(-1)?.arguments[2]).toMatchObject({ idempotencyKey: "twice" });
    expect(await both({ idempotency_key: "twice" }, "once")).toMatchObject({ status: 400 });
  });

  it("comes as one document a line, and as a stream", async () => {
    const body = '{"id":"a","text":{"title":"rocks"}}\n{"id":"b"}\n';
    const lines = await search.api.rest("POST", `${PATH}/documents`, {
      key: "writer",
      body,
      type: "application/x-ndjson",
    });
    expect(lines).toMatchObject({ status: 200, body: { version: 4, upserted: 2 } });
    expect(asked.at(-1)?.arguments[1]).toMatchObject({ upserts: [{ id: "a" }, { id: "b" }] });
    const stream = async function* () {
      yield DOCS;
      yield { ...DOCS, document: { id: { id: { case: "text" as const, value: "a" } } } };
    };
    expect(await search.documents.uploadDocuments(stream(), as("writer"))).toMatchObject({ upserted: 1 });
    const elsewhere = async function* () {
      yield DOCS;
      yield { ...DOCS, namespace: "others" };
    };
    expect(await codeOf(search.documents.uploadDocuments(elsewhere(), as("writer")))).toBe("InvalidArgument");
  });

  it("tells what kinds of numbers new attributes have, where the protocol does", async () => {
    const { engine } = new EngineWorld("number-kinds").engine();
    const api = await TestApi.start(engine);
    try {
      const documents = createClient(DocumentService, api.http2());
      const write = (attributes: Record<string, Value["kind"]>) =>
        documents.writeDocuments(
          {
            ...DOCS,
            upserts: [
              {
                id: { id: { case: "text", value: "a" } },
                attributes: Object.fromEntries(
                  Object.entries(attributes).map(([name, kind]) => [name, create(ValueSchema, { kind })]),
                ),
              },
            ],
          },
          as("writer"),
        );
      const listed = (...kinds: Value["kind"][]): Value["kind"] => ({
        case: "listValue",
        value: create(ValueListSchema, { values: kinds.map((kind) => create(ValueSchema, { kind })) }),
      });
      await engine.createNamespace(NAME, { schema: parseSchema({}) });
      await write({
        at: { case: "datetimeMs", value: 1000n },
        ratio: { case: "floatValue", value: 2 },
        count: { case: "intValue", value: 2n },
        mixed: listed({ case: "intValue", value: 2n }, { case: "floatValue", value: 2 }),
        times: listed({ case: "datetimeMs", value: 1n }),
      });
      const { schema } = await engine.getNamespace(NAME);
      expect([...schema.attributes].map(([name, { type }]) => [name, type])).toEqual([
        ["at", "datetime"],
        ["count", "int"],
        ["mixed", "float"],
        ["ratio", "float"],
        ["times", "datetime"],
      ]);
      const both = listed({ case: "datetimeMs", value: 1n }, { case: "intValue", value: 1n });
      expect(await codeOf(write({ other: both }))).toBe("InvalidArgument");
      expect(await codeOf(write({ times: both }))).toBe("ok");
    } finally {
      await api.close();
    }
  });

  it.each([
    ["a line that is no document", '{"id":"a"}\n{"id":[]}\n', "upserts[1].id"],
    ["a line that is no JSON", '{"id":"a"}\n{\n', "line 2"],
    ["a line after an empty one", '{"id":"a"}\n\n{\n', "line 3"],
    ["a line that is null", '{"id":"a"}\nnull\n', "line 2"],
  ])("is refused whole for %s", async (_, body, place) => {
    const refused = await search.api.rest("POST", `${PATH}/documents`, {
      key: "writer",
      body,
      type: "application/x-ndjson",
    });
    expect(refused).toMatchObject({ status: 400, body: { error: { code: "invalid_argument" } } });
    expect(JSON.stringify(refused.body)).toContain(place);
    expect(asked).toEqual([]);
  });

  it("is refused while its lines come when they are too large together", async () => {
    const half = "t".repeat(500_000);
    const body = Array.from(
      { length: 40 },
      (_, id) => `{"id":${id},"text":{"a":"${half}","b":"${half}"}}\n`,
    ).join("");
    const refused = await search.api.rest("POST", `${PATH}/documents`, {
      key: "writer",
      body,
      type: "application/x-ndjson",
    });
    expect(refused).toMatchObject({
      status: 413,
      body: { error: { code: "limit_exceeded", details: { limit: "batchBytes", most: "33554432" } } },
    });
    expect(asked).toEqual([]);
  });

  it("is refused with its limit when it is too large", async () => {
    const upserts = Array.from({ length: 10_001 }, (_, id) => ({ id }));
    expect(await search.post(`${PATH}/documents`, { upserts })).toMatchObject({
      status: 413,
      body: {
        error: {
          code: "limit_exceeded",
          details: { limit: "batchDocuments", most: "10000", given: "10001" },
        },
      },
    });
  });
});
