/**
 * Which start of a node speaks: how a directory that was put back from an older copy, or was started twice, is told from the node.
 *
 * - `node-start.ts`: the rule. `start-records.ts`: what a node remembers of its own starts and of those of its peers.
 * - `number-file.ts`: the two files of that.
 *
 * A start is durable before a peer hears of it, and is durable at the peer before that takes anything from it.
 */
export type { NodeStart } from "./node-start.ts";
export { StartRecords } from "./start-records.ts";
