import { expect, it } from "vitest";
import { canonicalRequest, signedHeadersOf } from "./canonical-request.ts";

it.each([
  ["a letter whose last byte Latin-1 has as a space", "voilà", "voilà"],
  ["blanks around it", " \t voilà \t", "voilà"],
  ["spaces in it", " a  b   c ", "a b c"],
  ["spaces that are no spaces of ASCII", "a\u00a0\u00a0b\u2003", "a\u00a0\u00a0b\u2003"],
])("the value of a signed header loses blanks and nothing else: %s", (_, value, expected) => {
  const bytes = (text: string) => Buffer.from(text, "utf8").toString("latin1");
  const text = canonicalRequest({
    method: "PUT",
    path: "/",
    query: new Map(),
    headers: new Map([["x-amz-meta-v", bytes(value)]]),
    signedHeaders: signedHeadersOf("x-amz-meta-v"),
    payloadHash: "hash",
  });
  expect(text).toBe(`PUT\n/\n\nx-amz-meta-v:${bytes(expected)}\n\nx-amz-meta-v\nhash`);
});
