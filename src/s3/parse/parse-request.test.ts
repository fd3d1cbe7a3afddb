import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { S3Operation } from "../operation.ts";
import { writeContinuationToken } from "./continuation.ts";
import { parseRequest } from "./parse-request.ts";

function parse(method: string, target: string, headers: Record<string, string> = {}) {
  const head = { method, target, headers: new Map(Object.entries({ host: "localhost", ...headers })) };
  return parseRequest(head, { baseDomains: ["s3.example.com", "other.net"] });
}

/** The operation's name, or "! code" of a refusal. */
function nameOf(method: string, target: string, headers: Record<string, string> = {}): string {
  const parsed = parse(method, target, headers);
  return parsed.kind === "operation" ? parsed.operation.name : `! ${parsed.refusal.code}`;
}

function operation(method: string, target: string, headers: Record<string, string> = {}): S3Operation {
  const parsed = parse(method, target, headers);
  if (parsed.kind === "refused") throw parsed.refusal;
  return parsed.operation;
}

const COPY = { "x-amz-copy-source": "/src/key" };

describe("which operation a request is", () => {
  it.each([
    ["GET", "/", "ListBuckets"],
    ["GET", "/?x-id=ListBuckets", "ListBuckets"],
    ["GET", "/?x-id=ListDirectoryBuckets", "ListDirectoryBuckets"],
    ["POST", "/", "IdentityApi"],
    ["POST", "/?Action=GetCallerIdentity", "IdentityApi"],
    ["OPTIONS", "/b/k", "Preflight"],
    ["PUT", "/b", "CreateBucket"],
    ["PUT", "/b/", "CreateBucket"],
    ["HEAD", "/b", "HeadBucket"],
    ["DELETE", "/b", "DeleteBucket"],
    ["GET", "/b", "ListObjects"],
    ["GET", "/b/", "ListObjects"],
    ["GET", "/b?list-type=2", "ListObjectsV2"],
    ["GET", "/b?list-type=2&metadata=true", "ListObjectsV2"],
    ["GET", "/b?versions", "ListObjectVersions"],
    ["GET", "/b?uploads", "ListMultipartUploads"],
    ["GET", "/b?location=", "GetBucketLocation"],
    ["GET", "/b?versioning", "GetBucketVersioning"],
    ["PUT", "/b?versioning", "PutBucketVersioning"],
    ["POST", "/b?delete=", "DeleteObjects"],
    ["POST", "/b", "PostObject"],
    ["GET", "/b?session", "CreateSession"],
    ["GET", "/b?policyStatus", "GetBucketPolicyStatus"],
    ["GET", "/b?analytics", "ListBucketAnalyticsConfigurations"],
    ["GET", "/b?analytics&id=x", "GetBucketAnalyticsConfiguration"],
    ["POST", "/WriteGetObjectResponse", "WriteGetObjectResponse"],
    ["GET", "/b/k", "GetObject"],
    ["GET", "/b/k?x-id=GetObject&versionId=null", "GetObject"],
    ["HEAD", "/b/k", "HeadObject"],
    ["PUT", "/b/k", "PutObject"],
    ["DELETE", "/b/k", "DeleteObject"],
    ["POST", "/b/k?uploads", "CreateMultipartUpload"],
    ["PUT", "/b/k?uploadId=u&partNumber=1", "UploadPart"],
    ["POST", "/b/k?uploadId=u", "CompleteMultipartUpload"],
    ["DELETE", "/b/k?uploadId=u", "AbortMultipartUpload"],
    ["GET", "/b/k?uploadId=u", "ListParts"],
    ["GET", "/b/k?attributes&x-amz-object-attributes=ETag", "GetObjectAttributes"],
    ["GET", "/b/k?annotation", "ListObjectAnnotations"],
    ["GET", "/b/k?annotation&annotationName=n", "GetObjectAnnotation"],
    ["POST", "/b/k?select&select-type=2", "SelectObjectContent"],
    ["PUT", "/b/k?tagging", "PutObjectTagging"],
  ])("%s %s is %s", (method, target, expected) => {
    expect(nameOf(method, target)).toBe(expected);
  });

  it("copies are told from puts by their source", () => {
    expect(nameOf("PUT", "/b/k", COPY)).toBe("CopyObject");
    expect(nameOf("PUT", "/b/k?uploadId=u&partNumber=1", COPY)).toBe("UploadPartCopy");
    expect(nameOf("PUT", "/b/k?tagging", COPY)).toBe("! InvalidRequest");
    expect(nameOf("PUT", "/b/k?renameObject", { "x-amz-rename-source": "key" })).toBe("RenameObject");
    expect(nameOf("PUT", "/b/k?renameObject")).toBe("! InvalidArgument");
  });

  it.each([
    // Contradictions and sub-resources of another level.
    ["PUT", "/b/k?tagging&acl", "InvalidArgument"],
    ["GET", "/b?policy&acl", "InvalidArgument"],
    ["DELETE", "/b?uploadId=u", "NotImplemented"],
    ["PUT", "/b?uploadId=u&partNumber=1", "NotImplemented"],
    ["PUT", "/b/k?policy", "NotImplemented"],
    ["GET", "/?policy", "NotImplemented"],
    // Parameters of other operations.
    ["GET", "/b/k?list-type=2", "InvalidArgument"],
    ["DELETE", "/b/k?prefix=", "InvalidArgument"],
    ["PUT", "/b/k?partNumber=1", "InvalidArgument"],
    ["PUT", "/b?prefix=x", "InvalidArgument"],
    ["PUT", "/b/k?versionId=null", "InvalidArgument"],
    // Names that nobody knows, or only the future.
    ["PUT", "/b?newFeature", "NotImplemented"],
    ["DELETE", "/b?newFeature", "NotImplemented"],
    ["PUT", "/b/k?newFeature", "NotImplemented"],
    ["DELETE", "/b/k?newFeature=1", "NotImplemented"],
    ["GET", "/b/k?Tagging", "NotImplemented"],
    ["GET", "/b/k?constructor", "NotImplemented"],
    ["GET", "/b/k?__proto__", "NotImplemented"],
    // The same name twice.
    ["GET", "/b?prefix=a&prefix=b", "InvalidArgument"],
    ["GET", "/b/k?versionId=null&versionId=null", "InvalidArgument"],
    // Methods.
    ["POST", "/b/k", "MethodNotAllowed"],
    ["PATCH", "/b/k", "MethodNotAllowed"],
    ["PUT", "/", "MethodNotAllowed"],
    ["HEAD", "/b?acl", "MethodNotAllowed"],
    ["DELETE", "/b?versioning", "MethodNotAllowed"],
    ["constructor", "/b", "MethodNotAllowed"],
    // Values.
    ["GET", "/b/k?versionId=", "InvalidArgument"],
    ["GET", "/b?list-type=3", "InvalidArgument"],
    ["GET", "/b?max-keys=many", "InvalidArgument"],
    ["GET", "/b?max-keys=-1", "InvalidArgument"],
    ["GET", "/b?max-keys=2147483648", "InvalidArgument"],
    ["GET", "/b?encoding-type=base64", "InvalidArgument"],
    ["GET", "/b?list-type=2&continuation-token=%20x", "InvalidArgument"],
    ["GET", "/b?versions&version-id-marker=null", "InvalidArgument"],
    ["GET", "/?max-buckets=0", "InvalidArgument"],
    ["PUT", "/b/k?uploadId=u", "InvalidRequest"],
    ["PUT", "/b/k?uploadId=u&partNumber=0", "InvalidArgument"],
    ["PUT", "/b/k?uploadId=u&partNumber=10001", "InvalidArgument"],
    ["PUT", "/b/k?uploadId=u&partNumber=1.5", "InvalidArgument"],
    ["GET", "/b/k?partNumber=0", "InvalidArgument"],
    ["GET", "/b/k?response-content-type=a%0d%0aSet-Cookie:x", "InvalidArgument"],
  ])("%s %s is refused with %s", (method, target, expected) => {
    expect(nameOf(method, target)).toBe(`! ${expected}`);
  });
});

describe("where a request goes", () => {
  it.each([
    ["/b/k", "localhost", "b", "k"],
    ["/b//k", "localhost", "b", "/k"],
    ["/b/a/../b/./c/", "localhost", "b", "a/../b/./c/"],
    ["/b/%2e%2e/x", "localhost", "b", "../x"],
    ["/b/a+b%20c%2B", "localhost", "b", "a+b c+"],
    ["/b/%F0%9F%98%80", "localhost", "b", "😀"],
    ["/b/\u00c3\u00a9", "localhost", "b", "é"],
    ["/b/%00", "localhost", "b", "\u0000"],
    ["/k/with/slashes", "photos.s3.example.com", "photos", "k/with/slashes"],
    ["/k", "Photos.S3.Example.com:9000", "photos", "k"],
    ["/", "a.b.s3.example.com", "a.b", undefined],
    ["/b/k", "s3.example.com", "b", "k"],
    ["/b/k", "s3.example.com:443", "b", "k"],
    ["/b/k", "xs3.example.com", "b", "k"],
    ["/b/k", "[::1]:9000", "b", "k"],
    ["/b/k", "", "b", "k"],
    ["http://localhost:9000/b/k", "localhost", "b", "k"],
  ])("%s at %s is bucket %s, key %s", (target, host, bucket, key) => {
    expect(parse("GET", target, { host }).target).toMatchObject({ bucket, key });
  });

  it.each([
    ["/b/%", "InvalidURI"],
    ["/b/%zz", "InvalidURI"],
    ["/b/%ff", "InvalidURI"],
    ["/b/%c0%80", "InvalidURI"],
    ["/b/%ed%a0%80", "InvalidURI"],
    ["/b/\u00ff", "InvalidURI"],
    ["/b/k?prefix=%ff", "InvalidURI"],
    ["*", "InvalidURI"],
    ["b/k", "InvalidURI"],
    ["//k", "InvalidBucketName"],
    ["/b%2Fc/k%00", "ok"],
    ["/bü/k", "InvalidURI"],
    ["/b%20c/k", "InvalidBucketName"],
    [`/${"b".repeat(256)}`, "InvalidBucketName"],
    [`/b/${"k".repeat(1024)}`, "ok"],
    [`/b/${"k".repeat(1025)}`, "KeyTooLongError"],
    [`/b/${"%C3%A9".repeat(512)}`, "ok"],
    [`/b/${"%C3%A9".repeat(513)}`, "KeyTooLongError"],
    [`/b?${Array.from({ length: 129 }, (_, index) => `p${index}`).join("&")}`, "InvalidURI"],
  ])("%.40s: %s", (target, expected) => {
    const parsed = parse("GET", target);
    expect(parsed.kind === "operation" ? "ok" : parsed.refusal.code).toBe(expected);
  });

  it("every key comes through its encoding unchanged", () => {
    const keys = fc
      .string({ unit: "grapheme", minLength: 1, maxLength: 100 })
      .filter((key) => key.isWellFormed());
    fc.assert(
      fc.property(keys, (key) => {
        expect(parse("GET", `/b/${encodeURIComponent(key)}`).target?.key).toBe(key);
        expect(parse("GET", `/b/${encodeURI(key).replace(/[?#]/g, encodeURIComponent)}`).target?.key).toBe(
          key,
        );
      }),
    );
  });

  it("any request at all is an operation or a refusal", () => {
    const method = fc.constantFrom("GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "X");
    const soup = fc.string({
      unit: fc.constantFrom(
        "/",
        "?",
        "&",
        "=",
        "%",
        "2",
        "f",
        "b",
        "k",
        "+",
        "acl",
        "uploads",
        "uploadId",
        "\u00ff",
      ),
    });
    fc.assert(
      fc.property(method, soup, soup, (verb, path, query) => {
        expect(["operation", "refused"]).toContain(parse(verb, `/${path}?${query}`).kind);
      }),
    );
  });
});

describe("what an operation carries", () => {
  it("attributes of an object", () => {
    expect(
      operation("PUT", "/b/k", {
        "content-type": "text/plain",
        "content-encoding": "gzip, aws-chunked",
        "cache-control": "no-cache",
        "x-amz-meta-color": "red",
        "x-amz-meta-name": Buffer.from("ü").toString("latin1"),
        "x-amz-meta-latin": "\u00e9",
        "x-amz-storage-class": "GLACIER",
        "if-none-match": "*",
      }),
    ).toEqual({
      name: "PutObject",
      bucket: "b",
      key: "k",
      expectedOwner: undefined,
      attributes: {
        contentType: "text/plain",
        headers: new Map([
          ["cache-control", "no-cache"],
          ["content-encoding", "gzip"],
        ]),
        userMetadata: new Map([
          ["color", "red"],
          ["name", "ü"],
          ["latin", "é"],
        ]),
        storageClass: "GLACIER",
      },
      preconditions: { ifNoneMatch: ["*"] },
    });
    expect(operation("PUT", "/b/k", { "content-encoding": "aws-chunked" })).toMatchObject({
      attributes: { contentType: "binary/octet-stream", headers: new Map(), storageClass: "STANDARD" },
    });
  });

  it("the codings that are the object's own", () => {
    const put = operation("PUT", "/b/k", { "content-encoding": "aws-chunked,deflate,gzip, aws-chunked" });
    expect(put).toMatchObject({ attributes: { headers: new Map([["content-encoding", "deflate, gzip"]]) } });
  });

  it("nothing from what a form's redirection adds", () => {
    const added = "bucket=b&key=k&etag=%22e%22";
    expect(operation("GET", `/b?${added}`).name).toBe("ListObjects");
    expect(operation("GET", `/b/k?${added}`).name).toBe("GetObject");
  });

  it("headers that came as parameters of a URL, but no checksums", () => {
    const target =
      "/b/k?x-amz-storage-class=STANDARD_IA&X-Amz-Meta-A=%C3%A9&x-amz-checksum-crc32=AAAAAA%3D%3D";
    const parsed = parse("PUT", target);
    expect(parsed).toMatchObject({
      operation: { attributes: { storageClass: "STANDARD_IA", userMetadata: new Map([["a", "é"]]) } },
    });
    expect(parsed.kind === "operation" && parsed.headers.has("x-amz-checksum-crc32")).toBe(false);
    expect(nameOf("PUT", target, { "x-amz-storage-class": "STANDARD" })).toBe("! InvalidArgument");
    expect(nameOf("PUT", "/b/k?x-amz-website-redirect-location=x")).toBe("! InvalidRedirectLocation");
    expect(nameOf("GET", "/b/k?x-amz-website-redirect-location=/x")).toBe("! NotImplemented");
    expect(nameOf("PUT", "/b/k?x-amz-grant-read=everybody")).toBe("! InvalidArgument");
  });

  it.each([
    ["bytes=0-4", { kind: "from-to", first: 0, last: 4 }],
    ["bytes=5-", { kind: "from-to", first: 5, last: undefined }],
    ["bytes=-3", { kind: "suffix", length: 3 }],
    ["bytes=-0", { kind: "suffix", length: 0 }],
    ["bytes=0-1,3-4", undefined],
    ["bytes=4-2", undefined],
    ["bytes=-", undefined],
    ["bytes=a-b", undefined],
    ["lines=0-4", undefined],
    // The greatest numbers that clients know, for "to the end".
    ["bytes=5-9223372036854775806", { kind: "from-to", first: 5, last: Number.MAX_SAFE_INTEGER }],
    ["bytes=0-99999999999999999999", { kind: "from-to", first: 0, last: Number.MAX_SAFE_INTEGER }],
    [`bytes=${"9".repeat(400)}-`, { kind: "from-to", first: Number.MAX_SAFE_INTEGER, last: undefined }],
    ["bytes=-9223372036854775807", { kind: "suffix", length: Number.MAX_SAFE_INTEGER }],
    ["bytes=0000000000000000005-6", { kind: "from-to", first: 5, last: 6 }],
  ])("range %s", (range, expected) => {
    expect(operation("GET", "/b/k", { range })).toMatchObject({ range: expected });
  });

  it("a range and a part exclude each other", () => {
    expect(operation("GET", "/b/k?partNumber=3")).toMatchObject({ range: { kind: "part", partNumber: 3 } });
    expect(nameOf("GET", "/b/k?partNumber=3", { range: "bytes=0-1" })).toBe("! InvalidRequest");
  });

  it("conditions", () => {
    expect(
      operation("GET", "/b/k", {
        "if-match": '"a", W/"b",c',
        "if-none-match": "*",
        "if-modified-since": "Thu, 01 Jan 1970 00:00:10 GMT",
        "if-unmodified-since": "never",
      }),
    ).toMatchObject({
      preconditions: { ifMatch: ["a", "b", "c"], ifNoneMatch: ["*"], ifModifiedSinceMs: 10_000 },
    });
    expect(operation("GET", "/b/k")).toMatchObject({ preconditions: undefined });
    expect(nameOf("PUT", "/b/k", { "if-modified-since": "Thu, 01 Jan 1970 00:00:10 GMT" })).toBe(
      "! NotImplemented",
    );
    expect(operation("DELETE", "/b/k", { "if-match": '"a"', "x-amz-if-match-size": "3" })).toMatchObject({
      preconditions: { ifMatch: ["a"], ifMatchSize: 3 },
    });
    expect(nameOf("DELETE", "/b/k", { "x-amz-if-match-last-modified-time": "x" })).toBe("! InvalidArgument");
  });

  it("a condition on an empty ETag is one that nothing meets, and none at all is refused where something is written", () => {
    const conditions = { "if-match": '""', "if-none-match": '"", "b"' };
    const preconditions = { ifMatch: ['""'], ifNoneMatch: ['""', "b"] };
    expect(operation("GET", "/b/k", conditions)).toMatchObject({ preconditions });
    expect(operation("PUT", "/b/k", conditions)).toMatchObject({ preconditions });
    expect(operation("DELETE", "/b/k", conditions)).toMatchObject({ preconditions });
    expect(operation("GET", "/b/k", { "if-match": "" })).toMatchObject({ preconditions: undefined });
    const rename = { "x-amz-rename-source": "a" };
    for (const empty of ["", " , "]) {
      for (const name of ["if-match", "if-none-match"]) {
        expect(nameOf("PUT", "/b/k", { [name]: empty })).toBe("! InvalidArgument");
        expect(nameOf("DELETE", "/b/k", { [name]: empty })).toBe("! InvalidArgument");
        expect(nameOf("PUT", "/b/k", { ...COPY, [`x-amz-copy-source-${name}`]: empty })).toBe(
          "! InvalidArgument",
        );
        expect(nameOf("PUT", "/b/k?renameObject", { ...rename, [name]: empty })).toBe("! InvalidArgument");
        expect(nameOf("POST", "/b/k?uploadId=u", { [name]: empty })).toBe("! InvalidArgument");
      }
    }
  });

  it("tags that are sent as they are, in UTF-8", () => {
    const tagging = Buffer.from("größe=1&b=%C3%A4").toString("latin1");
    expect(operation("PUT", "/b/k", { "x-amz-tagging": tagging })).toMatchObject({
      attributes: {
        tags: [
          { key: "größe", value: "1" },
          { key: "b", value: "ä" },
        ],
      },
    });
  });

  it.each([
    ["/src/a/b%20c", { bucket: "src", key: "a/b c" }],
    ["src/a+b", { bucket: "src", key: "a+b" }],
    ["src/k?versionId=null", { bucket: "src", key: "k", versionId: "null" }],
    ["src/k?versionId=a%2Db", { bucket: "src", key: "k", versionId: "a-b" }],
    ["src/a%3FversionId%3Dx", { bucket: "src", key: "a?versionId=x" }],
  ])("copy source %s", (source, expected) => {
    expect(operation("PUT", "/b/k", { "x-amz-copy-source": source })).toMatchObject({ source: expected });
  });

  it.each([
    ["", "InvalidArgument"],
    ["src", "InvalidArgument"],
    ["/src/", "InvalidArgument"],
    ["src/k?versionId=", "InvalidArgument"],
    ["src/k?x=1", "InvalidArgument"],
    ["src/%ff", "InvalidURI"],
    ["arn:aws:s3:us-east-1:1:accesspoint/x/object/k", "NotImplemented"],
    [`src/${"k".repeat(1025)}`, "KeyTooLongError"],
  ])("copy source %s is refused with %s", (source, code) => {
    expect(nameOf("PUT", "/b/k", { "x-amz-copy-source": source })).toBe(`! ${code}`);
  });

  it.each(["bytes=0-", "bytes=-5", "0-5", "bytes=5-3"])("copy range %s is refused", (range) => {
    const headers = { ...COPY, "x-amz-copy-source-range": range };
    expect(nameOf("PUT", "/b/k?uploadId=u&partNumber=1", headers)).toBe("! InvalidArgument");
  });

  it("pages of listings", () => {
    expect(operation("GET", "/b?max-keys=5000")).toMatchObject({ maxKeys: 1000 });
    expect(operation("GET", "/b?max-keys=0")).toMatchObject({ maxKeys: 0 });
    expect(operation("GET", "/b?max-keys=")).toMatchObject({ maxKeys: 1000 });
    const token = writeContinuationToken("ü/x");
    const target = `/b?list-type=2&start-after=a&continuation-token=${token}&fetch-owner=true&encoding-type=url`;
    expect(operation("GET", target)).toMatchObject({
      after: "ü/x",
      startAfter: "a",
      continuationToken: token,
      fetchOwner: true,
      urlEncoded: true,
    });
    expect(operation("GET", "/b?uploads&upload-id-marker=x")).toMatchObject({ uploadIdMarker: "" });
  });

  it.each([
    ["x-amz-write-offset-bytes", "5"],
    ["x-amz-mfa", "1 2"],
  ])("%s: %s is not ignored", (name, value) => {
    expect(nameOf("PUT", "/b/k", { [name]: value })).toBe("! NotImplemented");
  });

  it.each([
    ["x-amz-acl", "private"],
    ["x-amz-acl", "bucket-owner-full-control"],
    ["x-amz-acl", "public-read"],
    ["x-amz-grant-read", 'id="1", uri="http://acs.amazonaws.com/groups/global/AllUsers"'],
    ["x-amz-grant-full-control", "emailAddress=a@example.com"],
    ["x-amz-request-payer", "requester"],
    ["x-amz-bypass-governance-retention", "true"],
    ["x-amz-storage-class", "STANDARD"],
    ["x-amz-website-redirect-location", "/x"],
  ])("%s: %s is fine", (name, value) => {
    expect(nameOf("PUT", "/b/k", { [name]: value })).toBe("PutObject");
  });

  it("values that nobody knows are refused as such", () => {
    expect(nameOf("PUT", "/b/k", { "x-amz-acl": "everybody" })).toBe("! InvalidArgument");
    expect(nameOf("PUT", "/b/k", { "x-amz-grant-read": "everybody" })).toBe("! InvalidArgument");
    expect(nameOf("PUT", "/b/k", { "x-amz-grant-read": "id=" })).toBe("! InvalidArgument");
    const both = { "x-amz-acl": "private", "x-amz-grant-read": "id=1" };
    expect(nameOf("PUT", "/b/k", both)).toBe("! InvalidRequest");
    expect(nameOf("PUT", "/b/k", { "x-amz-storage-class": "GOLD" })).toBe("! InvalidStorageClass");
    expect(nameOf("PUT", "/b/k", { "x-amz-meta-a": "x".repeat(2048) })).toBe("! MetadataTooLarge");
    expect(nameOf("PUT", "/b/k", { "x-amz-meta-a": "x".repeat(2047) })).toBe("PutObject");
    expect(nameOf("POST", "/b/k?uploads", { "x-amz-checksum-algorithm": "CRC99" })).toBe("! InvalidRequest");
    expect(nameOf("POST", "/b/k?uploads", { "x-amz-checksum-algorithm": "SHA512" })).toBe("! NotImplemented");
    expect(nameOf("POST", "/b/k?uploads", { "x-amz-checksum-type": "HALF" })).toBe("! InvalidArgument");
    expect(nameOf("PUT", "/b/k", { ...COPY, "x-amz-metadata-directive": "MERGE" })).toBe("! InvalidArgument");
    expect(nameOf("PUT", "/b/k", { ...COPY, "x-amz-checksum-algorithm": "SHA512" })).toBe("! NotImplemented");
    expect(nameOf("GET", "/b/k", { "x-amz-server-side-encryption": "AES256" })).toBe("! InvalidArgument");
    const part = { "x-amz-server-side-encryption": "aws:kms" };
    expect(nameOf("PUT", "/b/k?uploadId=u&partNumber=1", part)).toBe("UploadPart");
  });
});
