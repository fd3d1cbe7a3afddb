import { fromDiskError, SegmentError } from "./errors.ts";
import { MAX_IDENTITY_BYTES, type SegmentIdentity } from "./header.ts";
import type { SegmentStore } from "./ports.ts";
import { ReopeningStore } from "./reopening-store.ts";
import { DEFAULT_SETTINGS, DiskSegmentStore, type SegmentStoreOptions } from "./store.ts";

/**
 * Opens the segments of one disk and brings them into order after a crash. Rejects with SegmentError: "locked" when another process has
 * them, "wrong-identity", "unknown-version", or "io" when the directory cannot be read at all. A disk that only takes no writes is opened
 * for reading; `status()` says why. When it takes writes again, the store is opened again by itself.
 */
export async function openSegmentStore(options: SegmentStoreOptions): Promise<SegmentStore> {
  checkIdentityLength(options.identity);
  const { probeFailedMs } = { ...DEFAULT_SETTINGS, ...options.settings };
  return ReopeningStore.open({
    open: (onRecoverable) => openDisk(options, onRecoverable),
    retryLater: (retry) => options.timers.after(probeFailedMs, retry),
  });
}

async function openDisk(options: SegmentStoreOptions, onRecoverable: () => void): Promise<SegmentStore> {
  try {
    return await DiskSegmentStore.open({ ...options, onRecoverable });
  } catch (error) {
    throw fromDiskError(error, `${options.directory} could not be opened`);
  }
}

function checkIdentityLength(identity: SegmentIdentity): void {
  for (const field of ["clusterId", "incarnation", "diskId"] as const) {
    const length = new TextEncoder().encode(identity[field]).length;
    if (length >= 1 && length <= MAX_IDENTITY_BYTES) continue;
    throw new SegmentError("invalid", `${field} has ${length} bytes, not 1 to ${MAX_IDENTITY_BYTES}`);
  }
}
