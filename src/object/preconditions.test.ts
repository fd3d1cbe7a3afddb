import { describe, expect, it } from "vitest";
import type { Preconditions } from "./index.ts";
import { ObjectRig } from "./testing/object-rig.ts";

const rig = ObjectRig.forEachTest();
const { get, put } = rig;

describe("conditional writes", () => {
  it("exactly one of many concurrent creators wins", async () => {
    const creators = Array.from({ length: 50 }, (_, index) =>
      put("once", `creator ${index}`, { preconditions: { ifNoneMatch: ["*"] } }).then(
        () => index,
        (error: { code: string }) => error.code,
      ),
    );
    const outcomes = await Promise.all(creators);
    const winners = outcomes.filter((outcome) => typeof outcome === "number");
    expect(winners).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "precondition-failed")).toHaveLength(49);
    expect(await get("once")).toBe(`creator ${winners[0]}`);
    expect(await rig.node.violations()).toEqual([]);
  });

  it("If-Match writes only over the version that was meant", async () => {
    const { etag } = await put("k", "one");
    await put("k", "two", { preconditions: { ifMatch: [etag] } });
    const late = put("k", "three", { preconditions: { ifMatch: [etag] } });
    await expect(late).rejects.toMatchObject({ code: "precondition-failed" });
    expect(await get("k")).toBe("two");
  });
});

describe("conditional reads (RFC 9110, section 13.2.2)", () => {
  it.each<[string, (etag: string) => Preconditions, string | undefined]>([
    ["If-Match of this version", (etag) => ({ ifMatch: [etag] }), undefined],
    ["If-Match of another", () => ({ ifMatch: ["x"] }), "precondition-failed"],
    ["If-None-Match of this version", (etag) => ({ ifNoneMatch: [etag] }), "not-modified"],
    ["If-None-Match of another", () => ({ ifNoneMatch: ["x"] }), undefined],
    ["If-Modified-Since the future", () => ({ ifModifiedSinceMs: Date.now() + 60_000 }), "not-modified"],
    ["If-Modified-Since long ago", () => ({ ifModifiedSinceMs: 0 }), undefined],
    ["If-Unmodified-Since long ago", () => ({ ifUnmodifiedSinceMs: 0 }), "precondition-failed"],
    [
      "If-Match beats If-Unmodified-Since",
      (etag) => ({ ifMatch: [etag], ifUnmodifiedSinceMs: 0 }),
      undefined,
    ],
  ])("%s", async (_, preconditions, code) => {
    const { etag } = await put("k", "content");
    const reading = get("k", { preconditions: preconditions(etag) });
    if (code === undefined) expect(await reading).toBe("content");
    else await expect(reading).rejects.toMatchObject({ code });
  });
});
