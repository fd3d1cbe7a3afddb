/**
 * Places that a set of runs must have come to. A simulator that never cuts a torn tail or installs a snapshot proves nothing about either, so what
 * was reached is counted, printed, and compared with what must be.
 */
export const COVERAGE_MARKS = [
  "leader changed",
  "snapshot sent",
  "snapshot installed",
  "log compacted",
  "torn log tail cut",
  "log restarted behind a snapshot",
  "node fenced",
  "fence lifted",
  "configuration changed",
  "proposals dropped",
  "raft messages dropped",
  "raft stalled",
  "node stopped itself",
  "node could not start",
  "node restarted",
  "chunk quarantined",
  "segment region damaged",
  "segment lost",
  "chunk index damaged",
  "blob lost its last reference",
  "blob revived",
  "blob ordered unlinked",
  "blob forgotten",
  "write outcome unknown",
  "write refused as unavailable",
  "conditional write refused",
  "read while unavailable",
  "storage full",
  "multipart completed",
  "copy made",
  "encryption key rotated",
  "encryption key version removed",
  "delete marker made",
  "version removed",
  "version read by its id",
  "versioning suspended",
  "batch written",
  "batch not done",
  "batch repeated",
  "batch refused for its version",
  "namespace flushed",
  "namespace merged",
  "namespace deletes written",
  "namespace read in the past",
  "branch made",
  "namespace deleted",
  "namespace forgotten",
  "lease taken over",
  "node replaced",
  "older disk refused",
  "node added",
  "removed node stopped",
  "node replaced as planned",
] as const;

export type CoverageMark = (typeof COVERAGE_MARKS)[number];

export class Coverage {
  readonly #counts = new Map<CoverageMark, number>();

  mark(mark: CoverageMark): void {
    this.#counts.set(mark, (this.#counts.get(mark) ?? 0) + 1);
  }

  counts(): ReadonlyMap<CoverageMark, number> {
    return this.#counts;
  }
}
