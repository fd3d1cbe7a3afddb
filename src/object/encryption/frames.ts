/** Bodies as streams of frames: what `access/data-key` does to one frame, here for bytes that flow. */

import type { FrameCipher } from "../../access/index.ts";
import { FRAME_BYTES, FRAME_TAG_BYTES, sealedLength } from "../../base/index.ts";
import { ObjectError } from "../errors.ts";

const SEALED_FRAME_BYTES = FRAME_BYTES + FRAME_TAG_BYTES;

/** Where bytes lie in the body that is sealed: without an end it is a whole number of frames. */
export interface FramePlace {
  readonly firstFrame: number;
  readonly isEnd: boolean;
}

const WHOLE_BODY: FramePlace = { firstFrame: 0, isEnd: true };

/** The frames of a body, or of a part of one, of exactly `sizeBytes`; what the source throws passes through. Nothing for an empty body. */
export async function* sealFrames(
  plaintext: AsyncIterable<Uint8Array>,
  sizeBytes: number,
  cipher: FrameCipher,
  { firstFrame, isEnd }: FramePlace = WHOLE_BODY,
): AsyncGenerator<Uint8Array> {
  const frame = new Uint8Array(Math.min(FRAME_BYTES, sizeBytes));
  const frames = Math.ceil(sizeBytes / FRAME_BYTES);
  let index = 0;
  let filled = 0;
  for await (const piece of plaintext) {
    for (let at = 0; at < piece.length; ) {
      const count = Math.min(piece.length - at, frame.length - filled);
      // More than was promised: the source itself refuses that at its end.
      if (count === 0) break;
      frame.set(piece.subarray(at, at + count), filled);
      at += count;
      filled += count;
      const last = index === frames - 1;
      if (filled === (last ? sizeBytes - index * FRAME_BYTES : FRAME_BYTES)) {
        yield cipher.seal(firstFrame + index, last && isEnd, frame.subarray(0, filled));
        index += 1;
        filled = last ? frame.length : 0;
      }
    }
  }
  if (index !== frames) throw new ObjectError("body-truncated", "the body ended early");
}

/** A range of one body, and where its frames lie in the encrypted body. */
export interface FrameRange {
  readonly firstFrame: number;
  /** In the encrypted body. */
  readonly offset: number;
  readonly length: number;
  /** Plaintext bytes of the first frame that do not belong to the range. */
  readonly skip: number;
}

/** The frames that hold [first, first + length) of a body of `sizeBytes`; `length` is not 0. */
export function frameRange(sizeBytes: number, first: number, length: number): FrameRange {
  const firstFrame = Math.floor(first / FRAME_BYTES);
  const lastFrame = Math.floor((first + length - 1) / FRAME_BYTES);
  const offset = firstFrame * SEALED_FRAME_BYTES;
  const end = Math.min((lastFrame + 1) * SEALED_FRAME_BYTES, sealedLength(sizeBytes));
  return { firstFrame, offset, length: end - offset, skip: first - firstFrame * FRAME_BYTES };
}

export interface OpenedRange {
  readonly sizeBytes: number;
  readonly first: number;
  readonly length: number;
}

/** Plaintext of a range from the bytes that `frameRange` names. Throws "data-unavailable" for a frame that is not authentic. */
export async function* openFrames(
  sealed: AsyncIterable<Uint8Array>,
  range: OpenedRange,
  cipher: FrameCipher,
): AsyncGenerator<Uint8Array> {
  const { firstFrame, length, skip } = frameRange(range.sizeBytes, range.first, range.length);
  const lastOfBody = Math.ceil(range.sizeBytes / FRAME_BYTES) - 1;
  const gathered = new Uint8Array(Math.min(SEALED_FRAME_BYTES, length));
  let filled = 0;
  let rest = length;
  let index = firstFrame;
  let left = range.length;
  for await (const piece of sealed) {
    for (let at = 0; at < piece.length; ) {
      const wanted = Math.min(SEALED_FRAME_BYTES, rest);
      const count = Math.min(piece.length - at, wanted - filled);
      gathered.set(piece.subarray(at, at + count), filled);
      at += count;
      filled += count;
      if (filled < wanted) continue;
      const plaintext = cipher.open(index, index === lastOfBody, gathered.subarray(0, wanted));
      if (plaintext === undefined)
        throw new ObjectError("data-unavailable", "an encrypted frame is not authentic");
      const from = index === firstFrame ? skip : 0;
      const shown = plaintext.subarray(from, from + left);
      left -= shown.length;
      rest -= wanted;
      index += 1;
      filled = 0;
      yield shown;
    }
  }
  if (left > 0) throw new ObjectError("data-unavailable", "an encrypted body is shorter than it was");
}
