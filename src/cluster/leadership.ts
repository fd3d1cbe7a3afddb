/** Handing the lead to another node, and waiting until it has it. */

import type { Clock, Timers } from "../platform/ports.ts";
import type { RaftGroup, RaftStatus } from "../raft/ports.ts";

/** Longer than the core waits for a node that does not answer before it gives a transfer up. */
const ASK_AGAIN_MS = 1_500;
const LOOK_EVERY_MS = 20;

export interface HandOverOptions {
  readonly raft: Pick<RaftGroup, "transferLeadership"> & { status(): Pick<RaftStatus, "leader"> };
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly timers: Timers;
  readonly timeoutMs: number;
}

/** Resolves with whether `nodeId` leads now, as this node sees it. Nobody's writes are lost by it: they wait, and go to the new leader. */
export async function handOver(nodeId: number, options: HandOverOptions): Promise<boolean> {
  const { raft, clock, timers, timeoutMs } = options;
  const begunMs = clock.monotonicMs();
  let askedMs: number | undefined;
  for (;;) {
    if (raft.status().leader === nodeId) return true;
    const nowMs = clock.monotonicMs();
    if (nowMs - begunMs >= timeoutMs) return false;
    if (askedMs === undefined || nowMs - askedMs >= ASK_AGAIN_MS) {
      raft.transferLeadership(nodeId);
      askedMs = nowMs;
    }
    await timers.sleep(LOOK_EVERY_MS);
  }
}
