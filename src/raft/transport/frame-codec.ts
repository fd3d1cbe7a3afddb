import type { NodeStart } from "../starts/index.ts";
import type { Message } from "../types.ts";
import { messageSize, readMessage, writeMessage } from "./message-codec.ts";
import { bytesFieldSize, numberFieldSize, WireReader, WireWriter } from "./wire.ts";

/** Who sends to whom: said in every frame. */
export interface FrameAddress {
  readonly clusterId: string;
  readonly groupId: number;
  readonly fromNodeId: number;
  readonly toNodeId: number;
  readonly fromIncarnation: string;
  /** "": not known. */
  readonly toIncarnation: string;
  /** Where the sender takes Raft streams. "": not said. */
  readonly fromHost: string;
  /** 0: not said. */
  readonly fromPort: number;
}

/** skerry.raft.v1.ExchangeRequest. */
export interface Frame extends FrameAddress {
  readonly messages: readonly Message[];
  readonly wantsSnapshot: boolean;
  /** The last starts of the sender, oldest first; only in the first frame of a stream, and not from every version. */
  readonly starts: readonly NodeStart[];
}

/** The fields of an address as they stand at the beginning of every frame of a stream. */
export function encodeAddress(address: FrameAddress): Uint8Array {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const clusterId = encode(address.clusterId);
  const fromIncarnation = encode(address.fromIncarnation);
  const toIncarnation = encode(address.toIncarnation);
  const fromHost = encode(address.fromHost);
  let size = 0;
  for (const text of [clusterId, fromIncarnation, toIncarnation, fromHost]) {
    if (text.length > 0) size += bytesFieldSize(text.length);
  }
  const numbers = [address.groupId, address.fromNodeId, address.toNodeId, address.fromPort];
  for (const number of numbers) size += numberFieldSize(number);
  const writer = new WireWriter(size);
  const writeText = (field: number, text: Uint8Array): void => {
    if (text.length > 0) writer.bytesField(field, text);
  };
  writeText(1, clusterId);
  writer.number(2, address.groupId);
  writer.number(3, address.fromNodeId);
  writer.number(4, address.toNodeId);
  writeText(5, fromIncarnation);
  writeText(6, toIncarnation);
  writeText(9, fromHost);
  writer.number(10, address.fromPort);
  return writer.bytes;
}

/** The starts of the sender as they stand in the first frame of a stream, beside its address. */
export function encodeStarts(starts: readonly NodeStart[]): Uint8Array {
  const sizes = starts.map(({ number, nonce }) => numberFieldSize(number) + numberFieldSize(nonce));
  const writer = new WireWriter(sizes.reduce((sum, size) => sum + bytesFieldSize(size), 0));
  for (const [i, { number, nonce }] of starts.entries()) {
    writer.header(11, sizes[i] as number);
    writer.number(1, number);
    writer.number(2, nonce);
  }
  return writer.bytes;
}

function readStart(reader: WireReader): NodeStart {
  let [number, nonce] = [0, 0];
  while (reader.next()) {
    if (reader.field === 1) number = reader.number();
    else if (reader.field === 2) nonce = reader.number();
    else reader.skip();
  }
  return { number, nonce };
}

/** What a message adds to a frame. */
export function framedSize(message: Message): number {
  return bytesFieldSize(messageSize(message));
}

/** A frame; `address` from `encodeAddress`, in the first one with `encodeStarts` behind it. */
export function encodeFrame(
  address: Uint8Array,
  messages: readonly Message[],
  wantsSnapshot: boolean,
): Uint8Array {
  const sizes = messages.map(messageSize);
  let size = address.length + (wantsSnapshot ? 2 : 0);
  for (const messageBytes of sizes) size += bytesFieldSize(messageBytes);
  const writer = new WireWriter(size);
  writer.raw(address);
  for (const [i, message] of messages.entries()) {
    writer.header(7, sizes[i] as number);
    writeMessage(writer, message);
  }
  writer.flag(8, wantsSnapshot);
  return writer.bytes;
}

/** Throws a WireError. Messages of types that this version does not know are left out. */
export function decodeFrame(bytes: Uint8Array): Frame {
  let [clusterId, fromIncarnation, toIncarnation, fromHost] = ["", "", "", ""];
  let [groupId, fromNodeId, toNodeId, fromPort] = [0, 0, 0, 0];
  let wantsSnapshot = false;
  const messages: Message[] = [];
  const starts: NodeStart[] = [];
  const reader = new WireReader(bytes);
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        clusterId = reader.text();
        break;
      case 2:
        groupId = reader.number();
        break;
      case 3:
        fromNodeId = reader.number();
        break;
      case 4:
        toNodeId = reader.number();
        break;
      case 5:
        fromIncarnation = reader.text();
        break;
      case 6:
        toIncarnation = reader.text();
        break;
      case 7: {
        const message = readMessage(reader.message());
        if (message !== undefined) messages.push(message);
        break;
      }
      case 8:
        wantsSnapshot = reader.flag();
        break;
      case 9:
        fromHost = reader.text();
        break;
      case 10:
        fromPort = reader.number();
        break;
      case 11:
        starts.push(readStart(reader.message()));
        break;
      default:
        reader.skip();
    }
  }
  return {
    clusterId,
    groupId,
    fromNodeId,
    toNodeId,
    fromIncarnation,
    toIncarnation,
    fromHost,
    fromPort,
    messages,
    wantsSnapshot,
    starts,
  };
}

/** skerry.raft.v1.ExchangeResponse. */
export function encodeAcceptance(toIncarnation: string): Uint8Array {
  const text = new TextEncoder().encode(toIncarnation);
  const writer = new WireWriter(text.length === 0 ? 0 : bytesFieldSize(text.length));
  if (text.length > 0) writer.bytesField(1, text);
  return writer.bytes;
}

/** The incarnation of the node that accepted the stream. Throws a WireError. */
export function decodeAcceptance(bytes: Uint8Array): string {
  let toIncarnation = "";
  const reader = new WireReader(bytes);
  while (reader.next()) {
    if (reader.field === 1) toIncarnation = reader.text();
    else reader.skip();
  }
  return toIncarnation;
}
