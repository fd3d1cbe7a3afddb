import type { BlobRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import { SearchError } from "../errors.ts";
import type { BlobDriver } from "../ports.ts";
import type { OutsideBlobs } from "./outside-blobs.ts";

/** Blobs in the segments of the cluster's own nodes. */
export type ClusterDriver = Omit<BlobDriver, "writeIndex">;

export interface RoutedDriverOptions {
  readonly cluster: ClusterDriver;
  readonly outside: OutsideBlobs;
  readonly blob: (blobId: Uint8Array) => Pick<BlobRow, "searchStoreId"> | undefined;
  /** Where index segments go now; 0: to the cluster. */
  readonly currentStoreId: () => bigint;
}

/**
 * Batches stay in the cluster, since an acknowledgement must not wait for a store far away; what is indexed goes where the operator has said. Every blob is
 * read from where it is.
 */
export function routedDriver({ cluster, outside, blob, currentStoreId }: RoutedDriverOptions): BlobDriver {
  const storeOf = (blobId: Uint8Array): bigint => {
    const row = blob(blobId);
    if (row === undefined) throw new SearchError("unavailable", "the state that was read is gone by now");
    return row.searchStoreId;
  };
  return {
    write: (parts, signal) => cluster.write(parts, signal),
    writeIndex: (parts, signal) => {
      const storeId = currentStoreId();
      return storeId === 0n ? cluster.write(parts, signal) : outside.write(storeId, parts, signal);
    },
    read: async (name, range, signal) => {
      const storeId = storeOf(name.blobId);
      return storeId === 0n ? cluster.read(name, range, signal) : outside.read(storeId, name, range, signal);
    },
    isNear: (name) => blob(name.blobId)?.searchStoreId === 0n && cluster.isNear(name),
  };
}
