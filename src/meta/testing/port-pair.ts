import type { ThreadPort } from "../../base/index.ts";
import type { Timers } from "../../platform/index.ts";

/** Two ends of a channel whose messages are cloned as between threads, and arrive `delayMs` later, in order. */
export function portPair<A, B>(
  timers: Timers,
  delayMs: () => number,
): readonly [ThreadPort<A, B>, ThreadPort<B, A>] {
  const listeners: [((message: B) => void)[], ((message: A) => void)[]] = [[], []];
  const queues: [B[], A[]] = [[], []];
  const end = <S, R>(
    to: S[],
    of: ((message: S) => void)[],
    own: ((message: R) => void)[],
  ): ThreadPort<S, R> => ({
    post: (message, handOver) => {
      to.push(structuredClone(message, { transfer: [...(handOver ?? [])] }));
      timers.after(delayMs(), () => {
        const next = to.shift();
        if (next !== undefined) for (const listener of of) listener(next);
      });
    },
    onMessage: (listener) => void own.push(listener),
  });
  return [end<A, B>(queues[1], listeners[1], listeners[0]), end<B, A>(queues[0], listeners[0], listeners[1])];
}
