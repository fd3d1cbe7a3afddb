/** The promise: a body that is held costs a small multiple of its bytes, in however small pieces it comes. */
import { describe, expect, it } from "vitest";
import { heldBytes } from "../../base/testing/held-memory.ts";
import { PlainHasher } from "../../platform/node/index.ts";
import { NOBODY } from "../authorize/anonymous.ts";
import type { S3Request } from "../http.ts";
import { readForm } from "../post/post-object.ts";
import { readQuery } from "../query/endpoint.ts";
import { holdBody } from "./held-body.ts";
import { readWholeBody } from "./whole-body.ts";

const COUNT = 200_000;
const GREATEST_MULTIPLE = 8;

const requestOf = (body: AsyncIterable<Uint8Array>, contentType = ""): S3Request =>
  ({ body, headers: new Map([["content-type", contentType]]) }) as unknown as S3Request;

const readers: readonly [string, (pieces: AsyncIterable<Uint8Array>) => Promise<unknown>][] = [
  [
    "a call of IAM",
    (pieces) => readQuery(requestOf(pieces), { monotonicMs: () => 0 }).catch((error: unknown) => error),
  ],
  [
    "a body of unknown length",
    (pieces) =>
      holdBody(requestOf(pieces), new Map(), {
        principal: NOBODY,
        payload: { kind: "unsigned" },
        chain: undefined,
      }),
  ],
  [
    "a document",
    (pieces) => readWholeBody({ sizeBytes: COUNT, bytes: pieces, expected: {} }, new PlainHasher()),
  ],
  [
    "the file of a form",
    (pieces) => {
      async function* form(): AsyncGenerator<Uint8Array> {
        const field = `--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n`;
        yield Buffer.from(`${field}--b\r\nContent-Disposition: form-data; name="file"\r\n\r\n`);
        yield* pieces;
        yield Buffer.from("\r\n--b--\r\n");
      }
      return readForm(requestOf(form(), "multipart/form-data; boundary=b"), "bkt");
    },
  ],
];

describe("what is held of a body of single bytes", () => {
  it.each(readers)("is little: %s", async (_what, read) => {
    expect(await heldBytes(COUNT, read)).toBeLessThan(GREATEST_MULTIPLE * COUNT);
  });
});
