import { expect, test } from "vitest";
import { timeOfIdMs } from "../../base/index.ts";
import { createIds } from "./objects.ts";

const DAY_MS = 24 * 60 * 60_000;

test("ids are not older than the last entry, though the clock of its leader was ahead", () => {
  let wallMs = 1_700_000_000_000;
  let appliedMs = wallMs - 5;
  const newId = createIds(
    {
      clock: { wallMs: () => wallMs, monotonicMs: () => 0 },
      random: { bytes: (count: number) => new Uint8Array(count), below: () => 0 },
    },
    { appliedTimeMs: () => appliedMs },
  );
  expect(timeOfIdMs(newId())).toBe(wallMs);
  appliedMs = wallMs + 10 * DAY_MS;
  // A blob whose id is two days older than the entry that commits it would be refused.
  expect(timeOfIdMs(newId())).toBe(appliedMs);
  wallMs += 11 * DAY_MS;
  expect(timeOfIdMs(newId())).toBe(wallMs);
});
