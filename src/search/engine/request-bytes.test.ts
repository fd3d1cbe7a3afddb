import { expect, it } from "vitest";
import { parseBatch } from "../model/parse-batch.ts";
import { requestBytes } from "./request-bytes.ts";

const bytesOf = (plain: unknown) => Buffer.from(requestBytes(parseBatch(plain))).toString("hex");
const document = { id: 1, vectors: { a: [1, 2], b: [3] }, sparse: { s: { indices: [1], values: [2] } } };

it("the same request has the same bytes, however its fields are ordered", () => {
  const turned = { sparse: document.sparse, vectors: { a: [1, 2], b: [3] }, id: 1 };
  expect(bytesOf({ upserts: [turned] })).toBe(bytesOf({ upserts: [document] }));
});

it.each([
  [{ ...document, id: "1" }],
  [{ ...document, vectors: { a: [1], b: [2, 3] } }],
  [{ ...document, vectors: { a: [1, 2], b: [4] } }],
  [{ ...document, vectors: { a: [1, 2], c: [3] } }],
  [{ ...document, sparse: { s: { indices: [1], values: [3] } } }],
  [{ ...document, sparse: { s: { indices: [2], values: [2] } } }],
  [{ ...document, attributes: { year: 1 } }],
])("another request has others: %j", (other) => {
  expect(bytesOf({ upserts: [other] })).not.toBe(bytesOf({ upserts: [document] }));
});

it("are the same whether the protocol tells kinds of numbers or not", () => {
  const batch = parseBatch({ upserts: [{ id: 1, attributes: { at: 5 } }] });
  const told = { ...batch, numberKinds: new Map([["at", new Set(["datetime"] as const)]]) };
  expect(requestBytes(told)).toEqual(requestBytes(batch));
});
