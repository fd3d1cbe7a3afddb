/** Of the promise: one caller cannot take a node from the others, however it asks. */
import { describe, expect, it } from "vitest";
import type { Principal } from "../access/index.ts";
import { nodeLimits } from "./caller-limits.ts";
import { loadConfig } from "./config/index.ts";

const principal = (keyId: string, inflightLimit?: number): Principal => ({
  keyId,
  role: "writer",
  buckets: undefined,
  owner: { id: "o", displayName: "" },
  ...(inflightLimit !== undefined && { inflightLimit }),
});

function limits(text: string) {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs, wallMs: () => 0 };
  const config = loadConfig({ file: { path: "skerry.toml", text: `[limits]\n${text}` } });
  return { clock, limits: nodeLimits(config, clock) };
}

describe("requests a second", () => {
  it("are as many as the settings say, for each key", () => {
    const { clock, limits: node } = limits("requests_per_second_per_key = 4\nrequests_burst_per_key = 2");
    const kinds = (keyId: string, times: number) =>
      Array.from({ length: times }, () => node.take(principal(keyId), "192.0.2.1").kind);
    expect(kinds("a", 3)).toEqual(["allow", "allow", "limited"]);
    expect(node.take(principal("a"), "192.0.2.1")).toEqual({ kind: "limited", retryAfterMs: 250 });
    expect(kinds("b", 1)).toEqual(["allow"]);
    clock.nowMs += 250;
    expect(kinds("a", 2)).toEqual(["allow", "limited"]);
  });

  it("are not limited unless the settings say so", () => {
    const { limits: node } = limits("");
    for (let times = 0; times < 5000; times += 1) {
      expect(node.take(principal("a"), "192.0.2.1").kind).toBe("allow");
    }
  });
});

describe("requests under way", () => {
  it("are limited for the node, for each key, and for a key with a number of its own", () => {
    const { limits: node } = limits("requests_in_flight = 4\nrequests_in_flight_per_key = 2");
    const first = node.enter(principal("a"));
    expect([node.enter(principal("a")) !== undefined, node.enter(principal("a"))]).toEqual([true, undefined]);
    expect([node.enter(principal("b", 1)) !== undefined, node.enter(principal("b", 1))]).toEqual([
      true,
      undefined,
    ]);
    expect([node.enter(principal("c")) !== undefined, node.enter(principal("d"))]).toEqual([true, undefined]);
    first?.();
    expect(node.enter(principal("d"))).toBeDefined();
  });
});
