/**
 * Limits of the state machine that the engine has to know beforehand. Search does not know the module that has them; a test holds the two together.
 */

/** Batches of a namespace that are in no segment yet. */
export const MAX_LIVE_BATCHES = 4_096n;
/** Segments of a namespace. */
export const MAX_LIVE_SEGMENTS = 2_048n;
/** Rows of the past of a namespace. */
export const MAX_PAST_ROWS = 1_000_000n;
/** Idempotency keys of a namespace that are remembered. */
export const MAX_REMEMBERED_BATCHES = 100_000n;
/** Rows of the past are kept for so long at least, in milliseconds. */
export const LEAST_RETENTION_MS = 60_000n;
