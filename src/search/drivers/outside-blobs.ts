/** Blobs in stores outside the cluster, as the rows of the metadata say which one has which. */

import { create } from "@bufbuild/protobuf";
import { concatBytes, toHex } from "../../base/index.ts";
import { type NewBlob, NewBlobSchema } from "../../gen/skerry/meta/v1/commands_pb.js";
import type { SearchStoreRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { Timers } from "../../platform/index.ts";
import type { BlockSeal } from "../cache/disk-cache.ts";
import { SearchError } from "../errors.ts";
import type { BlobName, ByteRange } from "../ports.ts";
import type { OutsideStore } from "./outside-store.ts";
import { probeStore } from "./probe.ts";
import {
  openRange,
  SEALED_BLOCK_BYTES,
  type SealedBlob,
  sealedBlocks,
  sealedBytes,
  storedRange,
} from "./sealed-blob.ts";

/** Blocks that are sealed before others get their turn: a few milliseconds. */
const SEAL_TURN_BLOCKS = 16;
/** The longest part that is read by one request, and so many requests at once. */
const READ_PART_BYTES = 32 * SEALED_BLOCK_BYTES;
const READ_PARTS = 4;

export interface OutsideBlobsOptions {
  /** Undefined: there is no store of this number. */
  readonly row: (storeId: bigint) => SearchStoreRow | undefined;
  /** A store as its row says. */
  readonly open: (location: SearchStoreRow["location"]) => OutsideStore;
  /** Under a key of the blob's own, which every node of the cluster derives. */
  readonly sealOf: (blobHex: string) => BlockSeal;
  readonly newBlobId: () => Uint8Array;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly timers: Pick<Timers, "sleep">;
}

interface OpenStore {
  readonly changedAtMs: bigint;
  readonly store: OutsideStore;
  /** What the probe found, once for as long as the settings are the same; undefined: not probed yet. */
  probe: Promise<string | undefined> | undefined;
}

export class OutsideBlobs {
  readonly #options: OutsideBlobsOptions;
  readonly #open = new Map<bigint, OpenStore>();

  constructor(options: OutsideBlobsOptions) {
    this.#options = options;
  }

  /** Resolves when the bytes are durable. Nothing is written to a store that does not do what blobs rely on. */
  async write(storeId: bigint, parts: readonly Uint8Array[], signal: AbortSignal): Promise<NewBlob> {
    const open = this.#storeOf(storeId);
    const problem = await this.#probed(open, signal);
    if (problem !== undefined)
      throw new SearchError("unavailable", `store ${storeId} for index segments: ${problem}`);
    const blobId = this.#options.newBlobId();
    const name = toHex(blobId);
    const sizeBytes = parts.reduce((sum, { length }) => sum + length, 0);
    const sealed = await this.#sealed({ blobHex: name, sizeBytes }, parts, signal);
    const written = await open.store.putIfAbsent(name, sealed, signal);
    // A write whose answer was lost and that was sent again finds itself; whoever is not sure takes another id.
    if (written === "exists") throw new SearchError("unavailable", "the name of a new blob is taken");
    return create(NewBlobSchema, { blobId, size: BigInt(sizeBytes), searchStoreId: storeId });
  }

  async read(
    storeId: bigint,
    { blobId, sizeBytes }: BlobName,
    range: ByteRange,
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const blob = { blobHex: toHex(blobId), sizeBytes };
    const seal = this.#options.sealOf(blob.blobHex);
    const { store } = this.#storeOf(storeId);
    const readPart = async (part: ByteRange): Promise<Uint8Array> => {
      const stored = await store.read(blob.blobHex, storedRange(blob, part, seal), signal);
      if (stored === undefined)
        throw new SearchError("data-damaged", `store ${storeId} does not have blob ${blob.blobHex}`);
      return openRange(blob, part, stored, seal);
    };
    const parts = partsOf(range);
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < parts.length; at += READ_PARTS)
      pieces.push(...(await Promise.all(parts.slice(at, at + READ_PARTS).map(readPart))));
    return pieces.length === 1 ? pieces[0]! : concatBytes(pieces);
  }

  /** For those who take bytes away. */
  store(storeId: bigint): OutsideStore {
    return this.#storeOf(storeId).store;
  }

  /** The object, which is all that is in memory besides the parts. */
  async #sealed(blob: SealedBlob, parts: readonly Uint8Array[], signal: AbortSignal): Promise<Uint8Array> {
    const seal = this.#options.sealOf(blob.blobHex);
    const object = new Uint8Array(sealedBytes(blob, seal));
    let [at, blocks] = [0, 0];
    for (const block of sealedBlocks(blob, parts, seal)) {
      object.set(block, at);
      at += block.length;
      if (++blocks % SEAL_TURN_BLOCKS === 0) await this.#options.timers.sleep(0, signal);
    }
    return object;
  }

  #storeOf(storeId: bigint): OpenStore {
    const row = this.#options.row(storeId);
    if (row === undefined) throw new SearchError("unavailable", `store ${storeId} is not known here yet`);
    const known = this.#open.get(storeId);
    if (known !== undefined && known.changedAtMs === row.changedAtMs) return known;
    const opened = {
      changedAtMs: row.changedAtMs,
      store: this.#options.open(row.location),
      probe: undefined,
    };
    this.#open.set(storeId, opened);
    return opened;
  }

  /** One that did not pass is asked again: an operator may have mended it. */
  async #probed(open: OpenStore, signal: AbortSignal): Promise<string | undefined> {
    const { newBlobId, randomBytes } = this.#options;
    open.probe ??= probeStore(open.store, { name: toHex(newBlobId()), randomBytes }, signal);
    const probe = open.probe;
    const problem = await probe.catch((error: unknown) => {
      if (open.probe === probe) open.probe = undefined;
      throw error;
    });
    if (problem !== undefined && open.probe === probe) open.probe = undefined;
    return problem;
  }
}

/** Cut where blocks end, so that none is read twice. */
function partsOf({ offset, length }: ByteRange): readonly ByteRange[] {
  const parts: ByteRange[] = [];
  for (let at = offset; at < offset + length; ) {
    const end = Math.min((Math.floor(at / READ_PART_BYTES) + 1) * READ_PART_BYTES, offset + length);
    parts.push({ offset: at, length: end - at });
    at = end;
  }
  return parts;
}
