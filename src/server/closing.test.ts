/** The promise: a node that stops gives what is under way one grace, whichever surface it came by. */
import { expect, it } from "vitest";
import { Deferred } from "../base/index.ts";
import type { Clock } from "../platform/index.ts";
import { closeSurfaces, STOP_GRACE_MS } from "./closing.ts";

/** With fractions, as the clocks of machines have them. */
function newClock(): Clock {
  let nowMs = 1000.052;
  return { monotonicMs: () => (nowMs += 0.3), wallMs: () => 0 };
}

function closing(failing: readonly string[] = []) {
  const happened: string[] = [];
  const slow = ["api", "s3"].map((name) => {
    const done = new Deferred<void>();
    const close = async (graceMs: number) => {
      happened.push(`${name} has ${graceMs}`);
      await done.promise;
      happened.push(`${name} is closed`);
      if (failing.includes(name)) throw new Error(name);
    };
    return { done, close };
  });
  const accessLogs = {
    runUnit: async () => {
      happened.push("access logs");
      if (failing.includes("access logs")) throw new Error("access logs");
      return "idle" as const;
    },
  };
  return { happened, slow, closed: closeSurfaces({ surfaces: slow, accessLogs, clock: newClock() }) };
}

it("all surfaces have the same grace, and the access logs follow the last request", async () => {
  const { happened, slow, closed } = closing();
  expect(happened).toEqual([`api has ${STOP_GRACE_MS}`, `s3 has ${STOP_GRACE_MS}`]);
  for (const { done } of slow.toReversed()) done.resolve();
  await closed;
  expect(happened.slice(2)).toEqual(["s3 is closed", "api is closed", "access logs"]);
});

it.each(["api", "s3", "access logs"])("a failure of one (%s) keeps none of the others", async (failing) => {
  const { happened, slow, closed } = closing([failing]);
  for (const { done } of slow) done.resolve();
  await expect(closed).rejects.toMatchObject({ cause: new Error(failing) });
  expect(happened.slice(2)).toEqual(["api is closed", "s3 is closed", "access logs"]);
});
