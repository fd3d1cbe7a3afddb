import type { Raft } from "./raft.ts";
import { releasePostponedReads } from "./reads.ts";

/** Commits what a quorum has, if the last of it is of this leader's own term. True: the commit index has moved. */
export function advanceCommit(raft: Raft): boolean {
  const index = raft.tracker.committedIndex();
  if (!Number.isFinite(index) || !raft.log.maybeCommit({ term: raft.term, index })) return false;
  releasePostponedReads(raft);
  return true;
}
