import type { Detector } from "./mutation.ts";

/** Random histories of the consensus core: loss, duplicates, crashes, membership; its invariants after every event. */
export const CORE: Detector = {
  file: "src/raft/core/chaos.test.ts",
  tests: "nothing is lost",
  isSeeded: true,
};
/** Power loss at every sync point of a log. */
export const LOG_IMAGES: Detector = { file: "src/raft/wal/crash-images.test.ts", isSeeded: true };
export const LOG: Detector = { file: "src/raft/wal/wal.test.ts", isSeeded: false };
/** The same of a member with its log and state machine. */
export const MEMBER_IMAGES: Detector = { file: "src/raft/shell/crash-images.test.ts", isSeeded: false };
/** The same of chunks, with their index and without. */
export const SEGMENT_IMAGES: Detector = { file: "src/segment/crash-images.test.ts", isSeeded: false };
/** The same of a small file that is replaced. */
export const FILE_IMAGES: Detector = { file: "src/platform/crash-images.test.ts", isSeeded: false };
/** The same of the metadata's directory. */
export const STATE_IMAGES: Detector = { file: "src/meta/snapshot/crash-images.test.ts", isSeeded: false };
/** Random commands against a dumb model, with all invariants after each. */
export const MODEL: Detector = { file: "src/meta/model.test.ts", isSeeded: true };

/** A directed test. */
export function directed(file: string, tests?: string): Detector {
  return { file, ...(tests !== undefined && { tests }), isSeeded: false };
}
