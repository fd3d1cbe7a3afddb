/**
 * Raft on a thread of its own. `start.ts` makes the thread and `raft-proxy.ts` stands for it on the main thread; `raft-worker.ts` builds the
 * platform there and `serve.ts` runs the member. `protocol.ts` is all that they say to each other, `entry-batch.ts` how entries travel.
 *
 * Proposals of one turn are one message; reads of one turn are one question; entries go as a few arrays whose memory changes hands. The
 * state machine stays on the main thread, and is called there exactly as `StateMachine` says.
 */
export type { RaftTls } from "./protocol.ts";
export type { StartedRaftThread } from "./raft-proxy.ts";
export { type RaftThreadStart, startRaftThread } from "./start.ts";
