/**
 * The consensus core: Raft as a function of its inputs.
 *
 * A `RawNode` is one member of one group. Ticks, messages and requests go in; a `Ready` says what is to be done. There is no clock, no
 * disk, no network, no promise and no chance in here: the same inputs and the same random numbers give the same outputs. The semantics
 * and the vocabulary are those of etcd-io/raft (v3.7), whose data-driven tests are the oracle of `golden.test.ts`; "paper" and "thesis"
 * in comments are Ongaro and Ousterhout 2014 and Ongaro 2014.
 *
 * ## The loop
 *
 *     every tick                     node.tick()
 *     a message from a peer          node.step(message)
 *     a request                      node.propose(...), node.readIndex(...), ...
 *     after each of these            while (node.hasReady()) handle(node.ready())
 *
 * Many inputs may come before one `ready()`: that is how proposals, acknowledgements and writes are batched.
 *
 * ## A Ready, synchronous mode
 *
 * 1. Write `hardState`, `entries` and `snapshot` to the log, in this order, as one unit. Entries replace whatever the log has at the
 *    first one's index and beyond. When `mustSync` is set all must be durable before step 2; without it (only the commit index has
 *    moved) it need not.
 *    The log is one ordered stream: what is durable implies that all before it is, hard states of step 1 included. A commit index may
 *    only be lost with everything behind it: an entry that changes the configuration may otherwise come back without the knowledge
 *    that an earlier change is committed, and be committed by the wrong quorum.
 * 2. Send `messages`. Not earlier: acknowledgements and votes among them promise what step 1 has written.
 * 3. Install `snapshot` in the state machine, then apply `committedEntries` in order. For each entry of a configuration type call
 *    `applyConfChange(decodeConfChange(entry))`, without exception, and keep the ConfState that it returns with the applied index.
 * 4. `advance()`. Only then comes the next Ready.
 * `readStates`: see below. `softState` is for information.
 *
 * ## A Ready, asynchronous mode (`asyncStorageWrites`; production)
 *
 * There is no `advance`. Storage is two threads that get messages, found among `messages`; the other fields repeat what is in these and
 * are to be left alone, but for `readStates` and `softState`.
 *
 * - MsgStorageAppend (to LOCAL_APPEND_THREAD): `entries`, `snapshot`, and the hard state in `term`, `vote`, `commit` unless all three
 *   are 0. Write them as in step 1; when they are durable hand each of `responses` to its `to`: step it here if that is this node, send
 *   it otherwise. Without responses nothing waits for durability.
 * - MsgStorageApply (to LOCAL_APPLY_THREAD): `entries` as in step 3; when they are applied hand out `responses`. They are in the log
 *   already, durably. A snapshot, on the other hand, comes with MsgStorageAppend, and is to be installed in the state machine before
 *   its responses are handed out.
 * - All other messages may be sent at once.
 * - To one thread messages go in the order in which they come, and none is lost; the two threads need not wait for each other. The next
 *   `ready()` may be called before any of this is done: writes are pipelined.
 * - Storage reads (`LogStorage`) must show what the append thread has written before its responses are stepped, and may show it earlier.
 *   Of entries that are not in storage yet the core keeps its own copy.
 *
 * To other nodes messages may be lost, doubled, delayed and reordered; nothing depends on their arrival but progress. Tell
 * `reportUnreachable` of lost ones where that is known, and `reportSnapshot` of each MsgSnap's fate: a snapshot's bytes travel on a
 * connection of their own, and the follower steps the MsgSnap only when it has them. While entries handed out are not applied `step`
 * answers "applying" to a MsgSnap: keep it and step it again later.
 *
 * ## Reads
 *
 * `readIndex(context)` on any node; a ReadState with this context follows, or nothing does (lost, or no leader): after a timeout ask
 * again with a new context. A read is linearizable when the local state machine has applied everything up to the ReadState's index.
 * Contexts are unique over all lives of a node. Ask for many reads with one context: each context costs a round of heartbeats.
 *
 * ## Membership
 *
 * A configuration is in force when its entry is applied. One change at a time: the leader turns a change into an empty entry while an
 * earlier one may be unapplied, when it is not possible, or when the group is joint; `checkConfChange` tells beforehand. Changes of
 * more than one voter go through a joint configuration, left by itself ("Auto", "JointImplicit") or by a further, empty change
 * ("JointExplicit"). A node whose committed configuration entries are not all applied does not campaign.
 *
 * ## Restart
 *
 * `storage.initialState()` gives the hard state and the configuration at `applied`; entries behind `applied` are handed out again. A
 * commit index on disk that is older than `applied` is raised to it. Storage that has lost what it must hold throws.
 *
 * ## Time
 *
 * A leader stamps entries with what `observeTime` was told. Where the last stamp in its log is later, it goes on from that one at half the speed of the monotonic
 * clock, from when it had that stamp (after a restart: from the first `observeTime`), until the wall clock has caught up. Where the last entry was cut from the log (a
 * restart or a snapshot right behind it) `raiseStamp` tells what the state machine knows of it.
 *
 * ## Beyond etcd-io/raft
 *
 * `commitInVotes`; `durableVoteRequests`; a sole voter's reads too wait for the first commit of its term; a configuration change that could not be applied is
 * refused when it is proposed; a dropped proposal does not block configuration changes; entries without data count in limits; waiting
 * reads are limited, and forgotten with the term; a MsgSnap waits for entries that are being applied.
 *
 * ## Invariants, checked on the way
 *
 * applied <= applying <= committed <= last index; nothing committed is ever replaced; a leader only appends; the term never goes back;
 * match < next for every member. A violation throws `RaftInvariantViolation` and the node must stop: going on could lose data.
 *
 * ## The files
 *
 *     raw-node   the door                          options, status, ready, storage-responses, message, entry
 *     step       term, type, role                  tick, follower, candidate, leader, roles
 *     raft       the state                         raft-log over unstable and LogStorage, memory-storage
 *     election   campaigns and votes               quorum over id-set
 *     proposals  what enters a leader's log        replication (progress, inflights), commit; acceptance on followers
 *     reads      linearizable reads                read-only
 *     membership changes applied                   conf-change, configuration, tracker
 */

export type { Configuration } from "./configuration.ts";
export { ENTRY_OVERHEAD_BYTES, entriesSizeBytes, isConfChange, limitEnd } from "./entry.ts";
export { RaftLogOutdated } from "./invariant.ts";
export { LogUnavailable, type LogUnavailableReason } from "./log-unavailable.ts";
export { type MessageFields, message } from "./message.ts";
export type { ConfChangeCodec, ElectionRandom, RawNodeOptions } from "./options.ts";
export { RawNode } from "./raw-node.ts";
export type { ProgressStatus, RawNodeStatus, StepResult } from "./status.ts";
