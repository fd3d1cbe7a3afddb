import { readFileSync } from "node:fs";
import * as sdk from "@aws-sdk/client-s3";
import { describe, expect, it } from "vitest";
import { createGate, type Principal, ROLES } from "../access/index.ts";
import { OBJECT_ERROR_CODES, ObjectError } from "../object/index.ts";
import { OBJECT_ERRORS, S3_ERRORS } from "./errors.ts";
import { S3_OPERATIONS, s3OperationRows } from "./operations.ts";
import { refusalOf, renderError } from "./render/error.ts";

describe("the table of operations", () => {
  it("has a row for every operation that the AWS SDK knows", () => {
    const commands = Object.keys(sdk)
      .filter((name) => name.endsWith("Command") && !name.startsWith("$"))
      .map((name) => name.slice(0, -"Command".length));
    expect(commands.length).toBeGreaterThan(100);
    expect(commands.filter((name) => !Object.hasOwn(S3_OPERATIONS, name))).toEqual([]);
  });

  it("is what the reference says", () => {
    const reference = readFileSync(new URL("../../docs/reference/s3.md", import.meta.url), "utf8");
    const table = reference.slice(reference.indexOf("## Operations"), reference.indexOf("## Authentication"));
    for (const [name, row] of Object.entries(S3_OPERATIONS)) {
      expect(table.includes(`\`${name}\``), name).toBe(row.supported);
    }
  });

  it("keeps writes from readers and lets each role do what the lower ones may", () => {
    const gate = createGate(s3OperationRows);
    const owner = { id: "0", displayName: "" };
    for (const row of s3OperationRows) {
      const request = { name: row.name, bucket: "b", key: "k" };
      const verdicts = ROLES.map((role): boolean => {
        const principal: Principal = { keyId: "k", role, buckets: undefined, owner };
        return gate.authorize(principal, request).kind === "allow";
      });
      expect(verdicts, row.name).toEqual([...verdicts].sort());
      expect(verdicts.at(-1), row.name).toBe(true);
      expect(gate.authorize(undefined, request).kind).toBe("deny");
      const writes = /^(Put|Create|Delete|Upload|Complete|Abort|Copy|Post|Rename|Restore|Update|Write)/;
      if (writes.test(row.name)) expect(row.leastRole, row.name).not.toBe("reader");
      const elsewhere: Principal = { keyId: "k", role: "admin", buckets: ["other"], owner };
      const scoped = gate.authorize(elsewhere, request).kind;
      expect(scoped, row.name).toBe(row.resource === "service" ? "allow" : "deny");
    }
  });
});

describe("the table of errors", () => {
  const context = { method: "GET", requestId: "R", hostId: "H", bucket: "b", key: "k" };

  it.each(OBJECT_ERROR_CODES)("knows what to say about %s", (code) => {
    const refusal = refusalOf(new ObjectError(code, "words of the object store", { details: { Fact: "1" } }));
    expect(refusal?.code).toBe(OBJECT_ERRORS[code].code);
    const { status, body } = renderError(refusal!, context);
    expect(status).toBe(S3_ERRORS[OBJECT_ERRORS[code].code].status);
    expect(status === 304 ? body.kind : body.kind === "text" && body.text).toMatch(
      status === 304
        ? /none/
        : new RegExp(`<Code>${refusal!.code}</Code><Message>.+</Message><Fact>1</Fact>`),
    );
  });

  it("shows nothing of errors that it does not know", () => {
    expect(refusalOf(new Error("ENOENT /secret/path"))).toBeUndefined();
    expect(refusalOf("a string")).toBeUndefined();
  });

  it("has a status of its own kind for every code", () => {
    for (const [code, row] of Object.entries(S3_ERRORS)) {
      expect(row.status >= 300 && row.status < 600, code).toBe(true);
      expect(row.message, code).not.toBe("");
    }
  });

  it("renders a whole document, and none for HEAD and 304", () => {
    const missing = refusalOf(new ObjectError("object-not-found", ""))!;
    expect(renderError(missing, { ...context, key: "a<b" })).toEqual({
      status: 404,
      headers: ["Content-Type", "application/xml", "x-amz-delete-marker", "false"],
      body: {
        kind: "text",
        text: '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>a&lt;b</Key><Resource>/b/a&lt;b</Resource><RequestId>R</RequestId><HostId>H</HostId></Error>',
      },
    });
    expect(renderError(missing, { ...context, method: "HEAD" }).body).toEqual({ kind: "none" });
    const details = { ETag: "e", LastModified: "0" };
    const same = refusalOf(new ObjectError("not-modified", "", { details }))!;
    expect(renderError(same, context)).toEqual({
      status: 304,
      headers: ["ETag", '"e"', "Last-Modified", "Thu, 01 Jan 1970 00:00:00 GMT"],
      body: { kind: "none" },
    });
  });
});
