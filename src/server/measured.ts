import type { BlobStore } from "../blob/index.ts";
import { type Metadata, type MetadataClient, MetaError } from "../meta/index.ts";
import type { Metrics } from "../observe/index.ts";
import type { Clock } from "../platform/index.ts";
import type { SegmentStore } from "../segment/index.ts";

/** Engines with a stopwatch around them: they know nothing of metrics, and metrics nothing of them. */

export function measuredMetadata(metadata: Metadata, metrics: Metrics, clock: Clock): Metadata {
  return { ...measuredClient(metadata, metrics, clock), onChange: (listener) => metadata.onChange(listener) };
}

export function measuredClient(metadata: MetadataClient, metrics: Metrics, clock: Clock): MetadataClient {
  return {
    view: metadata.view,
    isCurrent: () => metadata.isCurrent(),
    submit: async (body, options) => {
      const begunMs = clock.monotonicMs();
      let outcome = "ok";
      try {
        const result = await metadata.submit(body, options);
        if (result.result.case === "refusal") outcome = "refused";
        return result;
      } catch (error) {
        outcome = error instanceof MetaError ? error.code : "error";
        throw error;
      } finally {
        metrics.raftProposals.increment({ outcome });
        metrics.metaSubmitSeconds.observe(secondsSince(clock, begunMs), { outcome });
      }
    },
    barrier: async (options) => {
      const begunMs = clock.monotonicMs();
      let outcome = "ok";
      try {
        await metadata.barrier(options);
      } catch (error) {
        outcome = error instanceof MetaError ? error.code : "error";
        throw error;
      } finally {
        metrics.metaBarrierSeconds.observe(secondsSince(clock, begunMs), { outcome });
      }
    },
  };
}

export function measuredBlobs(blobs: BlobStore, metrics: Metrics, clock: Clock): BlobStore {
  return {
    read: (blob, offset, length, signal) => blobs.read(blob, offset, length, signal),
    write: async (request) => {
      const begunMs = clock.monotonicMs();
      let outcome = "error";
      try {
        const written = await blobs.write(request);
        outcome = "ok";
        return written;
      } finally {
        metrics.blobWriteSeconds.observe(secondsSince(clock, begunMs), { outcome });
      }
    },
  };
}

export function measuredSegments(segments: SegmentStore, metrics: Metrics, clock: Clock): SegmentStore {
  return {
    has: (address) => segments.has(address),
    unlink: (blobIds, options) => segments.unlink(blobIds, options),
    status: () => segments.status(),
    inventory: () => segments.inventory(),
    rewrite: (budgetBytes, signal) => segments.rewrite(budgetBytes, signal),
    quarantine: (address) => segments.quarantine(address),
    close: () => segments.close(),
    append: async (chunk) => {
      const begunMs = clock.monotonicMs();
      await segments.append(chunk);
      metrics.segmentAppendSeconds.observe(secondsSince(clock, begunMs));
      metrics.segmentAppendedBytes.add(chunk.length);
    },
    read: async (address, offset, length) => {
      const bytes = await segments.read(address, offset, length);
      metrics.segmentReadBytes.add(length);
      return bytes;
    },
    readBlocks: async (address, offset, length) => {
      const blocks = await segments.readBlocks(address, offset, length);
      metrics.segmentReadBytes.add(blocks.length);
      return blocks;
    },
  };
}

function secondsSince(clock: Clock, begunMs: number): number {
  return (clock.monotonicMs() - begunMs) / 1000;
}
