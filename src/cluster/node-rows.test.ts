import { describe, expect, test } from "vitest";
import { faultOf, formatAddress, type NodeDescription, parseAddress } from "./node-rows.ts";

const good: NodeDescription = {
  name: "node-1",
  zone: "rack-a",
  incarnation: "0123456789abcdef0123456789abcdef",
  peerAddress: "10.0.0.1:7400",
  s3Address: "",
  apiAddress: "[2001:db8::1]:8080",
  roles: ["meta", "storage"],
  weight: 100,
};

describe("what a node says about itself", () => {
  test("is fine", () => {
    expect(faultOf(good)).toBeUndefined();
    expect(faultOf({ ...good, weight: 0, roles: ["gateway"] })).toBeUndefined();
  });

  test.each<[string, Partial<NodeDescription>]>([
    ["name", { name: "" }],
    ["name", { name: "-a" }],
    ["name", { name: "a/b" }],
    ["name", { name: "a".repeat(64) }],
    ["zone", { zone: "" }],
    ["incarnation", { incarnation: "xyz" }],
    ["incarnation", { incarnation: good.incarnation.toUpperCase() }],
    ["peer address", { peerAddress: "" }],
    ["peer address", { peerAddress: "10.0.0.1" }],
    ["address", { s3Address: "somewhere" }],
    ["address", { apiAddress: "host:0" }],
    ["role", { roles: [] }],
    ["role", { roles: ["meta", "meta"] }],
    ["roles", { roles: ["king"] }],
    ["weight", { weight: -1 }],
    ["weight", { weight: 1.5 }],
    ["weight", { weight: Number.NaN }],
    ["weight", { weight: 1e12 }],
  ])("%s is refused: %j", (word, change) => {
    expect(faultOf({ ...good, ...change })).toContain(word);
  });
});

describe("addresses", () => {
  test.each([
    ["localhost:7400", { host: "localhost", port: 7400 }],
    ["10.0.0.1:1", { host: "10.0.0.1", port: 1 }],
    ["node-1.example.org:65535", { host: "node-1.example.org", port: 65_535 }],
    ["[::1]:7400", { host: "::1", port: 7400 }],
  ])("%s", (text, address) => {
    expect(parseAddress(text)).toEqual(address);
    expect(formatAddress(address)).toBe(text);
  });

  test.each([
    "",
    ":1",
    "host",
    "host:",
    "host:0",
    "host:65536",
    "host:-1",
    "host:1x",
    "a b:1",
    "::1:7400",
    "[::1]",
    "http://a:1",
    "a/b:1",
  ])("%j is none", (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});
