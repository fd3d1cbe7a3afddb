import { describe, expect, it } from "vitest";
import type { Clock, Timers } from "../ports.ts";

/** A clock and the timers on it, and a way to let its time pass while a promise is waited for. */
export interface TimeUnderTest {
  readonly clock: Clock;
  readonly timers: Timers;
  run<T>(promise: Promise<T>): Promise<T>;
}

/** What `Clock` and `Timers` promise. */
export function timeSuite(name: string, create: () => TimeUnderTest): void {
  describe(`${name}: Clock and Timers`, () => {
    it("monotonic time never goes back", async () => {
      const { clock, timers, run } = create();
      let before = clock.monotonicMs();
      for (let i = 0; i < 20; i++) {
        await run(timers.sleep(i % 3));
        const now = clock.monotonicMs();
        expect(now).toBeGreaterThanOrEqual(before);
        before = now;
      }
    });

    it("wall time is a plausible time of this century", () => {
      const { clock } = create();
      expect(clock.wallMs()).toBeGreaterThan(Date.UTC(2024, 0, 1));
      expect(clock.wallMs()).toBeLessThan(Date.UTC(2100, 0, 1));
    });

    it("a sleep lasts at least as long as asked, also for a fraction of a millisecond", async () => {
      const { clock, timers, run } = create();
      for (const delayMs of [0, 0.3, 1, 2.5, 7]) {
        const start = clock.monotonicMs();
        await run(timers.sleep(delayMs));
        expect(clock.monotonicMs() - start).toBeGreaterThanOrEqual(delayMs);
      }
    });

    it("the end of a turn comes once, after what is ready now, in the order asked for", async () => {
      const { timers, run } = create();
      const order: string[] = [];
      timers.endOfTurn(() => order.push("first end"));
      timers.endOfTurn(() => order.push("second end"));
      queueMicrotask(() => order.push("microtask"));
      order.push("now");
      await run(timers.sleep(5));
      expect(order).toEqual(["now", "microtask", "first end", "second end"]);
    });

    it("a timer fires once", async () => {
      const { timers, run } = create();
      let fired = 0;
      timers.after(1, () => fired++);
      await run(timers.sleep(10));
      expect(fired).toBe(1);
    });

    it("a cancelled timer does not fire, and cancelling again or late does nothing", async () => {
      const { timers, run } = create();
      let fired = 0;
      const cancelled = timers.after(1, () => fired++);
      cancelled.cancel();
      cancelled.cancel();
      const late = timers.after(1, () => fired++);
      await run(timers.sleep(10));
      late.cancel();
      expect(fired).toBe(1);
    });

    it("an earlier timer fires before a later one", async () => {
      const { timers, run } = create();
      const order: string[] = [];
      timers.after(12, () => order.push("late"));
      timers.after(3, () => order.push("early"));
      await run(timers.sleep(30));
      expect(order).toEqual(["early", "late"]);
    });

    it("a timer beyond 2^31 ms, or without an end, does not fire at once", async () => {
      const { timers, run } = create();
      let fired = 0;
      const long = timers.after(2 ** 31 + 10, () => fired++);
      const endless = timers.after(Number.POSITIVE_INFINITY, () => fired++);
      await run(timers.sleep(10));
      long.cancel();
      endless.cancel();
      expect(fired).toBe(0);
    });

    it("an aborted sleep rejects with the signal's reason", async () => {
      const { timers, run } = create();
      const controller = new AbortController();
      const reason = new Error("enough");
      timers.after(2, () => controller.abort(reason));
      await expect(run(timers.sleep(60_000, controller.signal))).rejects.toBe(reason);
      await expect(run(timers.sleep(1, controller.signal))).rejects.toBe(reason);
    });

    it("refuses a negative delay", () => {
      const { timers } = create();
      expect(() => timers.after(-1, () => undefined)).toThrow("a delay is not negative");
    });
  });
}
