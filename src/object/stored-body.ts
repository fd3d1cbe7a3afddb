import type { BlobWritten } from "../blob/index.ts";
import type { BlobSlice } from "../gen/skerry/meta/v1/rows_pb.js";
import type { Checksum } from "./ports.ts";

/** A body whose bytes are durable and whose promises were kept. */
export interface StoredBody {
  readonly etag: string;
  readonly checksum: Checksum | undefined;
  /** What the commit names. */
  readonly rows: { readonly blobs: NonNullable<BlobWritten["blob"]>[]; readonly slices: BlobSlice[] };
}

export function rowsOf(written: BlobWritten): StoredBody["rows"] {
  const { blob } = written;
  if (blob === undefined) return { blobs: [], slices: [] };
  const slice: BlobSlice = {
    $typeName: "skerry.meta.v1.BlobSlice",
    blobId: blob.blobId,
    offset: 0n,
    length: blob.size,
  };
  return { blobs: [blob], slices: [slice] };
}
