import { concatBytes } from "../../../src/base/index.ts";
import { ObjectError } from "../../../src/object/index.ts";
import { deriveSigningKey } from "../../../src/s3/auth/hmac.ts";
import { decodeAwsChunked } from "../../../src/s3/body/aws-chunked.ts";
import { S3Refusal } from "../../../src/s3/errors.ts";
import { encodeAwsChunked } from "../../../src/s3/testing/sign.ts";
import { broken, type FuzzTarget, refusalLabel, same } from "../target.ts";

const CHAIN = {
  key: deriveSigningKey("secret", "20260102", "us-east-1", "s3"),
  amzDate: "20260102T030405Z",
  scope: "20260102/us-east-1/s3/aws4_request",
  seedSignature: "0".repeat(64),
};
const TRAILER = { name: "x-amz-checksum-crc32", value: "AAAAAA==" };
const CHUNKS = [new Uint8Array(8192).fill(1), new Uint8Array(700).fill(2)];
const PAYLOAD = Buffer.concat(CHUNKS);

/** The four modes. The first byte of an input chooses. */
const MODES = [{ chain: CHAIN }, { chain: CHAIN, trailer: TRAILER }, { trailer: TRAILER }, {}];

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function decoded(bytes: Uint8Array, mode: (typeof MODES)[number], pieceBytes: number): Promise<string> {
  const options = { decodedBytes: PAYLOAD.length, chain: mode.chain, trailer: mode.trailer?.name };
  const body = decodeAwsChunked(inPieces(bytes, pieceBytes), options);
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of body.bytes) {
      pieces.push(piece.slice());
      size += piece.length;
      if (size > PAYLOAD.length) broken("more comes out than was announced");
    }
  } catch (error) {
    return refusalLabel([ObjectError, S3Refusal], error);
  }
  const payload = Buffer.from(concatBytes(pieces));
  if (payload.length !== PAYLOAD.length) broken("a body of another length than was announced was accepted");
  // What is signed cannot be anything else; what is not may be.
  if (mode.chain !== undefined && !payload.equals(PAYLOAD))
    broken("other bytes than were signed were accepted");
  if (mode.chain !== undefined && mode.trailer !== undefined)
    same(body.trailerValue(), mode.trailer.value, "a signed trailer");
  return "accepted";
}

/** aws-chunked bodies, signed and not, with and without a trailer: the same whatever pieces they come in, and never what was not signed. */
export const awsChunked: FuzzTarget = {
  name: "aws-chunked",
  maxBytes: 12_000,
  dictionary: [
    "\r\n",
    "0\r\n",
    "0;chunk-signature=",
    ";chunk-signature=",
    "x-amz-trailer-signature:",
    `${TRAILER.name}:`,
    "ffffffffffff",
    "1fffffffffffff",
  ],
  seeds: () =>
    MODES.map((mode, i) => {
      const { chain, trailer } = mode as { chain?: typeof CHAIN; trailer?: typeof TRAILER };
      return concatBytes([
        Uint8Array.of(i),
        encodeAwsChunked(CHUNKS, { ...(chain && { chain }), ...(trailer && { trailer }) }),
      ]);
    }),
  property: async (input) => {
    const number = (input[0] ?? 0) % MODES.length;
    const body = input.subarray(1);
    const whole = await decoded(body, MODES[number]!, Math.max(1, body.length));
    const cut = await decoded(body, MODES[number]!, 1 + (body.length % 61));
    same(cut, whole, "what comes of the same body in pieces");
    return `${number}: ${whole}`;
  },
};
