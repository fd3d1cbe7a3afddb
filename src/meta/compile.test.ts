import { expect, test } from "vitest";
import { compile, property } from "./compile.ts";

test("a function knows the names of its scope and nothing else", () => {
  const double = compile<(value: number) => number>({ factor: 2 }, "return (v) => v * factor;");
  expect(double(21)).toBe(42);
  expect(() => compile({}, "return factor;")).toThrow(ReferenceError);
});

test("only names of fields get into the text", () => {
  expect(property("bucketId")).toBe(".bucketId");
  expect(property("$typeName")).toBe(".$typeName");
  for (const name of ["", "a b", "a;b", "a.b", "1a", 'a"', "a\nb", "a\n"]) {
    expect(() => property(name)).toThrow(/no name of a field/);
  }
});
