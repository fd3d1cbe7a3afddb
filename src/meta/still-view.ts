import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import {
  type BucketRow,
  BucketRowSchema,
  type KeyVersionsRow,
  KeyVersionsRowSchema,
  type ObjectRow,
  ObjectRowSchema,
} from "../gen/skerry/meta/v1/rows_pb.js";
import type { StoreSnapshot } from "../platform/index.ts";
import { bucketKey, keyVersionsKey, objectKey, versionKey } from "./keys.ts";
import { META_ID_BYTES } from "./limits.ts";
import { objectPage, type PageRange, versionPage } from "./list-ranges.ts";
import type { ListRange, StillView, VersionListRange } from "./ports.ts";
import { decodedPage } from "./row-reader.ts";
import { countSlices, decodeObjectSummary, type ObjectSummary } from "./summaries.ts";

/** The objects of buckets as of one moment, however long a reader takes. */
export class SnapshotView implements StillView {
  readonly #snapshot: Pick<StoreSnapshot, "get" | "scan">;

  constructor(snapshot: Pick<StoreSnapshot, "get" | "scan">) {
    this.#snapshot = snapshot;
  }

  bucket(name: string): BucketRow | undefined {
    return this.#row(bucketKey(name), BucketRowSchema);
  }

  object(bucketId: bigint, key: string): ObjectRow | undefined {
    return this.#row(objectKey(bucketId, key), ObjectRowSchema);
  }

  version(bucketId: bigint, key: string, versionId: Uint8Array): ObjectRow | undefined {
    if (versionId.length !== META_ID_BYTES) return undefined;
    return this.#row(versionKey(bucketId, key, versionId), ObjectRowSchema);
  }

  keyVersions(bucketId: bigint, key: string): KeyVersionsRow | undefined {
    return this.#row(keyVersionsKey(bucketId, key), KeyVersionsRowSchema);
  }

  sliceCount(bucketId: bigint, key: string, versionId?: Uint8Array): number {
    const rowKey = versionId === undefined ? objectKey(bucketId, key) : versionKey(bucketId, key, versionId);
    const bytes = this.#snapshot.get(rowKey);
    return bytes === undefined ? 0 : countSlices(bytes);
  }

  objects(bucketId: bigint, options: ListRange): Promise<readonly ObjectSummary[]> {
    return this.#page(objectPage(bucketId, options));
  }

  versions(bucketId: bigint, options: VersionListRange): Promise<readonly ObjectSummary[]> {
    return this.#page(versionPage(bucketId, options));
  }

  #row<Desc extends DescMessage>(key: string, schema: Desc): MessageShape<Desc> | undefined {
    const bytes = this.#snapshot.get(key);
    return bytes && fromBinary(schema, bytes);
  }

  #page(range: PageRange): Promise<readonly ObjectSummary[]> {
    return decodedPage(this.#snapshot, range, decodeObjectSummary);
  }
}
