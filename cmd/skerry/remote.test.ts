import { expect, it } from "vitest";
import { table, visible } from "./remote.ts";

it("names in tables have no character that a terminal obeys", () => {
  expect(table(["KEY", "SIZE"], [["zz\u001b[2K\r\u009b\nhidden\u202e", "1 B"]])).toBe(
    "KEY                                        SIZE\nzz\\u001b[2K\\u000d\\u009b\\u000ahidden\\u202e  1 B\n",
  );
  expect(visible("größe/日本 a.txt")).toBe("größe/日本 a.txt");
});
