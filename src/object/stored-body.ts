import type { BlobWritten } from "../blob/index.ts";
import type { BlobSlice } from "../gen/skerry/meta/v1/rows_pb.js";
import type { Checksum } from "./ports.ts";

/** A body whose bytes are durable and whose promises were kept. */
export interface StoredBody {
  readonly sizeBytes: number;
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

/** Of a body that lies in two blobs. */
export function joinedRows(first: StoredBody["rows"], second: StoredBody["rows"]): StoredBody["rows"] {
  return { blobs: [...first.blobs, ...second.blobs], slices: [...first.slices, ...second.slices] };
}
