import { expect, test } from "vitest";
import * as decided from "../../meta/limits.ts";
import * as known from "./state-limits.ts";

const limits = new Map<string, unknown>(Object.entries(decided));

test.each(Object.entries(known))("%s is what the state machine goes by", (name, value) => {
  expect(value).toBe(limits.get(name));
});
