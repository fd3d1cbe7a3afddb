import { expect, test } from "vitest";
import type { SupportedOperation } from "../operation.ts";
import { parseRequest } from "../parse/parse-request.ts";
import { expectedOwners } from "./expected-owners.ts";

function operationOf(method: string, target: string, headers: Readonly<Record<string, string>>) {
  const parsed = parseRequest(
    { method, target, headers: new Map(Object.entries(headers)) },
    { baseDomains: [] },
  );
  if (parsed.kind !== "operation") throw parsed.refusal;
  return parsed.operation as SupportedOperation;
}

const COPY = { "x-amz-copy-source": "/source/k" };
const OWNER = { "x-amz-expected-bucket-owner": "a" };
const SOURCE_OWNER = { "x-amz-source-expected-bucket-owner": "b" };

test.each([
  ["nothing is said", "GET", "/bkt/k", {}, []],
  ["of the bucket", "GET", "/bkt/k", OWNER, [{ bucket: "bkt", expectedOwner: "a" }]],
  [
    "of a copy's source",
    "PUT",
    "/bkt/k",
    { ...COPY, ...SOURCE_OWNER },
    [{ bucket: "source", expectedOwner: "b" }],
  ],
  [
    "of both",
    "PUT",
    "/bkt/k",
    { ...COPY, ...OWNER, ...SOURCE_OWNER },
    [
      { bucket: "bkt", expectedOwner: "a" },
      { bucket: "source", expectedOwner: "b" },
    ],
  ],
  ["a source is only a copy's", "PUT", "/bkt/k", SOURCE_OWNER, []],
  ["a bucket that is yet to be made has none", "PUT", "/bkt", OWNER, []],
])("%s", (_, method, target, headers, expected) => {
  expect(expectedOwners(operationOf(method, target, headers))).toEqual(expected);
});
