import type { BlobName } from "../ports.ts";
import type { WarmReport } from "../service.ts";
import type { EngineContext } from "./context.ts";
import type { NamespaceSnapshot } from "./snapshot.ts";

/** Bytes that are read at a time. */
const STEP_BYTES = 4 * 1024 * 1024;

/** Reads every segment of a state through the caches. */
export async function warmNamespace(
  context: EngineContext,
  { manifest }: NamespaceSnapshot,
  signal: AbortSignal,
): Promise<WarmReport> {
  const startedMs = context.clock.monotonicMs();
  let bytes = 0;
  for (const { blob } of manifest.segments) {
    await readThrough(context, blob, signal);
    bytes += blob.sizeBytes;
  }
  return { blobs: manifest.segments.length, bytes, tookMs: context.clock.monotonicMs() - startedMs };
}

async function readThrough(context: EngineContext, blob: BlobName, signal: AbortSignal): Promise<void> {
  const reader = context.reader(blob);
  for (let offset = 0; offset < blob.sizeBytes; offset += STEP_BYTES) {
    signal.throwIfAborted();
    await reader.read(offset, Math.min(STEP_BYTES, blob.sizeBytes - offset));
    // So that what is read next finds a place in the queue to the disk.
    await context.diskCache?.settled();
  }
}
