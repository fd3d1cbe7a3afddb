import { describe, expect, it } from "vitest";
import type { Document } from "../model/document.ts";
import { EVERY_FIELD } from "../testing/random-documents.ts";
import { bindQuery } from "./bind-query.ts";
import { fragmentsOf, highlightedFields, highlighter } from "./highlight.ts";
import { parseQuery } from "./parse-query.ts";

const NONE = new Map<string, never>();

function shown(plain: unknown, text: Record<string, string>): Record<string, readonly string[]> {
  const query = bindQuery(parseQuery(plain), EVERY_FIELD);
  const document: Document = {
    id: 1n,
    vectors: NONE,
    sparse: NONE,
    attributes: NONE,
    text: new Map(Object.entries(text)),
  };
  return Object.fromEntries(highlighter(query, EVERY_FIELD)?.(document) ?? []);
}

describe("a highlight", () => {
  it("marks the words that stand for the query's terms", () => {
    const text = { title: "Seals rest on the rock", body: "A rock. No animal." };
    expect(shown({ text: "seal rocks", highlight: true }, text)).toEqual({
      title: ["<em>Seals</em> rest on the <em>rock</em>"],
      body: ["A <em>rock</em>. No animal."],
    });
    expect(shown({ text: "seal", highlight: { fields: ["title"], before: "[", after: "]" } }, text)).toEqual({
      title: ["[Seals] rest on the rock"],
    });
    expect(shown({ text: { query: "re", last_as_prefix: true }, highlight: true }, text).title).toEqual([
      "Seals <em>rest</em> on the rock",
    ]);
    expect(shown({ text: { query: "animal", fields: ["title"] }, highlight: true }, text)).toEqual({});
  });

  it("shows the parts of a long text with the most matches, in their order", () => {
    const far = "x ".repeat(200);
    const body = `tide ${far}tide and storm ${far}storm tide storm`;
    const highlight = { fragments: 2, characters: 40 };
    const { body: fragments } = shown({ text: "tide storm", highlight }, { body });
    expect(fragments?.length).toBe(2);
    expect(fragments?.[0]).toContain("<em>tide</em> and <em>storm</em>");
    expect(fragments?.[1]).toContain("<em>storm</em> <em>tide</em> <em>storm</em>");
    for (const fragment of fragments ?? [])
      expect(fragment.replaceAll(/<\/?em>/g, "").length).toBeLessThanOrEqual(41);
  });

  it("cuts no character in two", () => {
    for (let characters = 1; characters < 40; characters++) {
      const { body } = shown(
        { text: "tide", highlight: { characters, fragments: 16 } },
        { body: "\u{1f600}\u{1f600} tide \u{1f600}\u{1f600}\u{1f600} tide \u{1f600}tide" },
      );
      for (const fragment of body ?? []) expect(fragment.isWellFormed()).toBe(true);
      expect(body?.join("").match(/<em>tide<\/em>/g)?.length).toBe(3);
    }
  });

  it("of single characters of a script without spaces marks what begins with one of them", () => {
    expect(shown({ text: "海 岩 x", highlight: true }, { title: "北海の岩 x岩" })).toEqual({
      title: ["北<em>海の</em><em>岩</em> <em>x</em><em>岩</em>"],
    });
  });

  it("looks at each match once or twice, however many there are", () => {
    const words = 20_000;
    const text = "tide ".repeat(words);
    for (const fragmentCharacters of [1, 40, 1_024]) {
      let looks = 0;
      const tokens = Array.from({ length: words }, (_, position) => ({
        term: "tide",
        position,
        start: position * 5,
        get end() {
          looks++;
          return position * 5 + 4;
        },
      }));
      const highlight = { fragments: 3, fragmentCharacters, before: "[", after: "]" };
      expect(fragmentsOf(text, tokens, highlight)).toHaveLength(3);
      expect(looks).toBeLessThan(5 * words);
    }
  });

  it("is of the fields of the text legs unless others are named", () => {
    const fields = (plain: unknown) => highlightedFields(parseQuery(plain), EVERY_FIELD);
    expect(fields({ text: "x", highlight: true })).toEqual(["title", "body"]);
    expect(fields({ text: { query: "x", fields: ["body"] }, highlight: true })).toEqual(["body"]);
    expect(fields({ text: "x" })).toEqual([]);
  });
});
