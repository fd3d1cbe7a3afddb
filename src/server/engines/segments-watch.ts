import { MetaError } from "../../meta/index.ts";
import type { Logger } from "../../observe/index.ts";

export interface SegmentsAtStart {
  readonly directory: string;
  /** What the segments hold, live or not. */
  readonly storedBytes: number;
  /** What the metadata has this node recorded for. */
  readonly heldBlobs: () => number;
  readonly logger: Logger;
}

/**
 * Says at the start that all bytes of this node are gone. A lost disk is repaired from the other copies; but a file system that was not mounted is not lost, and what is
 * stored in its place is out of sight once it is.
 */
export function warnOfMissingSegments({ directory, storedBytes, heldBlobs, logger }: SegmentsAtStart): void {
  const held = storedBytes > 0 ? 0 : readable(heldBlobs);
  if (held === 0) return;
  logger.error("this node stores nothing, and the cluster has it recorded for blobs", {
    directory,
    heldBlobs: held,
    advice:
      "if the file system of that directory is not mounted, stop the node, mount it, and start again; if its disk is lost, nothing is to be done: the copies are made again from the others",
  });
}

/** 0 when the metadata cannot be read: that ends the node by itself. */
function readable(heldBlobs: () => number): number {
  try {
    return heldBlobs();
  } catch (error) {
    if (error instanceof MetaError) return 0;
    throw error;
  }
}
