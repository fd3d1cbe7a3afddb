import { expect, test } from "vitest";
import type { Principal } from "../../access/index.ts";
import { EngineWorld } from "../../search/engine/testing/engine-world.ts";
import { parseSchema } from "../../search/index.ts";
import { visibleNamespaces } from "./visible-namespaces.ts";

const WEB = { org: "acme", project: "web" };

async function pages(scopes: readonly string[], limit: number, more: { readonly prefix?: string } = {}) {
  const { engine } = new EngineWorld("visible-namespaces").engine();
  for (const name of ["a", "docs", "docs-2", "notes", "z"])
    await engine.createNamespace({ ...WEB, name }, { schema: parseSchema({}) });
  const principal = { namespaces: scopes } as Principal;
  const found: (readonly string[])[] = [];
  for (let after = ""; ; ) {
    const page = await visibleNamespaces(engine, principal, { ...WEB, prefix: "", after, limit, ...more });
    found.push(page.map(({ name }) => name.name));
    const last = page.at(-1);
    if (page.length < limit || last === undefined) return found;
    after = last.name.name;
  }
}

test.for([
  ["a project that it reaches nothing in", ["other", "acme/other", "acme/webs/docs"], [[]]],
  ["namespaces of it", ["acme/web/notes", "acme/web/docs", "acme/web/none"], [["docs"], ["notes"], []]],
  ["the whole of it", ["acme", "acme/web/z"], [["a"], ["docs"], ["docs-2"], ["notes"], ["z"], []]],
] as const)("a key that is limited to %s sees pages of those alone", async ([, scopes, expected]) => {
  expect(await pages(scopes, 1)).toEqual(expected);
});

test("pages of some namespaces keep to their size and to the prefix", async () => {
  const scopes = ["acme/web/docs", "acme/web/docs-2", "acme/web/notes"];
  expect(await pages(scopes, 2)).toEqual([["docs", "docs-2"], ["notes"]]);
  expect(await pages(scopes, 10, { prefix: "docs" })).toEqual([["docs", "docs-2"]]);
});
