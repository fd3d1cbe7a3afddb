import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { BlobRowSchema, BlobState } from "../../gen/skerry/meta/v1/rows_pb.js";
import { BlobLocks } from "./blob-locks.ts";
import { BlobCopier, type CopierOptions } from "./copier.ts";

const BLOBS = [1, 2, 3, 4].map((number) => new Uint8Array(16).fill(number));

test("who asked goes away: what was still at work gives its locks back too", async () => {
  const locks = new BlobLocks();
  const abort = new AbortController();
  // The first blob is found aborted at once; the second one's read comes back later, and the rest of the queue with it.
  let readSecond: (() => void) | undefined;
  const options = {
    nodeId: 4,
    locks,
    hasher: { blake3: () => new Uint8Array(32) },
    events: { onCopied: () => {}, onBadCopy: () => {} },
    chunks: {
      has: () => false,
      store: async () => {},
      quarantine: () => {},
      read: (_: number, { blobId }: { readonly blobId: Uint8Array }) =>
        blobId[0] === 1
          ? Promise.reject(new Error("the stream broke"))
          : new Promise((resolve) => {
              readSecond = () => resolve([new Uint8Array(5)]);
            }),
    },
    metadata: {
      view: {
        isDiscarding: () => false,
        blob: (blobId: Uint8Array) =>
          create(BlobRowSchema, {
            blobId,
            state: BlobState.LIVE,
            chunks: [{ length: 5, blake3: new Uint8Array(32), nodeIds: [1n] }],
          }),
      },
    },
  } as unknown as CopierOptions;
  const wanted = BLOBS.map((blobId) => ({ blobId, chunks: [{ index: 0, sources: [1] }] }));
  const copying = new BlobCopier(options).copy(wanted, abort.signal);
  abort.abort(new Error("the caller went away"));
  await new Promise((resolve) => setImmediate(resolve));
  readSecond?.();
  await expect(copying).rejects.toThrow("the caller went away");
  await new Promise((resolve) => setImmediate(resolve));
  for (const blobId of BLOBS) expect(locks.take(blobId)).toBeDefined();
});
