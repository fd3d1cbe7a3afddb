import { invalidArgument, notImplemented, S3Refusal } from "../errors.ts";
import { FEATURE_PARAMETERS } from "../features/operations.ts";
import type { RequestHeaders } from "../http.ts";
import type { S3OperationName } from "../operations.ts";
import type { QueryParameters } from "./query.ts";
import type { RequestTarget } from "./target.ts";

type Routes = Readonly<Record<string, S3OperationName>>;

/** Sub-resources of a bucket: parameter name -> method -> operation. */
const BUCKET_SUB_RESOURCES: Readonly<Record<string, Routes>> = {
  abac: { GET: "GetBucketAbac", PUT: "PutBucketAbac" },
  accelerate: { GET: "GetBucketAccelerateConfiguration", PUT: "PutBucketAccelerateConfiguration" },
  acl: { GET: "GetBucketAcl", PUT: "PutBucketAcl" },
  analytics: {
    GET: "GetBucketAnalyticsConfiguration",
    PUT: "PutBucketAnalyticsConfiguration",
    DELETE: "DeleteBucketAnalyticsConfiguration",
  },
  cors: { GET: "GetBucketCors", PUT: "PutBucketCors", DELETE: "DeleteBucketCors" },
  delete: { POST: "DeleteObjects" },
  encryption: { GET: "GetBucketEncryption", PUT: "PutBucketEncryption", DELETE: "DeleteBucketEncryption" },
  "intelligent-tiering": {
    GET: "GetBucketIntelligentTieringConfiguration",
    PUT: "PutBucketIntelligentTieringConfiguration",
    DELETE: "DeleteBucketIntelligentTieringConfiguration",
  },
  inventory: {
    GET: "GetBucketInventoryConfiguration",
    PUT: "PutBucketInventoryConfiguration",
    DELETE: "DeleteBucketInventoryConfiguration",
  },
  lifecycle: {
    GET: "GetBucketLifecycleConfiguration",
    PUT: "PutBucketLifecycleConfiguration",
    DELETE: "DeleteBucketLifecycle",
  },
  location: { GET: "GetBucketLocation" },
  logging: { GET: "GetBucketLogging", PUT: "PutBucketLogging" },
  metadataAnnotationTable: { PUT: "UpdateBucketMetadataAnnotationTableConfiguration" },
  metadataConfiguration: {
    GET: "GetBucketMetadataConfiguration",
    POST: "CreateBucketMetadataConfiguration",
    DELETE: "DeleteBucketMetadataConfiguration",
  },
  metadataInventoryTable: { PUT: "UpdateBucketMetadataInventoryTableConfiguration" },
  metadataJournalTable: { PUT: "UpdateBucketMetadataJournalTableConfiguration" },
  metadataTable: {
    GET: "GetBucketMetadataTableConfiguration",
    POST: "CreateBucketMetadataTableConfiguration",
    DELETE: "DeleteBucketMetadataTableConfiguration",
  },
  metrics: {
    GET: "GetBucketMetricsConfiguration",
    PUT: "PutBucketMetricsConfiguration",
    DELETE: "DeleteBucketMetricsConfiguration",
  },
  notification: { GET: "GetBucketNotificationConfiguration", PUT: "PutBucketNotificationConfiguration" },
  "object-lock": { GET: "GetObjectLockConfiguration", PUT: "PutObjectLockConfiguration" },
  ownershipControls: {
    GET: "GetBucketOwnershipControls",
    PUT: "PutBucketOwnershipControls",
    DELETE: "DeleteBucketOwnershipControls",
  },
  policy: { GET: "GetBucketPolicy", PUT: "PutBucketPolicy", DELETE: "DeleteBucketPolicy" },
  policyStatus: { GET: "GetBucketPolicyStatus" },
  publicAccessBlock: {
    GET: "GetPublicAccessBlock",
    PUT: "PutPublicAccessBlock",
    DELETE: "DeletePublicAccessBlock",
  },
  replication: {
    GET: "GetBucketReplication",
    PUT: "PutBucketReplication",
    DELETE: "DeleteBucketReplication",
  },
  requestPayment: { GET: "GetBucketRequestPayment", PUT: "PutBucketRequestPayment" },
  session: { GET: "CreateSession" },
  tagging: { GET: "GetBucketTagging", PUT: "PutBucketTagging", DELETE: "DeleteBucketTagging" },
  uploads: { GET: "ListMultipartUploads" },
  versioning: { GET: "GetBucketVersioning", PUT: "PutBucketVersioning" },
  versions: { GET: "ListObjectVersions" },
  website: { GET: "GetBucketWebsite", PUT: "PutBucketWebsite", DELETE: "DeleteBucketWebsite" },
};

/** Configurations of which a bucket has many: without "id", GET lists them. */
const LISTED_CONFIGURATIONS: Routes = {
  analytics: "ListBucketAnalyticsConfigurations",
  "intelligent-tiering": "ListBucketIntelligentTieringConfigurations",
  inventory: "ListBucketInventoryConfigurations",
  metrics: "ListBucketMetricsConfigurations",
};

/** Sub-resources of an object. */
const OBJECT_SUB_RESOURCES: Readonly<Record<string, Routes>> = {
  acl: { GET: "GetObjectAcl", PUT: "PutObjectAcl" },
  annotation: {
    GET: "GetObjectAnnotation",
    PUT: "PutObjectAnnotation",
    DELETE: "DeleteObjectAnnotation",
  },
  attributes: { GET: "GetObjectAttributes" },
  encryption: { PUT: "UpdateObjectEncryption" },
  "legal-hold": { GET: "GetObjectLegalHold", PUT: "PutObjectLegalHold" },
  renameObject: { PUT: "RenameObject" },
  restore: { POST: "RestoreObject" },
  retention: { GET: "GetObjectRetention", PUT: "PutObjectRetention" },
  select: { POST: "SelectObjectContent" },
  tagging: { GET: "GetObjectTagging", PUT: "PutObjectTagging", DELETE: "DeleteObjectTagging" },
  torrent: { GET: "GetObjectTorrent" },
  uploadId: {
    GET: "ListParts",
    PUT: "UploadPart",
    POST: "CompleteMultipartUpload",
    DELETE: "AbortMultipartUpload",
  },
  uploads: { POST: "CreateMultipartUpload" },
};

const SERVICE_ROUTES: Routes = { GET: "ListBuckets", POST: "IdentityApi" };
const BUCKET_ROUTES: Routes = {
  GET: "ListObjects",
  HEAD: "HeadBucket",
  PUT: "CreateBucket",
  DELETE: "DeleteBucket",
  POST: "PostObject",
};
const OBJECT_ROUTES: Routes = {
  GET: "GetObject",
  HEAD: "HeadObject",
  PUT: "PutObject",
  DELETE: "DeleteObject",
};

const SUB_RESOURCES: ReadonlySet<string> = new Set([
  ...Object.keys(BUCKET_SUB_RESOURCES),
  ...Object.keys(OBJECT_SUB_RESOURCES),
]);

/**
 * Which operation a request is. Never guesses: two sub-resources, one of the wrong level or one that does not know the method are refused,
 * so that no request falls through to an operation that it does not mean.
 */
export function routeRequest(
  method: string,
  target: RequestTarget,
  headers: RequestHeaders,
): S3OperationName {
  if (method === "OPTIONS") return "Preflight";
  const subResource = selectSubResource(target.query);
  if (target.bucket === undefined) return routeService(method, subResource, target.query);
  if (target.key === undefined) return routeBucket(method, subResource, target.bucket, target.query);
  return routeObject(method, subResource, target.query, headers);
}

function selectSubResource(query: QueryParameters): string | undefined {
  if (query.size === 0) return undefined;
  let selected: string | undefined;
  for (const name of query.keys()) {
    if (!SUB_RESOURCES.has(name)) continue;
    if (selected !== undefined) {
      throw invalidArgument(
        `Conflicting query string parameters: ${selected}, ${name}`,
        "ResourceType",
        name,
      );
    }
    selected = name;
  }
  return selected;
}

function routeService(
  method: string,
  subResource: string | undefined,
  query: QueryParameters,
): S3OperationName {
  if (method === "POST") return "IdentityApi";
  if (subResource !== undefined) throw wrongLevel(subResource);
  if (query.get("x-id") === "ListDirectoryBuckets") return "ListDirectoryBuckets";
  return byMethod(SERVICE_ROUTES, method);
}

function routeBucket(
  method: string,
  subResource: string | undefined,
  bucket: string,
  query: QueryParameters,
): S3OperationName {
  if (subResource === undefined) {
    if (method === "POST" && bucket === "WriteGetObjectResponse") return "WriteGetObjectResponse";
    if (method === "GET" && query.has("list-type")) return listType(query.get("list-type")!);
    return byMethod(BUCKET_ROUTES, method);
  }
  const routes = BUCKET_SUB_RESOURCES[subResource];
  if (routes === undefined) throw wrongLevel(subResource);
  const listed = LISTED_CONFIGURATIONS[subResource];
  return method === "GET" && listed !== undefined && !query.has("id") ? listed : byMethod(routes, method);
}

function listType(value: string): S3OperationName {
  if (value === "2") return "ListObjectsV2";
  if (value === "1" || value === "") return "ListObjects";
  throw invalidArgument("Invalid List Type specified in Request", "list-type", value);
}

function routeObject(
  method: string,
  subResource: string | undefined,
  query: QueryParameters,
  headers: RequestHeaders,
): S3OperationName {
  const copies = method === "PUT" && headers.has("x-amz-copy-source");
  if (subResource === undefined) {
    return copies ? "CopyObject" : byMethod(OBJECT_ROUTES, method);
  }
  const routes = OBJECT_SUB_RESOURCES[subResource];
  if (routes === undefined) throw wrongLevel(subResource);
  const name = byMethod(routes, method);
  if (name === "GetObjectAnnotation" && !query.has("annotationName")) return "ListObjectAnnotations";
  if (!copies) return name;
  if (name === "UploadPart") return "UploadPartCopy";
  throw new S3Refusal("InvalidRequest", `x-amz-copy-source cannot be combined with ?${subResource}.`);
}

function byMethod(routes: Routes, method: string): S3OperationName {
  const name = Object.hasOwn(routes, method) ? routes[method] : undefined;
  if (name === undefined) throw new S3Refusal("MethodNotAllowed", undefined, { Method: method });
  return name;
}

function wrongLevel(subResource: string): S3Refusal {
  return notImplemented(`The sub-resource "${subResource}" of this kind of resource`);
}

/** Parameters that any request may carry: a hint of SDKs and what presigning adds. */
const COMMON_PARAMETERS: ReadonlySet<string> = new Set([
  "x-id",
  "X-Amz-Algorithm",
  "X-Amz-Credential",
  "X-Amz-Date",
  "X-Amz-Expires",
  "X-Amz-SignedHeaders",
  "X-Amz-Signature",
  "X-Amz-Security-Token",
  "X-Amz-Content-Sha256",
]);

const RESPONSE_OVERRIDES = [
  "response-cache-control",
  "response-content-disposition",
  "response-content-encoding",
  "response-content-language",
  "response-content-type",
  "response-expires",
];

/** "metadata" is how one widespread client asks for its own extension of listings; S3 itself ignores it. */
const LIST_PARAMETERS = ["prefix", "delimiter", "max-keys", "encoding-type", "metadata"];

/** What `success_action_redirect` of a form adds to the place that it sends a browser to, which may be here. */
const REDIRECTED_PARAMETERS = ["bucket", "key", "etag"];

/** The parameters of each supported operation. Operations that are not here take none, or are not looked at any further. */
const PARAMETERS: Readonly<Partial<Record<S3OperationName, ReadonlySet<string>>>> = {
  ...FEATURE_PARAMETERS,
  ListBuckets: new Set(["prefix", "max-buckets", "continuation-token", "bucket-region"]),
  CreateBucket: new Set(),
  HeadBucket: new Set(),
  DeleteBucket: new Set(),
  GetBucketLocation: new Set(["location"]),
  ListObjects: new Set([...LIST_PARAMETERS, ...REDIRECTED_PARAMETERS, "list-type", "marker"]),
  ListObjectsV2: new Set([
    ...LIST_PARAMETERS,
    "list-type",
    "continuation-token",
    "start-after",
    "fetch-owner",
  ]),
  ListObjectVersions: new Set([...LIST_PARAMETERS, "versions", "key-marker", "version-id-marker"]),
  ListMultipartUploads: new Set([
    "uploads",
    "prefix",
    "delimiter",
    "key-marker",
    "upload-id-marker",
    "max-uploads",
    "encoding-type",
  ]),
  DeleteObjects: new Set(["delete"]),
  PostObject: new Set(),
  PutObject: new Set(),
  GetObject: new Set(["versionId", "partNumber", ...REDIRECTED_PARAMETERS, ...RESPONSE_OVERRIDES]),
  HeadObject: new Set(["versionId", "partNumber", ...RESPONSE_OVERRIDES]),
  DeleteObject: new Set(["versionId"]),
  CopyObject: new Set(),
  CreateMultipartUpload: new Set(["uploads"]),
  UploadPart: new Set(["uploadId", "partNumber"]),
  UploadPartCopy: new Set(["uploadId", "partNumber"]),
  CompleteMultipartUpload: new Set(["uploadId"]),
  AbortMultipartUpload: new Set(["uploadId"]),
  ListParts: new Set(["uploadId", "max-parts", "part-number-marker", "encoding-type"]),
};

const KNOWN_PARAMETERS: ReadonlySet<string> = new Set(
  Object.values(PARAMETERS).flatMap((names) => [...names]),
);

/**
 * Refuses parameters that the operation does not have: 501 for names that S3 may know and this gateway does not, 400 for those of another
 * operation. What is hoisted into a presigned URL (x-amz-*) has become a header before.
 */
export function checkParameters(name: S3OperationName, query: QueryParameters): void {
  const allowed = PARAMETERS[name];
  if (allowed === undefined || query.size === 0) return;
  for (const [parameter, value] of query) {
    if (allowed.has(parameter) || COMMON_PARAMETERS.has(parameter) || isHoistedHeader(parameter)) continue;
    if (KNOWN_PARAMETERS.has(parameter)) {
      throw invalidArgument(`The parameter "${parameter}" is not one of ${name}.`, parameter, value);
    }
    throw notImplemented(`The query parameter "${parameter}"`);
  }
}

/** Presigned URLs may carry x-amz-* headers as parameters. */
export function isHoistedHeader(parameter: string): boolean {
  return (
    (parameter.startsWith("x-amz-") || parameter.startsWith("X-Amz-")) && !COMMON_PARAMETERS.has(parameter)
  );
}
