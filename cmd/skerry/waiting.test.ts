import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { lookUntil, untilStatus } from "./waiting.ts";

it("a node that takes calls and does not answer is not waited for beyond the time that was given", async () => {
  const asked: number[] = [];
  const client = {
    getStatus(_request: object, { timeoutMs = Number.POSITIVE_INFINITY } = {}) {
      asked.push(timeoutMs);
      return Promise.reject(new ConnectError("the operation timed out", Code.DeadlineExceeded));
    },
  };
  const waiting = untilStatus(client, { timeoutSeconds: 0.6, what: "nothing" }, () => true);
  await expect(waiting).rejects.toMatchObject({ name: "CommandError", exitCode: 3 });
  expect(asked.length).toBeGreaterThan(0);
  expect(Math.min(...asked)).toBeGreaterThan(0);
  expect(Math.max(...asked)).toBeLessThanOrEqual(600);
});

it("a look has a limit of its own, and always some time", () => {
  expect(lookUntil(performance.now() + 3_600_000)).toEqual({ timeoutMs: 10_000 });
  expect(lookUntil(performance.now() - 5_000)).toEqual({ timeoutMs: 1 });
});
