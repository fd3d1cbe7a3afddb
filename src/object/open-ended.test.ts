/** The promise: a body may be a little longer than it says, and is stored as one of a known length would be. */
import { expect, it } from "vitest";
import { FRAME_BYTES } from "../base/index.ts";
import type { BodySource, EncryptionRequest } from "./index.ts";
import { ATTRIBUTES, BUCKET, md5, ObjectRig, signal, upTo } from "./testing/object-rig.ts";
import { INLINE_BYTES, OWNER } from "./testing/single-node.ts";

const SLACK_BYTES = 2;
const PIECES = [1, 700, FRAME_BYTES, 1_000_000];
const SIZES = [0, 1, INLINE_BYTES, INLINE_BYTES + 1, FRAME_BYTES, FRAME_BYTES + 1, 3 * FRAME_BYTES, 200_000];

const rig = ObjectRig.forEachTest();

/** Promises `sizeBytes`, and brings `bytes`. Whether it was read to its end, or told that it is not wanted, shows in `ended`. */
function openEnded(bytes: Uint8Array, sizeBytes: number, pieceBytes = 700) {
  const ended = { isIt: false };
  async function* pieces() {
    try {
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        // A piece is valid until the next one is asked for.
        const piece = Uint8Array.from(bytes.subarray(at, at + pieceBytes));
        yield piece;
        piece.fill(0xee);
      }
    } finally {
      ended.isIt = true;
    }
  }
  const body: BodySource = { sizeBytes, slackBytes: SLACK_BYTES, bytes: pieces(), expected: {} };
  return { body, ended };
}

function put(body: BodySource, encryption?: EncryptionRequest) {
  const wish = encryption === undefined ? {} : { encryption };
  const request = { bucket: BUCKET, key: "k", body, attributes: ATTRIBUTES, owner: OWNER, signal };
  return rig.node.objects.putObject({ ...request, ...wish });
}

it.each(SIZES.flatMap((size) => [0, 1, SLACK_BYTES].map((more) => [size, more] as const)))(
  "%i bytes and %i more",
  async (size, more) => {
    const bytes = upTo(size + more);
    for (const encryption of [undefined, { kind: "sse-s3" }] as const) {
      for (const pieceBytes of PIECES.filter((piece) => piece > 1 || size <= INLINE_BYTES)) {
        const { body } = openEnded(bytes, size, pieceBytes);
        const stored = await put(body, encryption);
        expect([stored.size, stored.etag]).toEqual([size + more, md5(bytes)]);
        expect(await rig.get("k")).toBe(bytes.toString("latin1"));
        if (size === 0) continue;
        // Over the place where the two blobs meet.
        const range = { kind: "from-to", first: Math.floor(size / 2), last: undefined } as const;
        expect(await rig.get("k", { range })).toBe(bytes.subarray(range.first).toString("latin1"));
      }
    }
    expect(await rig.node.violations()).toEqual([]);
  },
);

it.each([
  ["shorter than it says", -1, "body-truncated"],
  ["longer than it may be", SLACK_BYTES + 1, "body-too-long"],
])("stores nothing that is %s", async (_, more, code) => {
  for (const encryption of [undefined, { kind: "sse-s3" }] as const) {
    for (const size of SIZES.filter((size) => size > 0)) {
      const { body, ended } = openEnded(upTo(size + more), size);
      await expect(put(body, encryption)).rejects.toMatchObject({ code });
      expect(ended.isIt || size + more === 0).toBe(true);
    }
  }
  await expect(rig.get("k")).rejects.toMatchObject({ code: "object-not-found" });
  expect(await rig.node.violations()).toEqual([]);
});

it("keeps what was promised about the bytes", async () => {
  const bytes = upTo(5001);
  const { body } = openEnded(bytes, 5000);
  const wrong = { ...body, expected: { md5: Buffer.from(md5(bytes.subarray(0, 5000)), "hex") } };
  await expect(put(wrong)).rejects.toMatchObject({ code: "md5-mismatch" });
  const right = { ...openEnded(bytes, 5000).body, expected: { md5: Buffer.from(md5(bytes), "hex") } };
  expect((await put(right)).size).toBe(5001);
});
