import { expect, test } from "vitest";
import type { Random } from "../platform/index.ts";
import { RequestIds } from "./request-ids.ts";

const drawing = (...numbers: number[]): Random =>
  ({ below: () => numbers.shift() ?? 0 }) as Partial<Random> as Random;

test("an id is eight drawn digits and a count, in base 36", () => {
  const ids = new RequestIds(drawing(1, 2, 35));
  expect(ids.next()).toMatch(/^[0-9A-Z]{8}00000010$/);
  const last = 36 ** 5 - 2;
  const far = new RequestIds(drawing(1, 2, last));
  expect(far.next().slice(8)).toBe((last + 1).toString(36).toUpperCase().padStart(8, "0"));
  expect(far.next().slice(8)).toBe("00100000");
});
