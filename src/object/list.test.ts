import { beforeEach, describe, expect, it } from "vitest";
import { ObjectRig } from "./testing/object-rig.ts";

const rig = ObjectRig.forEachTest();
const { keysOf, put } = rig;

describe("lists", () => {
  const names = ["a", "b/1", "b/2", "b/c/3", "c", "d/1", "é", "\u{10000}", "\uffee"];

  beforeEach(async () => {
    for (const name of [...names].reverse()) await put(name, name);
  });

  it("are in the order of UTF-8 bytes", async () => {
    expect((await keysOf("")).keys).toEqual([
      "a",
      "b/1",
      "b/2",
      "b/c/3",
      "c",
      "d/1",
      "é",
      "\uffee",
      "\u{10000}",
    ]);
  });

  it("fold keys behind a delimiter", async () => {
    expect(await keysOf("/")).toEqual({
      keys: ["a", "c", "é", "\uffee", "\u{10000}"],
      prefixes: ["b/", "d/"],
      next: undefined,
    });
    expect(await keysOf("/", { prefix: "b/" })).toMatchObject({ keys: ["b/1", "b/2"], prefixes: ["b/c/"] });
  });

  it.each([1, 2, 3, 4, 5, 6, 7])("pages of %i give every key and prefix once, in order", async (limit) => {
    for (const delimiter of ["", "/"]) {
      const whole = await keysOf(delimiter);
      const seen = { keys: [] as string[], prefixes: [] as string[] };
      let after = "";
      for (let pages = 0; pages < 20; pages++) {
        const page = await keysOf(delimiter, { after, limit });
        seen.keys.push(...page.keys);
        seen.prefixes.push(...page.prefixes);
        if (page.next === undefined) break;
        expect(page.keys.length + page.prefixes.length).toBe(limit);
        after = page.next;
      }
      expect(seen).toEqual({ keys: whole.keys, prefixes: whole.prefixes });
    }
  });

  it("do not list a common prefix again that the page before ended in", async () => {
    expect(await keysOf("/", { after: "b/" })).toMatchObject({
      keys: ["c", "é", "\uffee", "\u{10000}"],
      prefixes: ["d/"],
    });
    expect(await keysOf("/", { after: "b/1" })).toMatchObject({ prefixes: ["d/"] });
  });

  it("of nothing are empty, and of a bucket that is not there refused", async () => {
    expect(await keysOf("", { prefix: "zzz" })).toEqual({ keys: [], prefixes: [], next: undefined });
    expect(await keysOf("", { limit: 0 })).toEqual({ keys: [], prefixes: [], next: undefined });
    const missing = rig.node.objects.listObjects({
      bucket: "missing",
      prefix: "",
      delimiter: "",
      after: "",
      limit: 10,
    });
    await expect(missing).rejects.toMatchObject({ code: "bucket-not-found" });
  });

  it("jump over a prefix with more keys than a page of rows", async () => {
    for (let index = 0; index < 200; index++) await put(`b/many/${index}`, "x");
    expect(await keysOf("/")).toMatchObject({ prefixes: ["b/", "d/"] });
  });
});
