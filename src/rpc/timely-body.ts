import { Code, ConnectError } from "@connectrpc/connect";
import type { Timers } from "../platform/index.ts";
import type { ListenerLimits } from "./listener-limits.ts";

export type TimelyBody = (body: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;

/**
 * Bodies that are collected before anything is done with them, for whoever reads them at once: the caller may take `stallTimeoutMs` for each
 * `minProgressBytes`. Reading throws DEADLINE_EXCEEDED when it takes longer. The body itself is left as it is then, so that an answer can be sent.
 */
export function timelyBody(
  timers: Timers,
  { stallTimeoutMs, minProgressBytes }: Pick<ListenerLimits, "stallTimeoutMs" | "minProgressBytes">,
): TimelyBody {
  return async function* read(body) {
    const pieces = body[Symbol.asyncIterator]();
    const stalled = Promise.withResolvers<never>();
    stalled.promise.catch(() => undefined);
    const stall = () =>
      stalled.reject(new ConnectError("the request does not go on arriving", Code.DeadlineExceeded));
    let timer = timers.after(stallTimeoutMs, stall);
    let bytes = 0;
    try {
      for (;;) {
        const next = await Promise.race([pieces.next(), stalled.promise]);
        if (next.done === true) return;
        bytes += next.value.length;
        if (bytes >= minProgressBytes) {
          bytes = 0;
          timer.cancel();
          timer = timers.after(stallTimeoutMs, stall);
        }
        yield next.value;
      }
    } finally {
      timer.cancel();
    }
  };
}
