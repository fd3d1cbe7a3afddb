/** The promise: a message that is held costs a small multiple of its bytes, in however small pieces it comes. */
import { EventEmitter } from "node:events";
import { createContextValues } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { heldBytes } from "../base/testing/held-memory.ts";
import { NodeClock, NodeTimers } from "../platform/node/index.ts";
import { CALL_INFO } from "./guard.ts";
import { IncomingBodies, type IncomingCall } from "./incoming-bodies.ts";
import { DEFAULT_LISTENER_LIMITS } from "./listener-limits.ts";
import { readBody, readLines } from "./rest/request-body.ts";

const COUNT = 200_000;
const GREATEST_MULTIPLE = 8;

async function read(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return all;
}

async function throughIncomingBodies<T>(
  pieces: AsyncIterable<Uint8Array>,
  read: (body: AsyncIterable<Uint8Array>) => Promise<T>,
): Promise<T> {
  const limits = DEFAULT_LISTENER_LIMITS;
  const bodies = new IncomingBodies({ clock: new NodeClock(), timers: new NodeTimers(), limits });
  const call = {
    request: { socket: {} },
    response: new EventEmitter(),
    values: createContextValues(),
    mayPause: false,
    isWhole: true,
  } as unknown as IncomingCall;
  call.values.set(CALL_INFO, { ...call.values.get(CALL_INFO), remoteAddress: "192.0.2.1" });
  try {
    return await read(bodies.open(pieces, call));
  } finally {
    bodies.close();
  }
}

describe("what is held of a message of single bytes", () => {
  const readers: readonly [string, (pieces: AsyncIterable<Uint8Array>) => Promise<unknown>][] = [
    ["of REST", (pieces) => readBody(pieces, new Headers(), COUNT)],
    ["in lines", (pieces) => read(lineBytes(pieces))],
    ["of Connect and gRPC", (pieces) => throughIncomingBodies(pieces, read)],
  ];

  it.each(readers)("is little: %s", async (_what, reader) => {
    expect(await heldBytes(COUNT, reader)).toBeLessThan(GREATEST_MULTIPLE * COUNT);
  });

  it("and it arrives as it was sent", async () => {
    const sent = Array.from({ length: 60 }, (_, at) => Buffer.alloc(at % 3 === 0 ? 20_000 : 700, at));
    async function* pieces(): AsyncGenerator<Uint8Array> {
      yield* sent;
    }
    expect(Buffer.concat(await throughIncomingBodies(pieces(), read))).toEqual(Buffer.concat(sent));
  });
});

async function* lineBytes(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of readLines(pieces, COUNT)) yield bytes;
}
