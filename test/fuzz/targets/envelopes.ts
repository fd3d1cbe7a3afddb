import { concatBytes } from "../../../src/base/index.ts";
import { parseEndStream } from "../../../src/platform/node/network-codes.ts";
import { EnvelopeReader, smallEnvelope } from "../../../src/platform/node/network-envelope.ts";
import { broken, type FuzzTarget, same, text, utf8 } from "../target.ts";

const MAX_MESSAGE_BYTES = 4096;

interface Read {
  readonly envelopes: readonly string[];
  readonly isBetween: boolean;
  readonly tooLarge: boolean;
}

function read(pieces: Iterable<Uint8Array>): Read {
  const reader = new EnvelopeReader(MAX_MESSAGE_BYTES);
  const envelopes: string[] = [];
  for (const piece of pieces) {
    reader.push(piece);
    for (let next = reader.next(); next !== undefined; next = reader.next()) {
      if (next.kind === "too-large") return { envelopes, isBetween: false, tooLarge: true };
      if (next.sizeBytes > MAX_MESSAGE_BYTES) broken("an envelope that is too large");
      envelopes.push(`${next.flags} ${Buffer.from(concatBytes(next.pieces)).toString("hex")}`);
    }
  }
  return { envelopes, isBetween: reader.isBetweenEnvelopes, tooLarge: false };
}

/** Connect's envelopes: the same whatever pieces they come in. The last one's JSON is read too. */
export const envelopes: FuzzTarget = {
  name: "envelopes",
  maxBytes: 2048,
  dictionary: [
    '{"error":{"code":"unavailable","message":"x"}}',
    "{}",
    "\u0000\u0000\u0000\u0000\u0000",
    '"metadata"',
  ],
  seeds: () => [
    Buffer.concat([smallEnvelope([text("one")], 3), smallEnvelope([text("")], 0)]),
    text('{"error":{"code":"data_loss","message":"gone"},"metadata":{}}'),
  ],
  property: (input) => {
    const whole = read([input]);
    const bytewise = read(Array.from(input, (_, i) => input.subarray(i, i + 1)));
    same(bytewise, whole, "what is read byte by byte");
    const end = parseEndStream(utf8(input));
    return `${Math.min(whole.envelopes.length, 4)} envelopes, ${whole.tooLarge ? "too large" : whole.isBetween}, ${JSON.stringify(end).slice(0, 20)}`;
  },
};
