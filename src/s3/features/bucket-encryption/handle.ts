import {
  type BucketEncryption,
  bucketEncryptionDocument,
  readBucketEncryption,
} from "../../../object/index.ts";
import { readDocument } from "../../body/document.ts";
import { requestedKeyId } from "../../encryption/request.ts";
import { invalidArgument, notImplemented, S3Refusal } from "../../errors.ts";
import { NO_CONTENT } from "../../handlers/buckets.ts";
import type { Handlers } from "../../handlers/call.ts";
import { NO_BODY } from "../../http.ts";
import { xmlResponse } from "../../render/document.ts";
import { childrenOf, malformed, textOf, type XmlElement } from "../../xml/reader.ts";
import { S3_NAMESPACE, XmlWriter } from "../../xml/writer.ts";
import type { BucketEncryptionOperation } from "./operations.ts";

const KIND = "encryption";
const ROOT = "ServerSideEncryptionConfiguration";
const BY_DEFAULT = "ApplyServerSideEncryptionByDefault";

export const bucketEncryptionHandlers: Handlers<BucketEncryptionOperation["name"]> = {
  GetBucketEncryption: async ({ bucket }, call) => {
    const configuration = await call.store.getBucketConfiguration({ bucket, kind: KIND });
    if (configuration === undefined) {
      throw new S3Refusal("ServerSideEncryptionConfigurationNotFoundError", undefined, {
        BucketName: bucket,
      });
    }
    return xmlResponse(render(readBucketEncryption(configuration)));
  },

  PutBucketEncryption: async ({ bucket }, call) => {
    const encryption = read(await readDocument(call, ROOT));
    const configuration = bucketEncryptionDocument(encryption);
    await call.store.putBucketConfiguration({ bucket, kind: KIND, configuration });
    return { status: 200, headers: [], body: NO_BODY };
  },

  DeleteBucketEncryption: async ({ bucket }, call) => {
    await call.store.deleteBucketConfiguration({ bucket, kind: KIND });
    return NO_CONTENT;
  },
};

/** Exactly one rule, as S3 has it. */
function read(root: XmlElement): BucketEncryption {
  const [rule, ...more] = childrenOf(root, ["Rule"]);
  if (rule === undefined || more.length > 0) throw malformed(`${ROOT} holds one Rule`);
  const children = childrenOf(rule, [BY_DEFAULT, "BucketKeyEnabled", "BlockedEncryptionTypes"]);
  if (children.some(({ name }) => name === "BlockedEncryptionTypes")) {
    throw notImplemented("BlockedEncryptionTypes in the encryption of a bucket");
  }
  const byDefault = children.find(({ name }) => name === BY_DEFAULT);
  if (byDefault === undefined) throw malformed(`a Rule has ${BY_DEFAULT}`);
  childrenOf(byDefault, ["SSEAlgorithm", "KMSMasterKeyID"]);
  const algorithm = textOf(byDefault, "SSEAlgorithm")?.trim();
  const keyId = requestedKeyId(textOf(byDefault, "KMSMasterKeyID")?.trim());
  const bucketKey = textOf(rule, "BucketKeyEnabled")?.trim().toLowerCase() === "true";
  switch (algorithm) {
    case "AES256":
      if (keyId !== undefined) {
        throw invalidArgument(
          "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms",
          "KMSMasterKeyID",
          keyId,
        );
      }
      return { algorithm, keyId: undefined, bucketKey };
    case "aws:kms":
      if (keyId === undefined) {
        throw invalidArgument("aws:kms needs the id of an encryption key", "KMSMasterKeyID", "");
      }
      return { algorithm, keyId, bucketKey };
    case "aws:kms:dsse":
      throw notImplemented(`The encryption method ${algorithm}`);
    default:
      throw malformed("SSEAlgorithm is AES256 or aws:kms");
  }
}

function render({ algorithm, keyId, bucketKey }: BucketEncryption): string {
  const xml = new XmlWriter(ROOT, S3_NAMESPACE);
  xml.element("Rule", () => {
    xml.element(BY_DEFAULT, () => {
      xml.leaf("SSEAlgorithm", algorithm).leaf("KMSMasterKeyID", keyId);
    });
    xml.leaf("BucketKeyEnabled", bucketKey);
  });
  return xml.end();
}
