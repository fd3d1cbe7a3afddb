import { expect, it } from "vitest";
import { type Logger, SILENT_LOGGER } from "../../observe/index.ts";
import type { Timers } from "../../platform/index.ts";
import { Settling } from "./settling.ts";

it("what a node owes the cluster is tried again, says why, and is logged when that changes", async () => {
  const faults = ["no leader", "no leader", "no leader", "no leader", "the key is taken", "the key is taken"];
  const slept: number[] = [];
  const reasons: (string | undefined)[] = [];
  let lines = 0;
  const settling: Settling = new Settling({
    timers: {
      sleep: async (ms: number) => {
        slept.push(ms);
        reasons.push(settling.notDoneReason);
      },
    } as unknown as Timers,
    logger: { ...SILENT_LOGGER, info: () => void lines++ } as Logger,
    signal: new AbortController().signal,
  });
  expect(settling.notDoneReason).toBe("starting");
  await settling.run(async () => {
    const fault = faults.shift();
    if (fault !== undefined) throw new Error(fault);
  });
  expect(slept).toEqual([200, 400, 800, 1000, 200, 400]);
  expect(reasons[0]).toBe("starting: no leader");
  expect(reasons.at(-1)).toBe("starting: the key is taken");
  expect(lines).toBe(2);
  expect(settling.notDoneReason).toBeUndefined();
});
