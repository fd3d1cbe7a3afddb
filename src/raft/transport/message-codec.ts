import { MessageType as WireType } from "../../gen/skerry/raft/v1/raft_pb.js";
import type { ConfState, Entry, EntryType, Message, MessageType, Snapshot } from "../types.ts";
import { bytesFieldSize, numberFieldSize, varintSize, WireError, WireReader, WireWriter } from "./wire.ts";

/** Messages between nodes, by their number on the wire. What is not here never leaves a node. */
const WIRE_TYPES: ReadonlyMap<MessageType, number> = new Map([
  ["MsgProp", WireType.PROP],
  ["MsgApp", WireType.APP],
  ["MsgAppResp", WireType.APP_RESP],
  ["MsgVote", WireType.VOTE],
  ["MsgVoteResp", WireType.VOTE_RESP],
  ["MsgSnap", WireType.SNAP],
  ["MsgHeartbeat", WireType.HEARTBEAT],
  ["MsgHeartbeatResp", WireType.HEARTBEAT_RESP],
  ["MsgTransferLeader", WireType.TRANSFER_LEADER],
  ["MsgTimeoutNow", WireType.TIMEOUT_NOW],
  ["MsgReadIndex", WireType.READ_INDEX],
  ["MsgReadIndexResp", WireType.READ_INDEX_RESP],
  ["MsgPreVote", WireType.PRE_VOTE],
  ["MsgPreVoteResp", WireType.PRE_VOTE_RESP],
] satisfies [MessageType, number][]);
const TYPES_BY_NUMBER: ReadonlyMap<number, MessageType> = new Map(
  [...WIRE_TYPES].map(([type, number]) => [number, type]),
);

/** skerry.raft.v1.EntryType. The old form of a configuration change is known to the core's tests only. */
const ENTRY_NUMBERS: Readonly<Partial<Record<EntryType, number>>> = { EntryNormal: 1, EntryConfChangeV2: 2 };
const ENTRY_TYPES: readonly (EntryType | undefined)[] = [undefined, "EntryNormal", "EntryConfChangeV2"];

const NO_ENTRIES: readonly Entry[] = Object.freeze([]);
const NO_MESSAGES: readonly Message[] = Object.freeze([]);
const NO_BYTES = new Uint8Array(0);

/** Whether a message may cross the network at all. */
export function isWireMessage(type: MessageType): boolean {
  return WIRE_TYPES.has(type);
}

/** Bytes of skerry.raft.v1.Message. */
export function messageSize(message: Message): number {
  let size = numberFieldSize(wireType(message.type));
  size += numberFieldSize(message.to) + numberFieldSize(message.from) + numberFieldSize(message.term);
  size += numberFieldSize(message.logTerm) + numberFieldSize(message.index) + numberFieldSize(message.commit);
  for (const entry of message.entries) size += bytesFieldSize(entrySize(entry));
  size += (message.reject ? 2 : 0) + numberFieldSize(message.rejectHint) + numberFieldSize(message.vote);
  if (message.context !== undefined && message.context.length > 0)
    size += bytesFieldSize(message.context.length);
  if (message.snapshot !== undefined) size += bytesFieldSize(snapshotSize(message.snapshot));
  return size;
}

export function writeMessage(writer: WireWriter, message: Message): void {
  writer.number(1, wireType(message.type));
  writer.number(2, message.to);
  writer.number(3, message.from);
  writer.number(4, message.term);
  writer.number(5, message.logTerm);
  writer.number(6, message.index);
  for (const entry of message.entries) writeEntry(writer, entry);
  writer.number(8, message.commit);
  writer.flag(9, message.reject);
  writer.number(10, message.rejectHint);
  if (message.context !== undefined && message.context.length > 0) writer.bytesField(11, message.context);
  if (message.snapshot !== undefined) writeSnapshot(writer, message.snapshot);
  writer.number(13, message.vote);
}

export function encodeMessage(message: Message): Uint8Array {
  const writer = new WireWriter(messageSize(message));
  writeMessage(writer, message);
  return writer.bytes;
}

/** Undefined: a type that this version does not know. Throws a WireError for anything that is no message. */
export function decodeMessage(bytes: Uint8Array): Message | undefined {
  return readMessage(new WireReader(bytes));
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export function readMessage(reader: WireReader): Message | undefined {
  let type: MessageType | undefined;
  let entries: Entry[] | undefined;
  const fields: Mutable<Omit<Message, "type" | "entries">> = {
    to: 0,
    from: 0,
    term: 0,
    logTerm: 0,
    index: 0,
    commit: 0,
    vote: 0,
    snapshot: undefined,
    reject: false,
    rejectHint: 0,
    context: undefined,
    responses: NO_MESSAGES,
  };
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        type = TYPES_BY_NUMBER.get(reader.number());
        break;
      case 2:
        fields.to = reader.number();
        break;
      case 3:
        fields.from = reader.number();
        break;
      case 4:
        fields.term = reader.number();
        break;
      case 5:
        fields.logTerm = reader.number();
        break;
      case 6:
        fields.index = reader.number();
        break;
      case 7:
        entries ??= [];
        entries.push(readEntry(reader.message()));
        break;
      case 8:
        fields.commit = reader.number();
        break;
      case 9:
        fields.reject = reader.flag();
        break;
      case 10:
        fields.rejectHint = reader.number();
        break;
      case 11:
        fields.context = reader.bytes().slice();
        break;
      case 12:
        fields.snapshot = readSnapshot(reader.message());
        break;
      case 13:
        fields.vote = reader.number();
        break;
      default:
        reader.skip();
    }
  }
  return type === undefined ? undefined : { type, entries: entries ?? NO_ENTRIES, ...fields };
}

function wireType(type: MessageType): number {
  const number = WIRE_TYPES.get(type);
  if (number === undefined) throw new RangeError(`${type} never leaves its node`);
  return number;
}

function entryNumber(type: EntryType): number {
  const number = ENTRY_NUMBERS[type];
  if (number === undefined) throw new RangeError(`${type} is never sent`);
  return number;
}

function entrySize(entry: Entry): number {
  const { term, index, timeMs, data } = entry;
  const size = numberFieldSize(term) + numberFieldSize(index) + numberFieldSize(entryNumber(entry.type));
  return size + numberFieldSize(timeMs) + (data.length > 0 ? bytesFieldSize(data.length) : 0);
}

function writeEntry(writer: WireWriter, entry: Entry): void {
  writer.header(7, entrySize(entry));
  writer.number(1, entry.term);
  writer.number(2, entry.index);
  writer.number(3, entryNumber(entry.type));
  writer.number(4, entry.timeMs);
  if (entry.data.length > 0) writer.bytesField(5, entry.data);
}

/** An entry of a type that this version does not know is not skipped: what it does to the state would be lost. */
function readEntry(reader: WireReader): Entry {
  let [term, index, timeMs] = [0, 0, 0];
  let type: EntryType | undefined;
  let data: Uint8Array = NO_BYTES;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        term = reader.number();
        break;
      case 2:
        index = reader.number();
        break;
      case 3:
        type = ENTRY_TYPES[reader.number()];
        break;
      case 4:
        timeMs = reader.number();
        break;
      case 5:
        // A copy: the entry lives long, and must not keep the buffer of the network alive with it.
        data = reader.bytes().slice();
        break;
      default:
        reader.skip();
    }
  }
  if (type === undefined) throw new WireError("entry of an unknown type");
  return { term, index, type, data, timeMs };
}

function snapshotSize(snapshot: Snapshot): number {
  const { index, term, confState } = snapshot.metadata;
  const size = numberFieldSize(index) + numberFieldSize(term) + bytesFieldSize(confStateSize(confState));
  return size + (snapshot.data.length > 0 ? bytesFieldSize(snapshot.data.length) : 0);
}

function writeSnapshot(writer: WireWriter, snapshot: Snapshot): void {
  const { index, term, confState } = snapshot.metadata;
  writer.header(12, snapshotSize(snapshot));
  writer.number(1, index);
  writer.number(2, term);
  writer.header(3, confStateSize(confState));
  writeIds(writer, 1, confState.voters);
  writeIds(writer, 2, confState.learners);
  writeIds(writer, 3, confState.votersOutgoing);
  writeIds(writer, 4, confState.learnersNext);
  writer.flag(5, confState.autoLeave);
  // The name of the snapshot, UTF-8.
  if (snapshot.data.length > 0) writer.bytesField(4, snapshot.data);
}

function readSnapshot(reader: WireReader): Snapshot {
  let [index, term] = [0, 0];
  let confState: ConfState = {
    voters: [],
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
  };
  let data: Uint8Array = NO_BYTES;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        index = reader.number();
        break;
      case 2:
        term = reader.number();
        break;
      case 3:
        confState = readConfState(reader.message());
        break;
      case 4:
        data = reader.bytes().slice();
        break;
      default:
        reader.skip();
    }
  }
  return { metadata: { index, term, confState }, data };
}

function readConfState(reader: WireReader): ConfState {
  const lists: [number[], number[], number[], number[]] = [[], [], [], []];
  let autoLeave = false;
  while (reader.next()) {
    const list = lists[reader.field - 1];
    if (list !== undefined) reader.numbers(list);
    else if (reader.field === 5) autoLeave = reader.flag();
    else reader.skip();
  }
  const [voters, learners, votersOutgoing, learnersNext] = lists;
  return { voters, learners, votersOutgoing, learnersNext, autoLeave };
}

function idsSize(ids: readonly number[]): number {
  return ids.reduce((size, id) => size + varintSize(id), 0);
}

function confStateSize(confState: ConfState): number {
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = confState;
  let size = autoLeave ? 2 : 0;
  for (const ids of [voters, learners, votersOutgoing, learnersNext]) {
    if (ids.length > 0) size += bytesFieldSize(idsSize(ids));
  }
  return size;
}

function writeIds(writer: WireWriter, field: number, ids: readonly number[]): void {
  if (ids.length === 0) return;
  const packed = new Uint8Array(idsSize(ids));
  let at = 0;
  for (const id of ids) {
    let rest = id;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) packed[at++] = (rest % 0x80) | 0x80;
    packed[at++] = rest;
  }
  writer.bytesField(field, packed);
}
