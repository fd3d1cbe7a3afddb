import { describe, expect, it } from "vitest";
import { type KeyReach, widerThan } from "./key-reach.ts";
import type { Principal } from "./types.ts";

const OWNER = { id: "o", displayName: "" };
const CLUSTER: Principal = { keyId: "c", role: "admin", buckets: undefined, owner: OWNER };
const PROJECT: Principal = { ...CLUSTER, keyId: "p", namespaces: ["acme/web"] };
const SLOWED: Principal = { ...PROJECT, keyId: "s", inflightLimit: 2 };
const KEY: KeyReach = {
  kind: "api",
  role: "writer",
  buckets: undefined,
  namespaces: ["acme/web/docs"],
  inflightLimit: 0,
};

describe("a key", () => {
  it("that is not limited to namespaces has every key up to its role", () => {
    for (const key of [
      KEY,
      { ...KEY, namespaces: undefined },
      { ...KEY, kind: "s3", role: "user" },
    ] as const) {
      expect(widerThan(CLUSTER, key)).toBeUndefined();
    }
    expect(widerThan({ ...CLUSTER, role: "writer" }, { ...KEY, role: "admin" })).toBe("role");
  });

  it("of a project has API keys of its namespaces and of nothing else", () => {
    expect(widerThan(PROJECT, KEY)).toBeUndefined();
    const others: readonly Partial<KeyReach>[] = [
      { namespaces: undefined },
      { namespaces: ["acme"] },
      { namespaces: ["acme/web", "acme/webs"] },
      { buckets: ["b"] },
      { kind: "s3" },
      { role: "user" },
    ];
    for (const other of others) {
      expect(widerThan(PROJECT, { ...KEY, ...other }), JSON.stringify(other)).toBe("scope");
    }
    expect(widerThan({ ...PROJECT, role: "reader" }, KEY)).toBe("role");
  });

  it("with a limit of requests under way has none with a greater one, or with the node's", () => {
    for (const [inflightLimit, wider] of [
      [0, "inflight"],
      [1, undefined],
      [2, undefined],
      [3, "inflight"],
    ] as const) {
      expect(widerThan(SLOWED, { ...KEY, inflightLimit }), `${inflightLimit}`).toBe(wider);
    }
    expect(widerThan(PROJECT, { ...KEY, inflightLimit: 3 })).toBeUndefined();
  });
});
