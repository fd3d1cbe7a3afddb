/** Method paths and sizes of ChunkService, the same at both ends. */

export const WRITE_CHUNKS_PATH = "/skerry.segment.v1.ChunkService/WriteChunks";
export const READ_CHUNK_PATH = "/skerry.segment.v1.ChunkService/ReadChunk";

/** Bytes of chunk data in one message. */
export const MESSAGE_DATA_BYTES = 1024 * 1024;
/** Greatest message that is accepted: data, header and room for fields of later versions. */
export const MAX_MESSAGE_BYTES = MESSAGE_DATA_BYTES + 64 * 1024;
