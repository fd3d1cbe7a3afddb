/** The promise: encrypted bytes come back exactly, by any range, and nothing that was changed, moved or cut ever does. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FrameCipher } from "../../access/index.ts";
import { concatBytes, createPrng, FRAME_BYTES, sealedLength } from "../../base/index.ts";
import { frameRange, openFrames, sealFrames } from "./frames.ts";

const random = createPrng("frames");
const dataKey = random.bytes(32);
const salt = random.bytes(16);
const cipher = () => new FrameCipher(dataKey, salt);

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function gathered(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of source) all.push(Uint8Array.from(piece));
  return concatBytes(all);
}

function seal(plaintext: Uint8Array, pieceBytes = 50_000): Promise<Uint8Array> {
  return gathered(sealFrames(pieces(plaintext, pieceBytes), plaintext.length, cipher()));
}

function open(sealed: Uint8Array, sizeBytes: number, first: number, length: number, pieceBytes = 70_000) {
  const { offset, length: count } = frameRange(sizeBytes, first, length);
  return gathered(
    openFrames(
      pieces(sealed.subarray(offset, offset + count), pieceBytes),
      { sizeBytes, first, length },
      cipher(),
    ),
  );
}

const SIZES = [
  1,
  15,
  16,
  17,
  FRAME_BYTES - 1,
  FRAME_BYTES,
  FRAME_BYTES + 1,
  3 * FRAME_BYTES,
  3 * FRAME_BYTES + 7,
];

describe("an encrypted body", () => {
  it.each(SIZES)("of %i bytes has the length that was computed, and opens", async (size) => {
    const plaintext = random.bytes(size);
    const sealed = await seal(plaintext);
    expect(sealed.length).toBe(sealedLength(size));
    expect(await open(sealed, size, 0, size)).toEqual(plaintext);
  });

  it("of no bytes has none", async () => {
    expect(sealedLength(0)).toBe(0);
    expect(await seal(new Uint8Array(0))).toHaveLength(0);
  });

  it("opens by any range, from the frames of that range alone, however both streams are cut", async () => {
    const size = 3 * FRAME_BYTES + 1234;
    const plaintext = random.bytes(size);
    const ranges = fc.record({
      first: fc.nat({ max: size - 1 }),
      length: fc.integer({ min: 1, max: size }),
      sealPieces: fc.integer({ min: 1000, max: 200_000 }),
      openPieces: fc.integer({ min: 1000, max: 200_000 }),
    });
    await fc.assert(
      fc.asyncProperty(ranges, async ({ first, length, sealPieces, openPieces }) => {
        const count = Math.min(length, size - first);
        const sealed = await seal(plaintext, sealPieces);
        expect(await open(sealed, size, first, count, openPieces)).toEqual(
          plaintext.subarray(first, first + count),
        );
      }),
      { numRuns: 60 },
    );
  });

  it("does not open where one bit differs, where frames changed places, or where the end is missing", async () => {
    const size = 2 * FRAME_BYTES + 100;
    const sealed = await seal(random.bytes(size));
    const frame = FRAME_BYTES + 16;
    const flipped = Uint8Array.from(sealed);
    flipped[frame + 5]! ^= 1;
    const swapped = concatBytes([
      sealed.subarray(frame, 2 * frame),
      sealed.subarray(0, frame),
      sealed.subarray(2 * frame),
    ]);
    // What is left looks whole, but its last frame was not sealed as the last one.
    const cut = sealed.subarray(0, 2 * frame);
    await expect(open(flipped, size, 0, size)).rejects.toMatchObject({ code: "data-unavailable" });
    await expect(open(swapped, size, 0, size)).rejects.toMatchObject({ code: "data-unavailable" });
    await expect(open(cut, 2 * FRAME_BYTES, 0, 2 * FRAME_BYTES)).rejects.toMatchObject({
      code: "data-unavailable",
    });
    await expect(open(cut, size, 0, size)).rejects.toMatchObject({ code: "data-unavailable" });
  });

  it("is refused while it is sealed when its source ends early", async () => {
    const source = pieces(random.bytes(100), 10);
    await expect(gathered(sealFrames(source, 101, cipher()))).rejects.toMatchObject({
      code: "body-truncated",
    });
  });
});
