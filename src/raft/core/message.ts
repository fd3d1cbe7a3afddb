import {
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  type MessageType,
  type NodeId,
} from "../types.ts";
import { RaftInvariantViolation } from "./invariant.ts";

/** The absence of a node: no leader, no vote, or a message from the node's own surroundings. */
export const NONE: NodeId = 0;

const NO_ENTRIES: readonly Entry[] = Object.freeze([]);
const NO_MESSAGES: readonly Message[] = Object.freeze([]);

/** What a message says, but for the fields that hold nothing. */
export type MessageFields = Pick<Message, "type"> & Partial<Message>;

/** A message with every field in place: absent numbers are 0, as everywhere in Raft's messages. */
export function message(fields: MessageFields): Message {
  return {
    type: fields.type,
    to: fields.to ?? NONE,
    from: fields.from ?? NONE,
    term: fields.term ?? 0,
    logTerm: fields.logTerm ?? 0,
    index: fields.index ?? 0,
    entries: fields.entries ?? NO_ENTRIES,
    commit: fields.commit ?? 0,
    vote: fields.vote ?? NONE,
    snapshot: fields.snapshot,
    reject: fields.reject ?? false,
    rejectHint: fields.rejectHint ?? 0,
    context: fields.context,
    responses: fields.responses ?? NO_MESSAGES,
  };
}

/** The threads of asynchronous storage writes. */
export function isLocalTarget(id: NodeId): boolean {
  return id === LOCAL_APPEND_THREAD || id === LOCAL_APPLY_THREAD;
}

const LOCAL_MESSAGES: ReadonlySet<MessageType> = new Set<MessageType>([
  "MsgHup",
  "MsgBeat",
  "MsgUnreachable",
  "MsgSnapStatus",
  "MsgCheckQuorum",
  "MsgStorageAppend",
  "MsgStorageAppendResp",
  "MsgStorageApply",
  "MsgStorageApplyResp",
]);

/** Messages that never cross the network. */
export function isLocalMessage(type: MessageType): boolean {
  return LOCAL_MESSAGES.has(type);
}

const RESPONSE_MESSAGES: ReadonlySet<MessageType> = new Set<MessageType>([
  "MsgAppResp",
  "MsgVoteResp",
  "MsgHeartbeatResp",
  "MsgUnreachable",
  "MsgReadIndexResp",
  "MsgPreVoteResp",
  "MsgStorageAppendResp",
  "MsgStorageApplyResp",
]);

/** Messages that answer one of ours: only members of the configuration are believed. */
export function isResponseMessage(type: MessageType): boolean {
  return RESPONSE_MESSAGES.has(type);
}

/**
 * Messages that promise something that must be durable first: a vote, or entries in the log. They wait for everything handed out or
 * about to be handed out for writing (thesis 3.8). `voteRequests`: those that ask for a vote are among them (`durableVoteRequests`).
 */
export function waitsForStorage(type: MessageType, voteRequests: boolean): boolean {
  if (type === "MsgVote") return voteRequests;
  return type === "MsgAppResp" || type === "MsgVoteResp" || type === "MsgPreVoteResp";
}

/** Messages of an election say for themselves which term they are about. */
export function carriesOwnTerm(type: MessageType): boolean {
  return type === "MsgVote" || type === "MsgVoteResp" || type === "MsgPreVote" || type === "MsgPreVoteResp";
}

/** The answer to a request for a vote. */
export function voteResponseType(type: MessageType): "MsgVoteResp" | "MsgPreVoteResp" {
  if (type === "MsgVote") return "MsgVoteResp";
  if (type === "MsgPreVote") return "MsgPreVoteResp";
  throw new RaftInvariantViolation(`${type} asks for no vote`);
}
