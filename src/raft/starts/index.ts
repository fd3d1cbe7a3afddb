/**
 * Which start of a node speaks: how a directory that was put back from an older copy, or was started twice, is told from the node.
 *
 * - `node-start.ts`: the rule, for peers. `start-records.ts`: what a node remembers of its own starts and of those of its peers: `own-starts` and
 *   `peer-starts` beside the log, in the format of `number-file.ts`.
 * - `start-count.ts`: how often Raft ran on this log: `starts` beside it. The node's identity has the same count, which tells a log that was put back
 *   alone. Not the number that peers are told: that one also grows with starts that fail, and jumps where `own-starts` was damaged, so in an older
 *   log it may be greater than the identity's count.
 *
 * A start is durable before a peer hears of it, and is durable at the peer before that takes anything from it.
 */
export type { NodeStart } from "./node-start.ts";
export { forgetStartCount, readStartCount, writeStartCount } from "./start-count.ts";
export { StartRecords } from "./start-records.ts";
