import { MAX_QUERY_PARAMETERS } from "../../../src/s3/limits.ts";
import { parseRequest } from "../../../src/s3/parse/parse-request.ts";
import { broken, type FuzzTarget, latin1 } from "../target.ts";
import { headOf } from "./request-head.ts";

const HEADS = [
  "GET / \nhost: s3",
  "GET /bucket?list-type=2&prefix=a&continuation-token=AWE&max-keys=10\nhost: s3",
  "PUT /bucket/key\nhost: s3\nx-amz-meta-a: b\nif-none-match: *\nx-amz-checksum-crc32: AAAAAA==",
  "PUT /bucket/key?partNumber=3&uploadId=AAAAAAAAAAAAAAAAAAAAAA\nhost: s3\nx-amz-copy-source: /other/k%20y?versionId=null\nx-amz-copy-source-range: bytes=0-9",
  'GET /bucket/key\nhost: bucket.s3.example.com\nrange: bytes=0-5\nif-match: "a", "b"\nif-modified-since: Wed, 21 Oct 2015 07:28:00 GMT',
  "POST /bucket?delete\nhost: s3\ncontent-md5: 1B2M2Y8AsgTpgAmY7PhCfg==",
  "POST /bucket/key?uploads\nhost: s3\nx-amz-checksum-algorithm: SHA256\nx-amz-tagging: a=b",
  "DELETE /bucket/key?versionId=null\nhost: s3\nx-amz-if-match-size: 5",
  "GET /bucket?uploads&key-marker=a&upload-id-marker=x&encoding-type=url\nhost: s3",
  "GET /bucket/key?attributes\nhost: s3\nx-amz-object-attributes: ETag,Checksum\nx-amz-max-parts: 5",
];

/** The head of any S3 request: an operation or a refusal, never an exception, never beyond the limits. */
export const s3Request: FuzzTarget = {
  name: "s3-request",
  maxBytes: 2048,
  dictionary: [
    ..."?acl ?policy ?tagging ?versions ?versioning ?cors ?lifecycle ?object-lock ?retention ?legal-hold ?encryption".split(
      " ",
    ),
    ..."&partNumber= &uploadId= &versionId= &prefix= &delimiter=%2F &max-keys=0 %00 %EF%BB%BF %C3%28 %F0%9F%98%80 %ED%A0%80".split(
      " ",
    ),
    "\nrange: bytes=-0",
    "\nx-amz-server-side-encryption: aws:kms",
    "\nx-amz-object-lock-mode: COMPLIANCE",
    "\ntransfer-encoding: chunked",
  ],
  seeds: () => HEADS.map((head) => Buffer.from(head.replace(" \n", "\n"))),
  property: (input) => {
    const head = headOf(latin1(input));
    if (head === undefined) return "no head";
    const parsed = parseRequest(head, { baseDomains: ["s3.example.com"] });
    if (parsed.kind === "refused") return `refused ${parsed.refusal.name}`;
    if (parsed.target.query.size > MAX_QUERY_PARAMETERS) broken("more parameters than are allowed");
    return parsed.operation.name;
  },
  large: [
    (sizeBytes) => Buffer.from(`GET /bucket/${"%C3%BC".repeat(sizeBytes / 6)}\nhost: s3\n`),
    (sizeBytes) => Buffer.from(`GET /bucket/k\nhost: s3\nif-match: ${'"a", '.repeat(sizeBytes / 5)}\n`),
    (sizeBytes) => Buffer.from(`GET /bucket?${"&".repeat(sizeBytes)}\nhost: s3\n`),
  ],
};
