import { describe, expect, it } from "vitest";
import type { ObjectAttributes, ObjectInfo } from "../../object/index.ts";
import { objectHeaders } from "./object-headers.ts";

function headersOf(
  attributes: Partial<ObjectAttributes>,
  overrides: ReadonlyMap<string, string> = new Map(),
) {
  const info: ObjectInfo = {
    key: "k",
    versionId: undefined,
    size: 1,
    etag: "e",
    modifiedAtMs: 0,
    attributes: {
      contentType: "text/plain",
      headers: new Map(),
      userMetadata: new Map(),
      storageClass: "STANDARD",
      ...attributes,
    },
    checksum: undefined,
    checksumType: undefined,
    owner: { id: "o", displayName: "" },
    encryption: undefined,
    partsCount: undefined,
  };
  const pairs = objectHeaders(info, { request: new Map(), overrides, checksum: false });
  return new Map(pairs.flatMap((name, at) => (at % 2 === 0 ? [[name, pairs[at + 1]!]] : [])));
}

describe("an object that was stored with what no header can hold is shown without it", () => {
  it("names of metadata, which are counted", () => {
    const userMetadata = new Map([
      ["my name", "1"],
      ["größe", "2"],
      ["a\r\nb", "3"],
      ["fine", "4"],
    ]);
    const headers = headersOf({ userMetadata });
    expect(headers.get("x-amz-missing-meta")).toBe("3");
    expect([...headers.keys()].filter((name) => name.startsWith("x-amz-meta-"))).toEqual(["x-amz-meta-fine"]);
    expect(headersOf({ userMetadata: new Map([["fine", "4"]]) }).has("x-amz-missing-meta")).toBe(false);
  });

  it("values of headers", () => {
    const kept = new Map([
      ["content-disposition", "attachment;\n filename=x"],
      ["cache-control", "no-store"],
    ]);
    const headers = headersOf({ contentType: "text/plain\u0001", headers: kept });
    expect(headers.has("Content-Type")).toBe(false);
    expect(headers.has("Content-Disposition")).toBe(false);
    expect(headers.get("Cache-Control")).toBe("no-store");
  });

  it("values of metadata are encoded", () => {
    const headers = headersOf({ userMetadata: new Map([["lines", "one\ntwo"]]) });
    expect(headers.get("x-amz-meta-lines")).toBe(`=?UTF-8?B?${Buffer.from("one\ntwo").toString("base64")}?=`);
  });
});
