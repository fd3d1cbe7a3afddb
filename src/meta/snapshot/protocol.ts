/** What both ends of a snapshot stream share. */

export const SNAPSHOT_METHOD = "/skerry.meta.v1.SnapshotService/Send";

/** Greatest message: a batch of rows is about 256 KiB, but a single row (a session with many large results) may be larger. */
export const MAX_SNAPSHOT_MESSAGE_BYTES = 64 * 1024 * 1024;

export const SNAPSHOT_VERSION = 1;
