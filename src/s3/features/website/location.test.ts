/** The promise: whatever is asked for, and whatever an owner wrote, a redirection is one URL of one line, to the host that the rule or the request names. */
import fc from "fast-check";
import { expect, it } from "vitest";
import {
  redirectionOfAll,
  redirectionOfObject,
  redirectionOfRule,
  redirectionToDirectory,
} from "./location.ts";
import type { Visit } from "./visit.ts";
import type { KeyReplacement } from "./website.ts";

const anyText = fc.string({ unit: "binary", maxLength: 20 });
const anyVisit = anyText.map(
  (key): Visit => ({
    operation: "GetObject",
    target: { rawPath: "/", path: "/", query: new Map(), bucket: "b", key },
    bucket: "b",
    key,
    query: "",
    host: "b.web.example:80",
    protocol: "https",
    headers: new Map(),
  }),
);
const anyReplacement = fc
  .tuple(fc.constantFrom("prefix" as const, "whole" as const), anyText)
  .map(([kind, text]): KeyReplacement => ({ kind, text }));

const URL_TEXT = /^[\x21-\x7e]*$/;

it("of everything, of a rule and to a directory", () => {
  fc.assert(
    fc.property(anyVisit, anyReplacement, (visit, key) => {
      const all = redirectionOfAll({ kind: "redirect", hostName: "new.example" }, visit).location;
      const kept = redirectionOfRule({ condition: {}, redirect: { key } }, visit).location;
      const named = redirectionOfRule(
        { condition: {}, redirect: { key, hostName: "h.example" } },
        visit,
      ).location;
      const directory = redirectionToDirectory(visit).location;
      for (const location of [all, kept, named, directory]) expect(location).toMatch(URL_TEXT);
      const hosts = [all, kept, named, directory].map((location) => new URL(location).host);
      expect(hosts).toEqual(["new.example", "b.web.example:80", "h.example", "b.web.example:80"]);
      expect(decodeURIComponent(directory)).toBe(`https://b.web.example:80/${visit.key}/`);
    }),
  );
});

it("of an object", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      expect(redirectionOfObject(`/${text}`).location).toMatch(URL_TEXT);
    }),
  );
  expect(redirectionOfObject("https://a.example/?q=é#!/x%20").location).toBe(
    "https://a.example/?q=%C3%A9#!/x%20",
  );
});
