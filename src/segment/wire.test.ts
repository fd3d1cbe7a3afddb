import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concatBytes } from "../base/index.ts";
import {
  ChunkHeaderSchema,
  ReadChunkHeaderSchema,
  ReadChunkResponseSchema,
  WriteChunksRequestSchema,
} from "../gen/skerry/segment/v1/chunk_pb.js";
import {
  messagesOf,
  parseReadResponse,
  parseWriteRequest,
  parseWriteResponse,
  readResponsePrefix,
  writeRequestPrefix,
} from "./wire.ts";

const chunkHeader = fc
  .record({
    requestId: fc.bigInt({ min: 0n, max: 2n ** 63n }),
    clusterId: fc.string({ maxLength: 40 }),
    layoutEpoch: fc.bigInt({ min: 0n, max: 2n ** 40n }),
    targetIncarnation: fc.string({ maxLength: 20 }),
    blobId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
    chunkIndex: fc.nat(),
    length: fc.nat(),
    blockChecksums: fc.uint8Array({ maxLength: 300 }),
  })
  .map((fields) => create(ChunkHeaderSchema, fields));

/** The same bytes in pieces, cut anywhere. */
function cut(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const at = [0, ...cuts.map((cutAt) => cutAt % (bytes.length + 1)), bytes.length].sort((a, b) => a - b);
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

describe("messages with data are those of the generated code", () => {
  test("WriteChunksRequest", () => {
    fc.assert(
      fc.property(
        fc.option(chunkHeader, { nil: undefined }),
        fc.uint8Array({ maxLength: 500 }),
        (header, data) => {
          const message = create(WriteChunksRequestSchema, { data, ...(header && { header }) });
          const bytes = concatBytes([writeRequestPrefix(header, data.length), data]);
          expect(bytes).toEqual(toBinary(WriteChunksRequestSchema, message));
        },
      ),
    );
  });

  test("ReadChunkResponse", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(), fc.uint8Array({ maxLength: 300 }), (offset, length, data) => {
        const header = create(ReadChunkHeaderSchema, {
          offset,
          length,
          chunkLength: length,
          blockChecksums: data,
        });
        const message = create(ReadChunkResponseSchema, { header, data });
        const bytes = concatBytes([readResponsePrefix(header, data.length), data]);
        expect(bytes).toEqual(toBinary(ReadChunkResponseSchema, message));
      }),
    );
  });
});

describe("taking messages apart", () => {
  test("however the network has cut them", () => {
    const data = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(
        fc.option(chunkHeader, { nil: undefined }),
        data,
        fc.array(fc.nat()),
        (header, data, cuts) => {
          const bytes = concatBytes([writeRequestPrefix(header, data.length), data]);
          const parsed = parseWriteRequest(cut(bytes, cuts), bytes.length);
          expect(parsed?.header).toEqual(header);
          expect(concatBytes(parsed?.data ?? [])).toEqual(data);
          expect(parsed?.dataBytes).toBe(data.length);
        },
      ),
    );
  });

  test("data is a view of the pieces, not a copy", () => {
    const data = new Uint8Array([1, 2, 3]);
    const pieces = [writeRequestPrefix(undefined, 3), data];
    expect(parseWriteRequest(pieces, 5)?.data[0]?.buffer).toBe(data.buffer);
  });

  test("skips fields of later versions", () => {
    const unknown = [0x10, 0x96, 0x01, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x22, 2, 9, 9, 0x2d, 1, 2, 3, 4];
    const bytes = Uint8Array.from([...unknown, 0x7a, 1, 42, ...unknown]);
    expect(parseReadResponse([bytes], bytes.length)).toEqual({
      header: undefined,
      data: [Uint8Array.of(42)],
      dataBytes: 1,
    });
  });

  test.each([
    ["a length behind the end", [0x7a, 5, 1]],
    ["a header that is no message", [0x0a, 2, 0x0f, 0x0f]],
    ["field 0", [0x02, 0]],
    ["a group", [0x7b, 0x7c]],
    ["a varint without an end", [0xff, 0xff]],
    ["a length over 2^53", [0x7a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]],
  ])("refuses %s", (_, bytes) => {
    expect(parseWriteRequest([Uint8Array.from(bytes)], bytes.length)).toBeUndefined();
  });

  test("any bytes are a message or none, and never throw", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.array(fc.nat()), (bytes, cuts) => {
        parseWriteRequest(cut(bytes, cuts), bytes.length);
        parseReadResponse(cut(bytes, cuts), bytes.length);
        parseWriteResponse(cut(bytes, cuts), bytes.length);
      }),
    );
  });
});

test("data is sent in runs of the message size, where it lies", () => {
  const pieces = [new Uint8Array(5).fill(1), new Uint8Array(0), new Uint8Array(7).fill(2)];
  const messages = [...messagesOf(pieces, 4)];
  expect(messages.map((parts) => concatBytes(parts).length)).toEqual([4, 4, 4]);
  expect(concatBytes(messages.flat())).toEqual(concatBytes(pieces));
  expect(messages.flat().every((part) => pieces.some((piece) => piece.buffer === part.buffer))).toBe(true);
});
