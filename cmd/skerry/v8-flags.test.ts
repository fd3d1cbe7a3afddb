import { expect, test } from "vitest";
import { nodeFlags } from "./v8-flags.ts";

const GIB = 2 ** 30;

test("the floor of the heap follows the memory, to a limit", () => {
  expect(nodeFlags(24 * GIB)).toEqual(["--single-threaded-gc", "--initial-heap-size=320"]);
  expect(nodeFlags(2 * GIB)).toEqual(["--single-threaded-gc", "--initial-heap-size=64"]);
  expect(nodeFlags(16 * 2 ** 20)).toEqual(["--single-threaded-gc"]);
});
