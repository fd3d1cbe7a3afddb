/** One start of a node. Of two processes that were started from copies of one directory the number may be the same, and the nonce never is. */
export interface NodeStart {
  /** Grows with each start of a data directory. */
  readonly number: number;
  /** Drawn at the start, below 2^53. */
  readonly nonce: number;
}

/** How many of its last starts a node remembers and tells. */
export const MAX_TOLD_STARTS = 32;

/** "known": the greatest that was accepted. "later": it goes on from there. "older": it is of a directory that does not know of that start. */
export type Standing = "known" | "later" | "older";

/**
 * What a node that tells its last starts, oldest first and the present one last, is to one that has accepted `greatest` of it. A number that is
 * greater is not enough: a copy that is started often enough outgrows the original, and still has another start where that one was. Pure.
 */
export function standingOf(starts: readonly NodeStart[], greatest: NodeStart | undefined): Standing {
  const [oldest, present] = [starts[0], starts.at(-1)];
  if (greatest === undefined || oldest === undefined || present === undefined) return "later";
  if (present.number < greatest.number) return "older";
  if (present.number === greatest.number) return present.nonce === greatest.nonce ? "known" : "older";
  // It was started more often since than it can tell.
  if (oldest.number > greatest.number) return "later";
  const wasThere = starts.some(({ number, nonce }) => number === greatest.number && nonce === greatest.nonce);
  return wasThere ? "later" : "older";
}
