/** Draws new bytes. */

import type { NewBlob } from "../../../gen/skerry/meta/v1/commands_pb.js";
import { chunkedBlob, id, inlineBlob, slice } from "../commands.ts";
import type { ModelBlob } from "../model/blobs.ts";
import type { ModelSlice, ModelWrap } from "../model/rows.ts";
import type { Draws } from "./draws.ts";
import { FRAME_TAG_BYTES } from "./rings.ts";

/** New bytes: none, inline, or one or two chunked blobs. */
export function drawContent({ prng, model, nextId }: Draws) {
  const kind = prng.pick(["none", "inline", "chunked", "chunked", "two"]);
  const count = kind === "none" ? 0 : kind === "two" ? 2 : 1;
  const drawn = Array.from({ length: count }, () => ({
    blob: nextId(),
    size: prng.between(1 + FRAME_TAG_BYTES, 50),
    isInline: kind === "inline",
    copies: prng.pick([2, 3, 3]),
  }));
  const newBlobs: NewBlob[] = drawn.map(({ blob, size, isInline, copies }) =>
    isInline
      ? inlineBlob(id(blob), size)
      : chunkedBlob(id(blob), size, { holders: [1, 2, 3].slice(0, copies) }),
  );
  const slices: ModelSlice[] = drawn.map(({ blob, size }) => ({ blob, offset: 0, length: size }));
  const size = drawn.reduce((sum, blob) => sum + blob.size, 0);
  const blobs = (): Map<number, ModelBlob> =>
    new Map(
      drawn.map(({ blob, size, isInline, copies }) => [
        blob,
        {
          size,
          isInline,
          state: "live",
          sinceMs: model.nowMs,
          holders: isInline ? [] : [1, 2, 3].slice(0, copies),
          home: 1,
          discards: 0,
        },
      ]),
    );
  return { newBlobs, slices, size, blobs };
}

export function tagBytesOf(wrap: ModelWrap | undefined, sizeBytes: number): number {
  return wrap === undefined || sizeBytes === 0 ? 0 : FRAME_TAG_BYTES;
}

export function toSlice({ blob, offset, length }: ModelSlice) {
  return slice(id(blob), offset, length);
}
