import { FrameCipher } from "../../access/index.ts";
import { sealedLength } from "../../base/index.ts";
import type { Digest } from "../../platform/index.ts";
import type { BodyDigests } from "../checksums.ts";
import { type ObjectContext, translate } from "../context.ts";
import type { BodySource } from "../ports.ts";
import { rowsOf, type StoredBody } from "../stored-body.ts";
import { sealFrames } from "./frames.ts";
import type { BodyKey } from "./object-keys.ts";

/** The encrypted form of `storeBody`: digests are of what the client sent, blobs hold what nobody can read without the data key. */
export async function storeSealed(
  context: ObjectContext,
  body: BodySource,
  options: { readonly judge: BodyDigests; readonly key: BodyKey; readonly signal: AbortSignal },
): Promise<StoredBody> {
  const { hasher, blobs } = context.options;
  const digest = hasher.start(options.judge.algorithms, body.sizeBytes);
  const cipher = new FrameCipher(options.key.dataKey, options.key.salt);
  try {
    const written = await blobs.write({
      sizeBytes: sealedLength(body.sizeBytes),
      bytes: sealFrames(digested(body.bytes, digest), body.sizeBytes, cipher),
      digests: [],
      signal: options.signal,
    });
    const { sizeBytes } = body;
    return { ...options.judge.verify(await digest.finish()), rows: rowsOf(written), sizeBytes };
  } catch (error) {
    digest.abandon();
    throw translate(error);
  }
}

async function* digested(bytes: AsyncIterable<Uint8Array>, digest: Digest): AsyncGenerator<Uint8Array> {
  for await (const piece of bytes) {
    await digest.update(piece);
    yield piece;
  }
}
