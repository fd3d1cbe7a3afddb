import type { DiskErrorCode } from "../ports.ts";

/** What a program asks of its disk, for choosing what fails. */
export type DiskOperation =
  | "open"
  | "list"
  | "make-directory"
  | "remove"
  | "rename"
  | "sync-directory"
  | "space"
  | "read"
  | "write"
  | "sync"
  | "truncate"
  | "store-open"
  | "store-read"
  | "store-write";

/** How a simulated disk misbehaves. All of it may be changed while it runs. */
export interface SimDiskFaults {
  /** Probabilities that a call fails with "io". A write that fails may have been carried out in part. */
  readError: number;
  writeError: number;
  syncError: number;
  /** Every call takes a time between these, in milliseconds of true time. */
  leastLatencyMs: number;
  greatestLatencyMs: number;
  /** Of all files together; a write beyond it is carried out up to there and fails with "no-space". */
  capacityBytes: number;
  isReadOnly: boolean;
  /** The disk says that it has synced and has not. */
  isLying: boolean;
  /** Is asked about each call; a code makes it fail. */
  intercept: ((operation: DiskOperation, path: string) => DiskErrorCode | undefined) | undefined;
}

/** No faults; calls take 20 to 200 microseconds. */
export function noDiskFaults(): SimDiskFaults {
  return {
    readError: 0,
    writeError: 0,
    syncError: 0,
    leastLatencyMs: 0.02,
    greatestLatencyMs: 0.2,
    capacityBytes: 2 ** 40,
    isReadOnly: false,
    isLying: false,
    intercept: undefined,
  };
}

/** Operations that a read-only file system refuses. */
export const CHANGING_OPERATIONS: ReadonlySet<DiskOperation> = new Set([
  "make-directory",
  "remove",
  "rename",
  "write",
  "truncate",
  "store-write",
]);
