/** The gateway's limits in one place. Those of S3 itself are S3's numbers; `object` keeps the ones that hold for every protocol. */

export { MAX_DELETE_TARGETS, MAX_SINGLE_PUT_BYTES, MAX_USER_METADATA_BYTES } from "../object/index.ts";

export const MAX_PART_NUMBER = 10_000;
export const MAX_LIST_ENTRIES = 1000;
export const MAX_LISTED_BUCKETS = 10_000;
/** Bodies that are read whole: XML of DeleteObjects (1,000 keys of 1,024 escaped bytes) and CompleteMultipartUpload (10,000 parts). */
export const MAX_XML_BODY_BYTES = 8 * 1024 * 1024;
/** Bytes of a body that is read before it is known whether its sender may send it: tags, retentions and legal holds. */
export const MAX_JUDGED_BODY_BYTES = 64 * 1024;
/** Bodies that are read before it is known who sends them (calls of IAM and STS, forms up to their file): at once from one source ... */
export const MAX_UNPROVED_BODIES_PER_SOURCE = 64;
/** ... and of all sources, in each thread that serves requests. */
export const MAX_UNPROVED_BODIES = 256;
export const MAX_XML_DEPTH = 8;
export const MAX_XML_ELEMENTS = 100_000;
/** Where a single object of a website redirects. */
export const MAX_WEBSITE_REDIRECT_BYTES = 2048;
/** Number of parameters in a query string. */
export const MAX_QUERY_PARAMETERS = 128;
/** One chunk header of aws-chunked: a hexadecimal size and a signature. */
export const MAX_CHUNK_HEADER_BYTES = 1024;
/** All trailers of an aws-chunked body together. */
export const MAX_TRAILER_BYTES = 4096;
/** S3 wants signed chunks other than the last to be at least this long. */
export const MIN_SIGNED_CHUNK_BYTES = 8192;
/** How far a request's time may be from ours. */
export const MAX_CLOCK_SKEW_MS = 15 * 60 * 1000;
export const MAX_PRESIGNED_SECONDS = 7 * 24 * 3600;
/** Signing keys that are kept derived: one per access key, day and region. */
export const MAX_CACHED_SIGNING_KEYS = 10_000;
