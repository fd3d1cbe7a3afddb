import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { concatBytes } from "../../../src/base/index.ts";
import {
  ReadChunkHeaderSchema,
  ReadChunkRequestSchema,
  ReadChunkResponseSchema,
  WriteChunksRequestSchema,
  WriteChunksResponseSchema,
} from "../../../src/gen/skerry/segment/v1/chunk_pb.js";
import {
  parseReadRequest,
  parseReadResponse,
  parseWriteRequest,
  parseWriteResponse,
} from "../../../src/segment/wire.ts";
import { broken, type FuzzTarget, same } from "../target.ts";

/** The hand-made framing of ChunkService against the generated code, in pieces of any size: both accept the same and read the same. */
export const chunkMessages: FuzzTarget = {
  name: "chunk-messages",
  maxBytes: 1024,
  seeds: () => [
    toBinary(
      WriteChunksRequestSchema,
      create(WriteChunksRequestSchema, {
        header: { blobId: new Uint8Array(16), chunkIndex: 3, length: 100, blockChecksums: new Uint8Array(4) },
        data: new Uint8Array(100).fill(5),
      }),
    ),
    toBinary(
      ReadChunkResponseSchema,
      create(ReadChunkResponseSchema, {
        header: create(ReadChunkHeaderSchema, {}),
        data: new Uint8Array(50),
      }),
    ),
    toBinary(
      ReadChunkRequestSchema,
      create(ReadChunkRequestSchema, { blobId: new Uint8Array(16), length: 9 }),
    ),
    toBinary(WriteChunksResponseSchema, create(WriteChunksResponseSchema, {})),
  ],
  property: (input) => {
    const pieces = cut(input);
    const labels: string[] = [];
    for (const [schema, parse] of [
      [WriteChunksRequestSchema, parseWriteRequest],
      [ReadChunkResponseSchema, parseReadResponse],
    ] as const) {
      const mine = parse(pieces, input.length);
      const generated = orUndefined(() =>
        fromBinary<typeof WriteChunksRequestSchema>(schema as never, input),
      );
      if (mine !== undefined && generated !== undefined) {
        same(concatBytes(mine.data), generated.data, "the data of a message");
        // Twice the same sub-message: generated code merges, which nobody sends. Its last one counts here.
        labels.push("both");
      } else if (mine === undefined && generated !== undefined) labels.push("generated only");
      else labels.push(mine === undefined ? "refused" : "own only");
      if (mine !== undefined && mine.dataBytes > input.length) broken("more data than there are bytes");
    }
    labels.push(parseReadRequest(pieces, input.length) === undefined ? "no request" : "request");
    labels.push(parseWriteResponse(pieces, input.length) === undefined ? "no answer" : "answer");
    return labels.join(", ");
  },
};

/** Into pieces whose sizes follow from the bytes. */
function cut(input: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < input.length; ) {
    const size = 1 + ((input[at] ?? 0) % 7);
    pieces.push(input.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

function orUndefined<T>(decode: () => T): T | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
