/**
 * A command that lets go of many references to blobs, or writes rows with as many again, is applied in one turn, on all nodes at once, and nobody else is served meanwhile: 20 to
 * 50 microseconds for each reference. So whoever proposes to change several things cuts them into several commands. One thing with more than the bound is a command of its own.
 */

import type { UploadRow } from "../gen/skerry/meta/v1/rows_pb.js";
import type { MetadataView } from "../meta/index.ts";

/** References that one command lets go of or writes again, but for a command about one thing alone. */
export const MAX_RELEASED_REFERENCES = 1_000;

/** Something to be removed or written again, and how many references to blobs go with it. */
export interface Releasing<T> {
  readonly item: T;
  readonly references: number;
}

/** In their order, at most `mostItems` in one step. Each is asked for when the step before it is done with: what was looked up for it is as new as can be. */
export async function* inSteps<T>(
  items: AsyncIterable<Releasing<T>> | Iterable<Releasing<T>>,
  mostItems: number,
): AsyncGenerator<readonly T[]> {
  let step: T[] = [];
  let released = 0;
  for await (const { item, references } of items) {
    // What has no bytes of its own is work too.
    const more = Math.max(1, references);
    if (step.length > 0 && (step.length >= mostItems || released + more > MAX_RELEASED_REFERENCES)) {
      yield step;
      step = [];
      released = 0;
    }
    step.push(item);
    released += more;
  }
  if (step.length > 0) yield step;
}

/** Of an upload's parts, counted no further than to the bound. */
export async function referencesOfUpload(
  view: Pick<MetadataView, "parts">,
  { uploadId, partBitmap }: Pick<UploadRow, "uploadId" | "partBitmap">,
): Promise<number> {
  const parts = countBits(partBitmap);
  if (parts === 0 || parts >= MAX_RELEASED_REFERENCES) return parts;
  const rows = await view.parts(uploadId, { after: 0, limit: MAX_RELEASED_REFERENCES });
  return rows.reduce((sum, { sliceCount }) => sum + Math.max(1, sliceCount), 0);
}

function countBits(bitmap: Uint8Array): number {
  let count = 0;
  for (const byte of bitmap) {
    for (let rest = byte; rest !== 0; rest &= rest - 1) count += 1;
  }
  return count;
}
