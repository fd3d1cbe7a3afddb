import { isPrivateAcl } from "../../access/index.ts";
import { equalBytes } from "../../base/index.ts";
import {
  aclDocument,
  type NewBucketConfiguration,
  ObjectError,
  ownershipDocument,
} from "../../object/index.ts";
import { openOptionalBody } from "../body/open-body.ts";
import { readWholeBody } from "../body/whole-body.ts";
import { notImplemented, S3Refusal } from "../errors.ts";
import { resolveAcl } from "../features/acl/grants.ts";
import { NO_BODY, type S3Response } from "../http.ts";
import { MAX_LISTED_BUCKETS } from "../limits.ts";
import type { CreateBucket } from "../operation.ts";
import { renderBuckets, renderLocation } from "../render/buckets.ts";
import { xmlResponse } from "../render/document.ts";
import { childrenOf, malformed, readXml, textOf } from "../xml/reader.ts";
import type { Call, Handlers } from "./call.ts";

type Names = "ListBuckets" | "CreateBucket" | "HeadBucket" | "DeleteBucket" | "GetBucketLocation";

export const bucketHandlers: Handlers<Names> = {
  ListBuckets: async (operation, call) => {
    const { principal } = call.authenticated;
    const result = await call.store.listBuckets({
      principal,
      prefix: operation.prefix,
      after: operation.after,
      limit: operation.maxBuckets ?? MAX_LISTED_BUCKETS,
    });
    const { region } = operation;
    const buckets =
      region === undefined ? result.buckets : result.buckets.filter((bucket) => bucket.region === region);
    return xmlResponse(renderBuckets(operation, { ...result, buckets }, principal.owner));
  },

  CreateBucket: async (operation, call) => {
    const region = await requestedRegion(call);
    const { owner } = call.authenticated.principal;
    const configurations = initialConfigurations(operation, call);
    const { bucket, objectLock } = operation;
    try {
      await call.store.createBucket({ bucket, region, owner, configurations, objectLock });
    } catch (error) {
      if (!(error instanceof ObjectError) || error.code !== "bucket-owned-by-you") throw error;
      checkRepetition(error, { bucket, region, configurations, objectLock }, call);
    }
    return { status: 200, headers: ["Location", `/${operation.bucket}`], body: NO_BODY };
  },

  HeadBucket: async (operation, call) => {
    const bucket = await call.store.headBucket(operation.bucket);
    return {
      status: 200,
      headers: [
        "Content-Type",
        "application/xml",
        "x-amz-bucket-region",
        bucket.region,
        "x-amz-access-point-alias",
        "false",
      ],
      body: NO_BODY,
    };
  },

  DeleteBucket: async (operation, call) => {
    await call.store.deleteBucket(operation.bucket);
    return NO_CONTENT;
  },

  GetBucketLocation: async (operation, call) => {
    const bucket = await call.store.headBucket(operation.bucket);
    return xmlResponse(renderLocation(bucket.region));
  },
};

/** Where S3 answers 200 to who makes a bucket of his own again. Everywhere else it says "BucketAlreadyOwnedByYou". */
const REPEATING_REGION = "us-east-1";

interface WantedBucket {
  readonly bucket: string;
  readonly region: string;
  readonly configurations: readonly NewBucketConfiguration[];
  readonly objectLock: boolean;
}

/**
 * Throws unless the bucket of the caller's own that is there may pass for the one that was asked for. One that has another list is not it. One whose
 * other settings were asked for may have them or not: it is for the client to look.
 */
function checkRepetition(error: ObjectError, wanted: WantedBucket, call: Call): void {
  const { bucket, region, configurations, objectLock } = wanted;
  const { ownerId = "", acl } = call.store.bucketAccess(bucket) ?? {};
  const present = acl === undefined || isPrivateAcl(acl, ownerId) ? undefined : aclDocument(acl).document;
  const document = configurations.find(({ kind }) => kind === "acl")?.configuration.document;
  const isSame =
    present === undefined || document === undefined ? present === document : equalBytes(present, document);
  if (!isSame) throw new S3Refusal("BucketAlreadyExists", undefined, { BucketName: bucket });
  const isPlain = !objectLock && configurations.every(({ kind }) => kind === "acl");
  if (call.region !== REPEATING_REGION || region !== REPEATING_REGION || !isPlain) throw error;
}

export const NO_CONTENT: S3Response = { status: 204, headers: [], body: NO_BODY };

const CONFIGURATION = "CreateBucketConfiguration";

/** The region in the body; without one, that of this endpoint. */
async function requestedRegion(call: Call): Promise<string> {
  const body = openOptionalBody(call.request, call.headers, call.authenticated);
  const bytes = await readWholeBody(body, call.hasher);
  if (bytes.length === 0) return call.region;
  const root = readXml(bytes, CONFIGURATION);
  for (const child of childrenOf(root, ["LocationConstraint", "Location", "Bucket", "Tags"])) {
    if (child.name !== "LocationConstraint") throw notImplemented(`${child.name} in ${CONFIGURATION}`);
  }
  const constraint = textOf(root, "LocationConstraint")?.trim() ?? "";
  if (constraint === "") return call.region;
  const region = constraint === "EU" ? "eu-west-1" : constraint;
  if (!REGION_NAME.test(region)) throw malformed("LocationConstraint is not the name of a region");
  if (region === call.region || call.anyRegion) return region;
  throw new S3Refusal(
    "IllegalLocationConstraintException",
    `The ${region} location constraint is incompatible for the region specific endpoint this request was sent to.`,
  );
}

const REGION_NAME = /^[A-Za-z0-9-]{1,64}$/;

/** What the headers say about who may use the bucket is so from its first moment. */
function initialConfigurations(
  { acl, ownership }: CreateBucket,
  call: Call,
): readonly NewBucketConfiguration[] {
  const { owner } = call.authenticated.principal;
  const configurations: NewBucketConfiguration[] = [];
  if (ownership !== undefined) {
    configurations.push({ kind: "ownership-controls", configuration: ownershipDocument(ownership) });
  }
  if (acl === undefined) return configurations;
  const grants = resolveAcl(acl, { owner, bucketOwnerId: owner.id }, call.owners);
  if (isPrivateAcl(grants, owner.id)) return configurations;
  if (ownership === "BucketOwnerEnforced") throw new S3Refusal("InvalidBucketAclWithObjectOwnership");
  return [...configurations, { kind: "acl", configuration: aclDocument(grants) }];
}
