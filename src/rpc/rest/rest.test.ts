import { create, type Message } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import { createPrng } from "../../base/index.ts";
import {
  CreateKeyRequestSchema,
  GetStatusResponseSchema,
  KeyKind,
  ListKeysResponseSchema,
  Role,
} from "../../gen/skerry/admin/v1/admin_pb.js";
import { GetObjectResponseSchema, ObjectSchema } from "../../gen/skerry/storage/v1/storage_pb.js";
import { JsonError } from "./json-error.ts";
import { jsonForms } from "./json-form.ts";
import { formatJson, type Json, parseJson } from "./json-text.ts";
import { matchPath, parsePathTemplate } from "./path-template.ts";
import { readMessage } from "./read-message.ts";
import { readLines } from "./request-body.ts";
import { writeMessage } from "./write-message.ts";

const NO_FORMS = jsonForms([]);
const bytes = (text: string) => new TextEncoder().encode(text);
const parse = (text: string) => parseJson(bytes(text));

describe("a path", () => {
  const match = (template: string, path: string) => {
    const found = matchPath(parsePathTemplate(template), path.slice(1).split("/"));
    return found === undefined ? undefined : Object.fromEntries(found);
  };

  it.each([
    ["/v1/keys", "/v1/keys", {}],
    ["/v1/keys", "/v1/keys/", undefined],
    ["/v1/keys/{id}", "/v1/keys/a", { id: "a" }],
    ["/v1/keys/{id}", "/v1/keys/", undefined],
    ["/v1/keys/{id}", "/v1/keys/a/b", undefined],
    ["/v1/keys/{id}", "/v1/keys/a%2Fb%20c", { id: "a/b c" }],
    ["/v1/keys/{id}", "/v1/keys/%ff", undefined],
    ["/v1/keys/{id}/rotate", "/v1/keys/a/rotate", { id: "a" }],
    ["/v1/{a}/x/{b}", "/v1/1/x/2", { a: "1", b: "2" }],
    ["/v1/o/{key=**}", "/v1/o/a/b%2F/c", { key: "a/b//c" }],
    ["/v1/o/{key=**}", "/v1/o", undefined],
  ])("%s of %s", (template, path, variables) => {
    expect(match(template, path)).toEqual(variables);
  });

  it.each(["v1", "/{Upper}", "/{a=*}", "/{a=**}/b", "/a b"])("template %s is refused", (template) => {
    expect(() => parsePathTemplate(template)).toThrow();
  });
});

describe("JSON", () => {
  it("keeps whole numbers that a double would change", () => {
    expect(
      parse(
        '{"a":9007199254740993,"b":[-18446744073709551615],"c":1234567890123456,"d":0.12345678901234566}',
      ),
    ).toEqual({
      a: 9007199254740993n,
      b: [-18446744073709551615n],
      c: 1234567890123456,
      d: 0.12345678901234566,
    });
    expect(formatJson({ a: 9007199254740993n, b: [1n] })).toBe('{"a":9007199254740993,"b":[1]}');
  });

  it.each(["", "{", '{"a":}', "[1,]", "nul", `${"[".repeat(1000)}${"]".repeat(1000)}`])(
    "refuses %s",
    (text) => {
      expect(() => parse(text)).toThrow(JsonError);
    },
  );

  it("refuses what is no UTF-8", () => {
    expect(() => parseJson(new Uint8Array([0x22, 0xff, 0x22]))).toThrow("not UTF-8");
  });

  it("does not count brackets inside strings", () => {
    const text = JSON.stringify({ a: "[".repeat(1000), b: `\\"${"{".repeat(1000)}` });
    expect(parse(text)).toEqual(JSON.parse(text));
  });

  it("counts the brackets outside strings, whatever the strings are", () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    const nested = (depth: number, text: string): string =>
      depth === 0 ? JSON.stringify(text) : `[${JSON.stringify(text)},${nested(depth - 1, text)}]`;
    for (let round = 0; round < 200; round++) {
      const text = Array.from({ length: random.below(12) }, () =>
        random.pick(['"', "\\", "[", "}", "a"]),
      ).join("");
      expect(parse(nested(128, text))).toEqual(JSON.parse(nested(128, text)));
      expect(() => parse(nested(129, text))).toThrow("nests deeper than 128 levels");
    }
  });

  it("comes in lines, wherever the pieces are cut", async () => {
    const seed = Date.now();
    console.log(`seed ${seed}`);
    const random = createPrng(seed);
    const whole = bytes('{"a":1}\n\n  \r\n{"b":"ü"}\r\n{"c":3}');
    for (let round = 0; round < 50; round++) {
      const pieces = async function* () {
        for (let at = 0; at < whole.length; ) {
          const length = random.between(1, 9);
          yield whole.subarray(at, at + length);
          at += length;
        }
      };
      const lines: Json[] = [];
      for await (const line of readLines(pieces(), 20)) lines.push([line.number, parseJson(line.bytes)]);
      expect(lines).toEqual([
        [1, { a: 1 }],
        [4, { b: "ü" }],
        [5, { c: 3 }],
      ]);
    }
    const long = (async function* () {
      yield bytes("x".repeat(15));
      yield bytes("x".repeat(15));
    })();
    const reading = async () => {
      for await (const line of readLines(long, 20)) expect(line).toBeUndefined();
    };
    await expect(reading()).rejects.toThrow("20 bytes");
  });
});

describe("a message", () => {
  const messages: [string, Message][] = [
    [
      "scalars, enums and lists",
      create(CreateKeyRequestSchema, { kind: KeyKind.API, role: Role.ADMIN, buckets: ["a", "b"] }),
    ],
    ["messages in lists", create(ListKeysResponseSchema, { keys: [{ keyId: "x", createdAtMs: -5n }, {}] })],
    [
      "messages in messages",
      create(GetStatusResponseSchema, { raft: { term: 2n ** 64n - 1n, voters: [1n, 2n ** 60n] } }),
    ],
    ["maps", create(ObjectSchema, { userMetadata: { a: "1", "": "2" }, size: 7n })],
    [
      "an alternative that is a message",
      create(GetObjectResponseSchema, { part: { case: "object", value: { key: "k" } } }),
    ],
    [
      "an alternative that is bytes",
      create(GetObjectResponseSchema, { part: { case: "data", value: new Uint8Array([1, 2, 250]) } }),
    ],
    [
      "an empty alternative",
      create(GetObjectResponseSchema, { part: { case: "data", value: new Uint8Array() } }),
    ],
  ];
  const schemas = [
    CreateKeyRequestSchema,
    ListKeysResponseSchema,
    GetStatusResponseSchema,
    ObjectSchema,
    GetObjectResponseSchema,
  ];

  it.each(messages)("with %s is the same after its JSON was read", (_, message) => {
    const type = schemas.find(({ typeName }) => typeName === message.$typeName);
    if (type === undefined) throw new Error(message.$typeName);
    const text = formatJson(writeMessage(type, message, NO_FORMS));
    expect(readMessage(type, parse(text), NO_FORMS)).toEqual(message);
  });

  it("has its fields by the protos' names, also the empty ones", () => {
    const json = writeMessage(
      CreateKeyRequestSchema,
      create(CreateKeyRequestSchema, { role: Role.USER }),
      NO_FORMS,
    );
    expect(json).toEqual({
      role: "user",
      description: "",
      buckets: [],
      owner_display_name: "",
      user: "",
      inflight_limit: 0,
      namespaces: [],
    });
  });

  it.each([
    ['{"kind":"S3"}', 'kind: one of "s3", "api" is wanted here'],
    ['{"buckets":"a"}', "buckets: an array is wanted here, not a string"],
    ['{"buckets":["a",{}]}', "buckets[1]: a string is wanted here, not an object"],
    ['{"inflight_limit":-1}', "inflight_limit: a whole number from 0 to 4294967295 is wanted here"],
    ['{"inflight_limit":1.5}', "inflight_limit: a whole number"],
    ['{"inflightLimit":1}', "inflightLimit: there is no field of this name"],
    ['{"user":"\\ud800"}', "user: this string has a lone surrogate"],
    ["[]", "an object is wanted here, not an array"],
  ])("is not read from %s", (text, message) => {
    expect(() => readMessage(CreateKeyRequestSchema, parse(text), NO_FORMS)).toThrow(message);
  });

  it("has one alternative", () => {
    const text = '{"object":{"key":"a"},"data":"AA=="}';
    expect(() => readMessage(GetObjectResponseSchema, parse(text), NO_FORMS)).toThrow(
      "data: only one of object, data may be given",
    );
    expect(() => readMessage(GetObjectResponseSchema, parse('{"data":"?"}'), NO_FORMS)).toThrow("base64");
  });
});
