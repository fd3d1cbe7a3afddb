/** Of the promise: one caller cannot take a node from the others, however it asks. */
import { describe, expect, it } from "vitest";
import type { Principal } from "../access/index.ts";
import { createMetrics, SILENT_LOGGER } from "../observe/index.ts";
import { NodeRandom } from "../platform/node/index.ts";
import {
  createLimitsMemory,
  type LimitsMemory,
  nodeLimits,
  replayGuard,
  showReplays,
} from "./caller-limits.ts";
import { loadConfig } from "./config/index.ts";

const principal = (keyId: string, inflightLimit?: number): Principal => ({
  keyId,
  role: "writer",
  buckets: undefined,
  owner: { id: "o", displayName: "" },
  ...(inflightLimit !== undefined && { inflightLimit }),
});

/** What one of a node's threads has. Another one: with the memory of the first. */
function thread(text: string, handedOver?: LimitsMemory) {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs, wallMs: () => 0 };
  const metrics = createMetrics();
  const config = loadConfig({ file: { path: "skerry.toml", text } });
  const memory = handedOver ?? createLimitsMemory(config, new NodeRandom());
  return { config, clock, metrics, logger: SILENT_LOGGER, memory };
}

function limits(text: string) {
  const options = thread(`[limits]\n${text}`);
  return { ...options, limits: nodeLimits(options) };
}

describe("requests a second", () => {
  it("are as many as the settings say, for each key", () => {
    const { clock, limits: node } = limits("requests_per_second_per_key = 4\nrequests_burst_per_key = 2");
    const kinds = (keyId: string, times: number) =>
      Array.from({ length: times }, () => node.take(principal(keyId), "192.0.2.1").kind);
    expect(kinds("a", 3)).toEqual(["allow", "allow", "limited"]);
    expect(node.take(principal("a"), "192.0.2.1")).toEqual({
      kind: "limited",
      of: "caller",
      retryAfterMs: 250,
    });
    expect(kinds("b", 1)).toEqual(["allow"]);
    clock.nowMs += 250;
    expect(kinds("a", 2)).toEqual(["allow", "limited"]);
  });

  it("are as many for an organization, whichever of its keys they are of; one that is over its own takes none of them", async () => {
    const {
      clock,
      metrics,
      limits: node,
    } = limits(
      [
        "requests_per_second_per_key = 1\nrequests_burst_per_key = 2",
        "requests_per_second_per_organization = 2\nrequests_burst_per_organization = 4",
      ].join("\n"),
    );
    const take = (keyId: string, ...organizations: string[]) => {
      const decision = node.take(principal(keyId), "192.0.2.1", organizations);
      return decision.kind === "limited" ? decision.of : "allow";
    };
    expect([take("a", "acme"), take("a", "acme"), take("a", "acme"), take("a", "acme")]).toEqual([
      "allow",
      "allow",
      "caller",
      "caller",
    ]);
    expect([take("b", "acme"), take("c", "acme"), take("d", "acme")]).toEqual([
      "allow",
      "allow",
      "organization",
    ]);
    // Of two organizations both count; requests for none, and for others, go on.
    expect([take("e", "other", "acme"), take("f"), take("g", "other")]).toEqual([
      "organization",
      "allow",
      "allow",
    ]);
    expect(node.take(principal("h"), "192.0.2.1", ["acme"])).toEqual({
      kind: "limited",
      of: "organization",
      retryAfterMs: 500,
    });
    clock.nowMs += 500;
    expect([take("i", "acme"), take("j", "acme")]).toEqual(["allow", "organization"]);
    const { body: shown } = await metrics.render();
    expect(shown).toContain('skerry_request_rate_refusals_total{of="caller"} 2');
    expect(shown).toContain('skerry_request_rate_refusals_total{of="organization"} 4');
  });

  it("are not limited unless the settings say so", () => {
    const { limits: node } = limits("");
    for (let times = 0; times < 5000; times += 1) {
      expect(node.take(principal("a"), "192.0.2.1", ["acme"]).kind).toBe("allow");
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

describe("the threads of a node", () => {
  it("count callers together", () => {
    const text = [
      "[limits]\nrequests_in_flight_per_key = 2\nfailed_authentications_burst = 2",
      "requests_per_second_per_key = 1\nrequests_burst_per_key = 2",
      "requests_per_second_per_organization = 1\nrequests_burst_per_organization = 3",
    ].join("\n");
    const first = thread(text);
    const nodes = [first, thread(text, first.memory)].map(nodeLimits);
    const all = [...nodes, ...nodes];
    const leaves = all.map((node) => node.enter(principal("a")));
    expect(leaves.map((leave) => leave !== undefined)).toEqual([true, true, false, false]);
    for (const leave of leaves) leave?.();
    expect(all.map((node) => node.enter(principal("a")) !== undefined)).toEqual([true, true, false, false]);
    expect(all.map((node) => node.failedAuthentication("192.0.2.1", "a").kind)).toEqual([
      "allow",
      "allow",
      "limited",
      "limited",
    ]);
    expect(all.map((node) => node.take(principal("a"), "", ["acme"]).kind)).toEqual([
      "allow",
      "allow",
      "limited",
      "limited",
    ]);
    const others = all.map((node, i) => node.take(principal(`other ${i}`), "", ["acme"]).kind);
    expect(others).toEqual(["allow", "limited", "limited", "limited"]);
  });

  it("refuse a request that comes again to another one, and show the numbers once", async () => {
    const text = '[s3]\nreplays = "block"';
    const main = thread(text);
    const other = thread(text, main.memory);
    const guard = replayGuard(main);
    const otherGuard = replayGuard(other);
    if (guard === undefined || otherGuard === undefined) throw new Error("replays are allowed");
    showReplays(main.metrics, guard);
    const forget = guard.enter("signature", 1_000);
    expect(otherGuard.enter("signature", 1_000)).toBeUndefined();
    expect([guard.replays(), guard.remembered(), guard.forgottenEarly()]).toEqual([1, 1, 0]);
    const [shown, shownByOther] = await Promise.all([main.metrics.render(), other.metrics.render()]);
    expect(shown.body).toContain("skerry_replay_signatures 1");
    expect(shownByOther.body).not.toContain("skerry_replay_signatures 1");
    expect(shownByOther.body).toContain('skerry_replays_total{decision="blocked"} 1');
    forget?.();
    expect(otherGuard.enter("signature", 1_000)).toBeDefined();
  });

  it("have no memory for what is not limited", () => {
    const { memory } = thread("");
    expect([memory.callers, memory.organizations, memory.replays]).toEqual([undefined, undefined, undefined]);
    expect(replayGuard(thread(""))).toBeUndefined();
  });
});
