import { expect, test } from "vitest";
import { missingFlags } from "./v8-flags.ts";

const GIB = 2 ** 30;

test("the floor of the heap follows the memory, to a limit", () => {
  expect(missingFlags([], 24 * GIB)).toEqual(["--single-threaded-gc", "--initial-heap-size=320"]);
  expect(missingFlags([], 2 * GIB)).toEqual(["--single-threaded-gc", "--initial-heap-size=64"]);
  expect(missingFlags([], 16 * 2 ** 20)).toEqual(["--single-threaded-gc"]);
});

test("what was given stays, whatever its value: a limit that changes meanwhile starts nothing again", () => {
  expect(missingFlags(["--initial-heap-size=64"], 24 * GIB)).toEqual(["--single-threaded-gc"]);
  expect(missingFlags(["--initial_heap_size=64", "--single_threaded_gc"], 24 * GIB)).toEqual([]);
});
