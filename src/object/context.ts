import type { Sealer } from "../access/index.ts";
import type { BlobStore } from "../blob/index.ts";
import { BlobError } from "../blob/index.ts";
import type { CommandResult } from "../gen/skerry/meta/v1/commands_pb.js";
import type { BucketRow } from "../gen/skerry/meta/v1/rows_pb.js";
import { type CommandBody, type MetadataClient, type MetadataView, MetaError } from "../meta/index.ts";
import type { Hasher, Random } from "../platform/index.ts";
import { KeyRing } from "./encryption/key-ring.ts";
import { ObjectKeys } from "./encryption/object-keys.ts";
import { ObjectError, type ObjectErrorCode } from "./errors.ts";

export interface ObjectStoreOptions {
  readonly metadata: MetadataClient;
  readonly blobs: BlobStore;
  readonly hasher: Hasher;
  /** Opens the keys of the key ring. */
  readonly sealer: Sealer;
  readonly random: Random;
  /** A new id of 16 bytes in order of time: versions and uploads. */
  readonly newId: () => Uint8Array;
  /** Parts but the last must have at least this size, in bytes. */
  readonly minimumPartBytes: number;
  /** Buckets where an object is overwritten only by a request with If-Match. Undefined: none. */
  readonly requiresIfMatch?: (bucket: string) => boolean;
  /**
   * Callers pass `asOfNow` when a request begins, before they judge it, so that no read begins a round of its own: what a request is judged by and what it
   * reads are of one moment then, or nearly so, and what was written for others after its caller's rights were taken is not read with the older rights.
   */
  readonly readsFollowCallers?: boolean;
}

/** What every use case needs: metadata and blobs, with their failures translated into this module's errors. */
export class ObjectContext {
  readonly options: ObjectStoreOptions;
  readonly keys: ObjectKeys;

  constructor(options: ObjectStoreOptions) {
    this.options = options;
    this.keys = new ObjectKeys({ ring: new KeyRing(options), random: options.random });
  }

  get view(): MetadataView {
    return this.options.metadata.view;
  }

  async submit(body: CommandBody): Promise<CommandResult> {
    try {
      return await this.options.metadata.submit(body);
    } catch (error) {
      throw translate(error);
    }
  }

  /** Undefined: the view shows everything that was acknowledged before the call, else it does when the promise resolves. */
  asOfNow(): Promise<void> | undefined {
    return this.options.metadata.isCurrent() ? undefined : this.#round();
  }

  /** After it, the view shows everything that was acknowledged before the call, or before the request that it is made for. */
  async barrier(): Promise<void> {
    if (this.options.readsFollowCallers !== true) await this.#round();
  }

  async #round(): Promise<void> {
    try {
      await this.options.metadata.barrier();
    } catch (error) {
      throw translate(error);
    }
  }

  /** For reads: as of now. */
  async freshBucket(name: string): Promise<BucketRow> {
    await this.barrier();
    return this.bucket(name);
  }

  /**
   * For writes, whose commit checks the bucket again: the local row will do when there is one; only its absence is worth a round.
   */
  async knownBucket(name: string): Promise<BucketRow> {
    return this.view.bucket(name) ?? (await this.freshBucket(name));
  }

  /** The bucket of a write that has been committed: the row that the write began with may be older than what it was committed to. */
  asCommitted(bucket: BucketRow): BucketRow {
    const row = this.view.bucket(bucket.name);
    return row?.bucketId === bucket.bucketId ? row : bucket;
  }

  /** As this node has applied it. Refuses "bucket-not-found". */
  bucket(name: string): BucketRow {
    const bucket = this.view.bucket(name);
    if (bucket === undefined) {
      throw new ObjectError("bucket-not-found", "there is no bucket of this name", {
        details: { BucketName: name },
      });
    }
    return bucket;
  }
}

const BLOB_CODE: Readonly<Record<BlobError["code"], ObjectErrorCode>> = {
  unavailable: "unavailable",
  "storage-full": "storage-full",
  "data-unavailable": "data-unavailable",
  "length-mismatch": "body-truncated",
  canceled: "canceled",
};

/** Failures of the engines below as this module's errors; everything else passes unchanged. */
export function translate(error: unknown): unknown {
  if (error instanceof BlobError)
    return new ObjectError(BLOB_CODE[error.code], error.message, { cause: error });
  if (error instanceof MetaError) return new ObjectError(error.code, error.message, { cause: error });
  return error;
}
