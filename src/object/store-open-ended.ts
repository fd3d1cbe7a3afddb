import { FrameCipher } from "../access/index.ts";
import { concatBytes, FRAME_BYTES, sealedLength } from "../base/index.ts";
import type { Digest } from "../platform/index.ts";
import type { BodyDigests } from "./checksums.ts";
import { type ObjectContext, translate } from "./context.ts";
import { sealFrames } from "./encryption/frames.ts";
import type { BodyKey } from "./encryption/object-keys.ts";
import { ObjectError } from "./errors.ts";
import type { BodySource } from "./ports.ts";
import { joinedRows, rowsOf, type StoredBody } from "./stored-body.ts";

export interface OpenEndedBody extends BodySource {
  readonly slackBytes: number;
}

export interface StoreOptions {
  readonly judge: BodyDigests;
  /** The blobs hold the bytes encrypted. */
  readonly key: BodyKey | undefined;
  readonly signal: AbortSignal;
}

/**
 * `storeBody` for a body that may be a little longer than it promises. A blob says its length before its first byte: so all that surely comes is one blob, and
 * what else has come in the end, which is held meanwhile, another one.
 */
export async function storeOpenEnded(
  context: ObjectContext,
  body: OpenEndedBody,
  { judge, key, signal }: StoreOptions,
): Promise<StoredBody> {
  const { hasher, blobs } = context.options;
  const digest = hasher.start(judge.algorithms, body.sizeBytes);
  const source = new CutSource(body.bytes, digest);
  const firstBytes = surelyBefore(body.sizeBytes, key);
  const cipher = key && new FrameCipher(key.dataKey, key.salt);
  const write = (bytes: AsyncIterable<Uint8Array>, sizeBytes: number, isEnd: boolean) => {
    const place = { firstFrame: isEnd ? firstBytes / FRAME_BYTES : 0, isEnd };
    return blobs.write({
      sizeBytes: cipher === undefined ? sizeBytes : sealedLength(sizeBytes),
      bytes: cipher === undefined ? bytes : sealFrames(bytes, sizeBytes, cipher, place),
      digests: [],
      signal,
    });
  };
  try {
    const first = await write(source.first(firstBytes), firstBytes, false);
    const leastBytes = body.sizeBytes - firstBytes;
    const rest = await source.rest(leastBytes, leastBytes + body.slackBytes);
    const second = await write(once(rest), rest.length, true);
    const rows = joinedRows(rowsOf(first), rowsOf(second));
    return { ...judge.verify(await digest.finish()), rows, sizeBytes: firstBytes + rest.length };
  } catch (error) {
    digest.abandon();
    source.close();
    throw translate(error);
  }
}

/** A frame is sealed with whether it is the last one: where there is a key, the last that surely comes waits for the end. */
function surelyBefore(sizeBytes: number, key: BodyKey | undefined): number {
  if (key === undefined || sizeBytes === 0) return sizeBytes;
  return Math.floor((sizeBytes - 1) / FRAME_BYTES) * FRAME_BYTES;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** The two parts of a source, one after the other, and the digest of both. */
class CutSource {
  readonly #pieces: AsyncIterator<Uint8Array>;
  readonly #digest: Digest;
  /** Of the piece at the cut. */
  #left: Uint8Array | undefined;

  constructor(bytes: AsyncIterable<Uint8Array>, digest: Digest) {
    this.#pieces = bytes[Symbol.asyncIterator]();
    this.#digest = digest;
  }

  /** Exactly `sizeBytes`; throws "body-truncated" when there are fewer. */
  async *first(sizeBytes: number): AsyncGenerator<Uint8Array> {
    for (let missing = sizeBytes; missing > 0; ) {
      const piece = await this.#next();
      if (piece === undefined) throw endedEarly();
      if (piece.length > missing) this.#left = piece.slice(missing);
      const taken = piece.subarray(0, missing);
      missing -= taken.length;
      yield taken;
    }
  }

  /** Up to the end; throws "body-truncated" and "body-too-long" when that is not as much as it has to be. */
  async rest(leastBytes: number, mostBytes: number): Promise<Uint8Array> {
    const held: Uint8Array[] = this.#left === undefined ? [] : [this.#left];
    let heldBytes = this.#left?.length ?? 0;
    for (;;) {
      if (heldBytes > mostBytes) throw new ObjectError("body-too-long", "the body is longer than it may be");
      const piece = await this.#next();
      if (piece === undefined) break;
      held.push(piece.slice());
      heldBytes += piece.length;
    }
    if (heldBytes < leastBytes) throw endedEarly();
    return concatBytes(held);
  }

  /** Tells the source that nothing more is wanted. One that waits for its client hears it afterwards; that is not waited for. */
  close(): void {
    this.#pieces.return?.().catch(() => undefined);
  }

  async #next(): Promise<Uint8Array | undefined> {
    const next = await this.#pieces.next();
    if (next.done === true) return undefined;
    await this.#digest.update(next.value);
    return next.value;
  }
}

function endedEarly(): ObjectError {
  return new ObjectError("body-truncated", "the body ended early");
}
