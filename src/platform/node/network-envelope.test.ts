import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Envelope,
  EnvelopeReader,
  envelopeHeader,
  FLAG_END_STREAM,
  smallEnvelope,
} from "./network-envelope.ts";

function readAll(reader: EnvelopeReader): Envelope[] {
  const envelopes: Envelope[] = [];
  for (let next = reader.next(); next !== undefined; next = reader.next()) {
    envelopes.push(next);
    if (next.kind === "too-large") break;
  }
  return envelopes;
}

describe("envelopes", () => {
  it("are written as the protocol draws them", () => {
    expect([...envelopeHeader(FLAG_END_STREAM, 0x01020304)]).toEqual([2, 1, 2, 3, 4]);
    expect([...smallEnvelope([new Uint8Array([7]), new Uint8Array([8, 9])], 3)]).toEqual([
      0, 0, 0, 0, 3, 7, 8, 9,
    ]);
    expect([...smallEnvelope([], 0)]).toEqual([0, 0, 0, 0, 0]);
  });

  it("are read the same however the bytes were torn apart", () => {
    const messages = fc.array(
      fc.record({ flags: fc.integer({ min: 0, max: 255 }), body: fc.uint8Array({ maxLength: 40 }) }),
      { maxLength: 8 },
    );
    fc.assert(
      fc.property(messages, fc.array(fc.integer({ min: 0, max: 12 }), { minLength: 1 }), (sent, cuts) => {
        const wire = Buffer.concat(
          sent.flatMap(({ flags, body }) => [envelopeHeader(flags, body.length), body]),
        );
        const reader = new EnvelopeReader(40);
        const received: { flags: number; body: Uint8Array }[] = [];
        for (let offset = 0, i = 0; offset < wire.length; i++) {
          // Never only empty pieces: each round moves on by at least one byte.
          const end = Math.min(
            wire.length,
            offset + Math.max(i % cuts.length === 0 ? 1 : 0, cuts[i % cuts.length]!),
          );
          reader.push(wire.subarray(offset, end));
          offset = end;
          for (const envelope of readAll(reader)) {
            if (envelope.kind !== "envelope") throw new Error("refused");
            const body = Buffer.concat(envelope.pieces);
            expect(envelope.sizeBytes).toBe(body.length);
            received.push({ flags: envelope.flags, body: new Uint8Array(body) });
          }
        }
        expect(received).toEqual(sent.map(({ flags, body }) => ({ flags, body: new Uint8Array(body) })));
        expect(reader.isBetweenEnvelopes).toBe(true);
      }),
    );
  });

  it("are handed on without a copy", () => {
    const wire = Buffer.from([0, 0, 0, 0, 2, 1, 2]);
    const reader = new EnvelopeReader(10);
    reader.push(wire);
    const envelope = reader.next();
    expect(envelope?.kind === "envelope" && envelope.pieces[0]!.buffer).toBe(wire.buffer);
  });

  it("larger than the limit are refused by their header, before their bytes have come", () => {
    const reader = new EnvelopeReader(10);
    reader.push(envelopeHeader(0, 11));
    expect(reader.next()).toEqual({ kind: "too-large", sizeBytes: 11 });
    expect(reader.next()).toEqual({ kind: "too-large", sizeBytes: 11 });
    const largest = new EnvelopeReader(10);
    largest.push(Buffer.concat([envelopeHeader(0, 0xffffffff)]));
    expect(largest.next()).toEqual({ kind: "too-large", sizeBytes: 0xffffffff });
  });

  it.each([
    ["nothing", [], true],
    ["part of a header", [0, 0], false],
    ["a header without its message", [0, 0, 0, 0, 1], false],
    ["part of a message", [0, 0, 0, 0, 2, 9], false],
    ["a whole one", [0, 0, 0, 0, 1, 9], true],
  ])("may end after %s: %j %s", (_what, bytes, mayEnd) => {
    const reader = new EnvelopeReader(10);
    reader.push(Buffer.from(bytes));
    readAll(reader);
    expect(reader.isBetweenEnvelopes).toBe(mayEnd);
  });
});
