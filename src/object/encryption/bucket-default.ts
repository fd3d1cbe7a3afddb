import { BucketConfigurationKind, type BucketRow } from "../../gen/skerry/meta/v1/rows_pb.js";
import type { BucketConfiguration } from "../bucket-configuration.ts";
import type { ObjectContext } from "../context.ts";
import type { EncryptionRequest } from "./types.ts";

const FORMAT = 1;
const PARSED = new WeakMap<BucketConfiguration, BucketEncryption>();

/** What a bucket's encryption configuration says. */
export interface BucketEncryption {
  readonly algorithm: "AES256" | "aws:kms";
  /** Of aws:kms. */
  readonly keyId: string | undefined;
  readonly bucketKey: boolean;
}

/** JSON of `BucketEncryption`. */
export function bucketEncryptionDocument(encryption: BucketEncryption): BucketConfiguration {
  return { format: FORMAT, document: new TextEncoder().encode(JSON.stringify(encryption)) };
}

/** Throws on a format that this version does not know. */
export function readBucketEncryption(configuration: BucketConfiguration): BucketEncryption {
  const known = PARSED.get(configuration);
  if (known !== undefined) return known;
  if (configuration.format !== FORMAT) {
    throw new Error(`a bucket's encryption has the unknown format ${configuration.format}`);
  }
  const { algorithm, keyId, bucketKey } = JSON.parse(new TextDecoder().decode(configuration.document)) as {
    readonly algorithm: BucketEncryption["algorithm"];
    readonly keyId?: string;
    readonly bucketKey: boolean;
  };
  const parsed = { algorithm, keyId, bucketKey };
  PARSED.set(configuration, parsed);
  return parsed;
}

/** How a new object of this bucket is encrypted: as its request says, else as the bucket says; undefined: not at all. */
export function wantedEncryption(
  context: ObjectContext,
  bucket: BucketRow,
  request: EncryptionRequest | undefined,
): EncryptionRequest | undefined {
  const namesKey = request?.kind !== "sse-kms" || request.keyId !== undefined;
  if (request !== undefined && namesKey) return request;
  const byDefault = bucketEncryption(context, bucket);
  if (request === undefined) return byDefault;
  return byDefault?.kind === "sse-kms" ? { ...request, keyId: byDefault.keyId } : request;
}

function bucketEncryption(context: ObjectContext, bucket: BucketRow): EncryptionRequest | undefined {
  const configuration = context.view.bucketConfiguration(bucket, BucketConfigurationKind.ENCRYPTION);
  if (configuration === undefined) return undefined;
  const { algorithm, keyId, bucketKey } = readBucketEncryption(configuration);
  return algorithm === "AES256"
    ? { kind: "sse-s3" }
    : { kind: "sse-kms", keyId, context: undefined, bucketKey };
}
