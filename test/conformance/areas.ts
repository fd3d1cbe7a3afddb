/** Which area of S3 a test is about, from its name. First match wins. */
const AREAS: readonly (readonly [area: string, pattern: RegExp])[] = [
  ["IAM", /^test_iam\.py/],
  ["STS", /^test_sts\.py/],
  ["headers", /^test_headers\.py/],
  ["object lock", /object_lock|retention|legal_hold/],
  ["lifecycle", /lifecycle/],
  ["bucket logging", /logging/],
  ["POST object", /post_object/],
  ["encryption: SSE-C", /sse_c|encrypted_transfer|encryption_sse_c|encryption_key|ssec/],
  ["encryption: SSE-KMS", /sse_kms|kms/],
  ["encryption: SSE-S3 and defaults", /sse_s3|encryption|_enc\[|_enc_/],
  ["checksums", /checksum/],
  ["attributes", /attributes/],
  ["public access block", /block_public|public_block|public_access|ignore_public/],
  ["ownership", /ownership|object_writer|bucket_owner/],
  ["bucket policy", /policy/],
  ["ACL", /acl|grant/],
  ["CORS", /cors/],
  ["tagging", /tag/],
  ["versioning", /version|delete_marker/],
  ["multipart", /multipart/],
  ["conditional", /if_?match|if_?non|ifmodified|ifunmodified|if_modified/],
  ["copy", /copy/],
  ["listing v2", /listv2/],
  ["listing", /bucket_list|list_(return|delimiter|prefix|max)|basic_key_count|bucket_list/],
  ["anonymous and raw", /anon|object_raw|presigned/],
  ["atomic", /atomic/],
  ["range", /ranged/],
  ["delete many", /multi_object_delete|multi_objectv2/],
  ["buckets", /bucket/],
];

/** `test`: "test_s3.py::test_name[parameters]". */
export function areaOf(test: string): string {
  return AREAS.find(([, pattern]) => pattern.test(test))?.[0] ?? "objects";
}
